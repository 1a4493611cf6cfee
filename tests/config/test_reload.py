"""What a reload may change, and what it names."""

import pytest

from freetheai.config import Differences, reloadable_differences, reloaded

BASE = (
    '[providers.a]\nbase_url = "http://a"\napi_keys = ["k1"]\n[limits]\nmax_addresses = 2\n[server]\nport = 1\n'
    '[timeouts]\nstall = 9\n[moderation]\nendpoint = ""\n'
)


@pytest.mark.parametrize(
    ("old", "new", "reloadable", "needs_restart"),
    [
        pytest.param("", "", (), (), id="nothing"),
        pytest.param("max_addresses = 2", "max_addresses = 3", ("limits.max_addresses",), (), id="a limit"),
        pytest.param('"k1"', '"k2"', ("providers.a.api_keys",), (), id="a key, without its value"),
        pytest.param("[providers.a]", "[providers.b]", ("providers.a", "providers.b"), (), id="another provider"),
        pytest.param("stall = 9", "stall = 8", ("timeouts.stall", "providers.a.timeouts"), (), id="a time-out of all"),
        pytest.param(
            'endpoint = ""', 'endpoint = "http://m"', ("moderation.endpoint",), (), id="the moderation's endpoint"
        ),
        pytest.param("port = 1", "port = 2", (), ("server.port", "server.public_url"), id="the port"),
        pytest.param(
            "[server]",
            "[gates]\ncheckin = true\n[redis]\nprefix = 'x'\n[server]",
            ("gates.checkin",),
            ("redis.prefix",),
            id="some of both",
        ),
    ],
)
def test_differences_are_named(load, old, new, reloadable, needs_restart):
    before, after = load(BASE), load(BASE.replace(old, new))
    assert reloadable_differences(before, after) == Differences(reloadable=reloadable, needs_restart=needs_restart)


def test_what_was_reloaded_is_new_and_the_rest_as_it_was(load):
    before = load(BASE)
    after = load(BASE.replace("port = 1", "port = 2").replace("max_addresses = 2", "max_addresses = 3"))
    running = reloaded(before, after)
    assert running.limits == after.limits
    assert running.server == before.server
    # What is left is what a restart would change.
    assert reloadable_differences(running, after) == Differences(
        reloadable=(), needs_restart=("server.port", "server.public_url")
    )
