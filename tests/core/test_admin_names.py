"""By which names the admin port may be asked: none that its owner could point at loopback."""

import socket

import pytest

from handlers.admin import is_own_name


@pytest.mark.parametrize(
    "host",
    ["", "127.0.0.1", "127.0.0.1:8081", "[::1]:8081", "LOCALHOST:8081", "gateway", "host.docker.internal:8081",
     "gateway.local.", socket.gethostname()],
)  # fmt: skip
def test_names_that_mean_this_machine(host):
    assert is_own_name(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8081", "127.0.0.1.evil.example", "localhost.evil.example", "notlocal.org"]
)
def test_names_that_anyone_may_own(host):
    assert not is_own_name(host)
