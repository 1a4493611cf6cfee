"""Used-up quota windows in a real Redis: what one process runs into rests the credential in all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.base import Verdict
from freetheai import clock, errors
from freetheai.bus import Bus
from freetheai.config import ProviderSettings, Secret
from freetheai.credentials import PROBE_WINDOW_EVERY_S
from freetheai.limits import open_redis
from freetheai.limits.windows import UsedWindow, UsedWindows
from freetheai.providers import Providers
from freetheai.tasks import TaskGroup
from freetheai.window_sharing import WindowSharing
from support.limit_accounts import CLOCK_KEY, CLOCK_LUA
from support.on_loop import eventually, on_loop

SETTINGS = {"glm": ProviderSettings(adapter="zai", base_url="http://glm/v1", api_keys=(Secret("one"), Secret("two")))}
DEPLETED = Verdict(row=errors.GLM_DEPLETED, scope="key", retry_after_s=5000, is_window=True)


def window(credential: str = "c", left_s: float = 100) -> UsedWindow:
    return UsedWindow(provider="glm", credential=credential, row="glm_depleted", left_s=left_s)


def at(server: Any, second: float) -> None:
    server.command("SET", CLOCK_KEY, str(round((1_800_000_000 + second) * 1_000_000)))


@on_loop
async def test_a_window_is_known_until_it_is_full_again(redis_server):
    redis = open_redis(redis_server.url)
    windows = UsedWindows(redis, "t", clock_lua=CLOCK_LUA)
    try:
        at(redis_server, 0)
        assert await windows.read() == []
        await windows.note(window("a", 100))
        await windows.note(window("b", 18000))
        at(redis_server, 40)
        assert await windows.read() == [window("a", 60), window("b", 17960)]
        await windows.note(window("b", 300))
        assert await windows.read() == [window("a", 60), window("b", 17960)], "a later note does not shorten it"
        at(redis_server, 100)
        assert await windows.read() == [window("b", 17900)]
        at(redis_server, 18000)
        assert await windows.read() == []
        assert redis_server.command("EXISTS", "t:windows") == b":0\r\n"
    finally:
        await redis.close()


@on_loop
async def test_a_window_that_is_open_again_is_forgotten(redis_server):
    redis = open_redis(redis_server.url)
    windows = UsedWindows(redis, "t")
    try:
        await windows.note(window("a", 100))
        await windows.note(window("b", 100))
        await windows.note(window("a", 0))
        await windows.note(window("never", 0))
        assert [left.credential for left in await windows.read()] == ["b"]
    finally:
        await redis.close()


@on_loop
async def test_redis_forgets_by_itself(redis_server):
    redis = open_redis(redis_server.url)
    try:
        await UsedWindows(redis, "t").note(window("a", 5000))
        await UsedWindows(redis, "t").note(window("b", 20))
        assert 4900 <= int(redis_server.command("TTL", "t:windows").strip(b":\r\n")) <= 5000
    finally:
        await redis.close()


@contextlib.asynccontextmanager
async def process(server: Any) -> AsyncIterator[Providers]:
    """One gateway process, as far as windows go."""
    redis, tasks, providers = open_redis(server.url, timeout_s=0.5), TaskGroup(), Providers(SETTINGS)
    bus = Bus(redis.subscriber, "fta")
    sharing = WindowSharing(providers, UsedWindows(redis, "fta"), bus.publish, tasks)
    bus.subscribe(sharing.on_change, sharing.on_gap)
    bus.start()
    try:
        await eventually(lambda: bus.is_connected)
        yield providers
    finally:
        await tasks.close()
        await bus.close()
        await redis.close()


def refusal(providers: Providers) -> tuple[errors.ErrorSpec, float]:
    provider = providers.find("glm")
    assert provider is not None
    return provider.refusal("m", clock.monotonic_s())


def run_into(providers: Providers, *numbers: int) -> None:
    provider = providers.find("glm")
    assert provider is not None
    for number in numbers:
        provider.failed(provider.credentials[number], "m", DEPLETED, clock.monotonic_s())


@on_loop
async def test_what_one_process_runs_into_all_know(redis_server):
    async with process(redis_server) as first, process(redis_server) as second:
        run_into(first, 0)
        glm = second.find("glm")
        assert glm is not None
        await eventually(lambda: glm.credentials[0].is_in_window(clock.monotonic_s()))
        assert glm.pick("m", [], clock.monotonic_s()) is glm.credentials[1]
        run_into(second, 1)
        for each in (first, second):
            await eventually(lambda each=each: refusal(each)[0] is errors.GLM_DEPLETED)
            assert refusal(each)[1] == pytest.approx(5000, abs=30)


@on_loop
async def test_a_process_that_starts_later_knows_too(redis_server):
    async with process(redis_server) as first:
        run_into(first, 0, 1)
        redis = open_redis(redis_server.url)
        windows = UsedWindows(redis, "fta")

        async def count() -> bool:
            return len(await windows.read()) == 2

        await eventually(count)
        await redis.close()
    async with process(redis_server) as later:
        await eventually(lambda: refusal(later)[0] is errors.GLM_DEPLETED)


@on_loop
async def test_a_success_in_one_process_ends_the_window_in_all(redis_server):
    async with process(redis_server) as first, process(redis_server) as second:
        run_into(first, 0, 1)
        await eventually(lambda: refusal(second)[0] is errors.GLM_DEPLETED)
        glm = second.find("glm")
        assert glm is not None
        later_s = clock.monotonic_s() + PROBE_WINDOW_EVERY_S + 1
        credential = glm.pick("m", [], later_s)
        assert credential is not None
        place = glm.begin(credential, later_s)
        glm.end(place)
        glm.succeeded(place, "m")
        await eventually(lambda: refusal(first)[0] is errors.PROVIDER_UNAVAILABLE)
        assert refusal(first)[1] == 0
        # Whoever starts now knows of the other one alone.
        redis = open_redis(redis_server.url)
        assert len(await UsedWindows(redis, "fta").read()) == 1
        await redis.close()


def test_what_is_told_of_a_window_holds_no_secret():
    secret = "sk-very-secret"
    providers = Providers({"glm": ProviderSettings(adapter="zai", base_url="http://g", api_keys=(Secret(secret),))})
    heard: list[UsedWindow] = []
    providers.on_window = heard.append
    run_into(providers, 0)
    (told,) = heard
    assert secret not in repr(told)
    assert (told.provider, told.row, told.left_s) == ("glm", "glm_depleted", pytest.approx(5000))


@on_loop
async def test_without_redis_a_process_knows_its_own(new_redis_server, caplog):
    new_redis_server.start()
    async with process(new_redis_server) as only:
        new_redis_server.stop()
        run_into(only, 0, 1)
        assert refusal(only)[0] is errors.GLM_DEPLETED
        await eventually(lambda: "was not shared" in caplog.text)
        await asyncio.sleep(0)
        assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_windows_of_unknown_credentials_and_providers_are_passed_over():
    providers = Providers(SETTINGS)
    gone = UsedWindow(provider="gone", credential="c", row="glm_depleted", left_s=9)
    other = UsedWindow(provider="glm", credential="c", row="another_row", left_s=9)
    providers.learn([window("unknown"), gone, other], 0)
    glm = providers.find("glm")
    assert glm is not None
    assert glm.refusal("m", 0) == (errors.PROVIDER_UNAVAILABLE, 0)


def test_a_reload_keeps_the_windows_of_an_unchanged_provider_and_tells_of_new_ones():
    providers = Providers({})
    heard: list[UsedWindow] = []
    providers.on_window = heard.append
    providers.update(SETTINGS)
    run_into(providers, 0)
    providers.update(dict(SETTINGS))
    run_into(providers, 1)
    assert len({told.credential for told in heard}) == 2
    assert refusal(providers)[0] is errors.GLM_DEPLETED
