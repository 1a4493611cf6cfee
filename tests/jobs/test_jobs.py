"""Deferred jobs between a real MongoDB, a real Redis and a scripted provider: who is asked, how often, what counts."""

import asyncio
import contextlib
import dataclasses
from datetime import timedelta

import pymongo
import pytest

from fakes.upstream import Cut, Delay, Gate, Reply, ScriptedUpstream, ShortError, Silent, json_reply
from freetheai import errors, ids, jobs
from freetheai.config import ProviderSettings, TimeoutSettings
from freetheai.config.secret import Secret
from freetheai.errors import ApiError
from freetheai.jobs import Jobs, NewJob
from freetheai.providers import Providers
from freetheai.store.jobs import JobStore
from freetheai.upstream import Upstream
from support.limit_accounts import limiter_on, new_account, policy
from support.mongo_server import new_database, shared_server
from support.on_loop import eventually, on_loop
from support.stores import open_store

PENDING = json_reply({"status": "pending", "progress": 5}, 202)
DONE = json_reply({"status": "done", "video": {"url": "https://cdn.test/a.mp4"}})
FAILED = json_reply({"status": "failed", "error": {"code": "internal", "message": "GPU 7 of acme.example fell over"}})


class House:
    """Everything a job needs, and one owner."""

    def __init__(self, store, provider, limiter):
        self.store = JobStore(store)
        self.provider = provider
        self.limiter = limiter
        self.providers = Providers({"vid": self.settings("sk-a", "sk-b")})
        self.upstream = Upstream()
        self.account = new_account()
        self.jobs = self.another()

    def another(self):
        """What a second process has."""
        return Jobs(self.store, self.providers, self.upstream, self.limiter)

    def settings(self, *secrets, **changes):
        settings = ProviderSettings(
            adapter="openai",
            base_url=f"{self.provider.url}/v1",
            api_keys=tuple(map(Secret, secrets)),
            formats=("videos", "images"),
            timeouts=TimeoutSettings(connect=5, first_byte=1, idle=1, total=5),
        )
        return dataclasses.replace(settings, **changes)

    async def job(self, secret="sk-b", **changes):
        """A job that the credential made, counted on the owner's day."""
        lease = await self.limiter.acquire(self.account, policy(), "192.0.2.1")
        made_by = next(one for one in self.providers.find("vid").credentials if one.secret == secret)
        new = NewJob(
            user_id=self.account,
            kind="video",
            alias="vid/one",
            provider="vid",
            credential=made_by.fingerprint,
            upstream_model="model-1",
            upstream_id="up/1",
            receipt=lease.lease_id,
        )
        job = await self.jobs.accept(dataclasses.replace(new, **changes))
        await self.limiter.settle(lease, is_success=True, is_refundable=True)
        return job

    async def poll(self, job, by=None):
        """As a GET does."""
        by = by or self.jobs
        return await by.poll(await by.find(job["request_id"], self.account, job["kind"]))

    async def used(self):
        limits = policy()
        return limits.daily_successes - (await self.limiter.standing(self.account, limits)).day.remaining


@pytest.fixture(scope="module")
def database():
    """One for all tests here: each has an account of its own, and a new database's indexes cost the most of a test."""
    with pymongo.MongoClient(shared_server().url) as client:
        fresh = client[new_database()]
        yield fresh
        client.drop_database(fresh.name)


@pytest.fixture
def open_house(mongo, database, redis_server, monkeypatch):
    """A function that opens a house; answers to polls are never fresh unless a test says so."""
    monkeypatch.setattr(jobs, "FRESH_S", 0.0)

    @contextlib.asynccontextmanager
    async def open_it():
        async with (
            ScriptedUpstream() as provider,
            open_store(mongo.url, database.name) as store,
            limiter_on(redis_server.url) as limiter,
        ):
            house = House(store, provider, limiter)
            try:
                yield house
            finally:
                await house.jobs.close()
                house.upstream.close()

    return open_it


@on_loop
async def test_a_poll_goes_to_the_credential_that_made_the_job_wherever_it_stands_in_the_pool(open_house):
    async with open_house() as house:
        house.provider.script = PENDING
        job = await house.job("sk-b")
        await house.poll(job)
        house.providers.update({"vid": house.settings("sk-new", "sk-b", "sk-a")})
        poll = await house.poll(job)
        assert poll.progress is not None and poll.progress.percent == 5
        asked = house.provider.requests
        assert [request.headers["authorization"] for request in asked] == ["Bearer sk-b"] * 2
        assert {(request.method, request.path) for request in asked} == {("GET", "/v1/videos/up%2F1")}
        document = await house.store.find(job["request_id"], house.account, "video", job["created_at"])
        assert "sk-b" not in str(document)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda house: {"vid": house.settings("sk-a")}, id="the credential"),
        pytest.param(lambda house: {}, id="the provider"),
        pytest.param(lambda house: {"vid": house.settings("sk-b", formats=("chat",))}, id="the format"),
    ],
)
@on_loop
async def test_where_what_made_it_is_gone_nobody_is_asked_and_that_is_said(open_house, change):
    async with open_house() as house:
        house.provider.script = PENDING
        job = await house.job("sk-b")
        house.providers.update(change(house))
        poll = await house.poll(job)
        assert poll.progress is None and poll.error is not None
        assert poll.error.spec is errors.PROVIDER_UNAVAILABLE
        assert "no longer in use" in poll.error.message and "Error id: vid-" in poll.error.message
        assert poll.error.headers() == {"Retry-After": "3600", "x-should-retry": "false"}
        assert house.provider.requests == []
        assert await house.used() == 1


@on_loop
async def test_however_many_ask_the_provider_is_asked_once_until_the_answer_is_old(open_house, monkeypatch):
    async with open_house() as house:
        monkeypatch.setattr(jobs, "FRESH_S", 0.5)
        gate = Gate()
        house.provider.script = [Reply([gate, *PENDING.parts], status=202)]
        job = await house.job()
        asking = [asyncio.ensure_future(house.poll(job)) for _ in range(50)]
        await house.provider.wait_requests(1)
        asking[0].cancel()
        gate.open()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError), "who leaves, leaves alone"
        assert all(answer.progress.status == "pending" for answer in answers[1:])
        await house.poll(job)
        assert house.provider.request_count == 1
        other = await house.job()
        await house.poll(other)
        assert house.provider.request_count == 2, "another job is another question"

        async def is_asked_again():
            await house.poll(job)
            return house.provider.request_count > 2

        await eventually(is_asked_again)


@on_loop
async def test_a_large_answer_serves_those_who_wait_and_is_not_kept(open_house, monkeypatch):
    async with open_house() as house:
        monkeypatch.setattr(jobs, "FRESH_S", 60.0)
        reply = json_reply({"data": [{"b64_json": "A" * jobs.MAX_KEPT_BYTES}]})
        # All five wait by then.
        house.provider.script = dataclasses.replace(reply, parts=[Delay(0.5), *reply.parts])
        job = await house.job(kind="image")
        polls = await asyncio.gather(*(house.poll(job) for _ in range(5)))
        assert house.provider.request_count == 1
        assert all(len(poll.progress.result[0]["b64_json"]) == jobs.MAX_KEPT_BYTES for poll in polls)
        await asyncio.sleep(0)
        await house.poll(job)
        assert house.provider.request_count == 2
        assert {request.path for request in house.provider.requests} == {"/v1/images/generations/up%2F1"}


BAD_POLLS = [
    pytest.param(ShortError(401), errors.PROVIDER_UNAVAILABLE, id="our credential refused"),
    pytest.param(ShortError(429, headers=[("Retry-After", "7")]), errors.RATE_LIMIT, id="too many polls"),
    pytest.param(ShortError(500), errors.PROVIDER_ERROR, id="broken"),
    pytest.param(ShortError(503), errors.PROVIDER_UNAVAILABLE, id="busy"),
    pytest.param(Silent(), errors.PROVIDER_TIMEOUT, id="silent"),
    pytest.param(Cut(), errors.PROVIDER_ERROR, id="closed"),
    pytest.param(ShortError(200, b"<html>"), errors.PROVIDER_ERROR, id="a page"),
    pytest.param(json_reply({"hello": "there"}), errors.PROVIDER_ERROR, id="no state"),
    pytest.param(json_reply({"error": {"message": "rate limit reached"}}), errors.RATE_LIMIT, id="an error in band"),
]


@pytest.mark.parametrize(("part", "row"), BAD_POLLS)
@on_loop
async def test_a_poll_that_fails_is_no_failure_of_the_job_nor_of_the_provider(open_house, part, row):
    async with open_house() as house:
        house.provider.script = [part, DONE]
        provider, outcomes = house.providers.find("vid"), []
        provider.on_outcome = lambda *outcome: outcomes.append(outcome)
        job = await house.job("sk-a")
        poll = await house.poll(job)
        assert poll.progress is None
        assert poll.error is not None and poll.error.spec is row
        assert poll.failure is not None
        assert all(one.free_at_s("model-1") == 0 for one in provider.credentials), "it may still generate"
        assert (provider.consecutive_failures, outcomes) == (0, [])
        assert await house.used() == 1
        again = await house.poll(job)
        assert again.progress is not None and again.progress.status == "done"


@pytest.mark.parametrize("status", [404, 410])
@on_loop
async def test_what_the_provider_has_forgotten_is_unknown(open_house, status):
    async with open_house() as house:
        house.provider.script = ShortError(status)
        poll = await house.poll(await house.job())
        assert poll.error is not None and poll.error.spec is errors.JOB_UNKNOWN
        assert await house.used() == 1


@on_loop
async def test_a_job_that_failed_gives_its_day_back_once_whoever_asks(open_house):
    async with open_house() as house:
        house.provider.script = FAILED
        job, kept = await house.job(), await house.job()
        assert await house.used() == 2
        second = house.another()
        polls = await asyncio.gather(*(house.poll(job, by) for by in (house.jobs, second) for _ in range(5)))
        await house.poll(job)
        assert await house.used() == 1
        assert {poll.progress.status for poll in polls} == {"failed"}
        assert all(poll.error.type == "provider_error" and "acme" not in poll.error.message for poll in polls)
        assert (await house.jobs.find(job["request_id"], house.account, "video"))["state"] == "failed"
        assert (await house.jobs.find(kept["request_id"], house.account, "video"))["state"] == "pending"


@on_loop
async def test_a_filter_that_speaks_by_status_is_a_failed_job(open_house):
    async with open_house() as house:
        house.provider.script = ShortError(400, {"error": "Generated video rejected by content moderation."})
        job = await house.job()
        poll = await house.poll(job)
        assert poll.progress is not None and poll.progress.status == "failed"
        assert poll.error is not None and poll.error.spec is errors.CONTENT_POLICY_VIOLATION
        assert await house.used() == 0


@on_loop
async def test_what_was_delivered_is_not_given_back_when_it_goes_bad_later(open_house):
    async with open_house() as house:
        house.provider.script = [DONE, FAILED]
        job = await house.job()
        assert (await house.poll(job)).progress.status == "done"
        assert (await house.poll(job)).progress.status == "failed"
        assert await house.used() == 1


@on_loop
async def test_what_was_made_and_never_fetched_counts(open_house):
    async with open_house() as house:
        house.provider.script = json_reply({"status": "expired"})
        assert (await house.poll(await house.job())).progress.status == "expired"
        assert await house.used() == 1


@on_loop
async def test_a_failure_that_redis_could_not_take_is_given_back_at_the_next_poll(open_house, redis_server):
    async with open_house() as house:
        house.provider.script = FAILED
        job = await house.job()
        redis_server.pause()
        try:
            assert (await house.poll(job)).progress.status == "failed"
        finally:
            redis_server.resume()
        assert (await house.jobs.find(job["request_id"], house.account, "video"))["state"] == "pending"

        async def is_given_back():
            await house.poll(job)
            return await house.used() == 0

        await eventually(is_given_back)


@pytest.mark.parametrize(
    "request_id",
    [
        pytest.param("fta-" + "0" * 32, id="never issued"),
        pytest.param("", id="empty"),
        pytest.param("up/1", id="the provider's own id"),
        pytest.param("fta-" + "0" * 31 + "\0", id="no id at all"),
        pytest.param("fta-" + "٣" * 32, id="digits of another script"),
    ],
)
@on_loop
async def test_an_id_that_was_never_issued_is_unknown(open_house, request_id):
    async with open_house() as house:
        with pytest.raises(ApiError) as raised:
            await house.jobs.find(request_id, house.account, "video")
        assert (raised.value.status, raised.value.type) == (404, "invalid_request_error")


@on_loop
async def test_a_job_is_found_by_another_process_and_by_its_owner_alone_until_its_time_is_over(open_house, database):
    async with open_house() as house:
        job, second = await house.job(), house.another()
        assert await second.find(job["request_id"], house.account, "video") == {
            **job,
            **{
                # MongoDB keeps milliseconds.
                name: job[name].replace(microsecond=job[name].microsecond // 1000 * 1000)
                for name in ("created_at", "expires_at")
            },
        }
        assert job["expires_at"] - job["created_at"] == timedelta(hours=24)
        for user_id, kind in (("someone else", "video"), (house.account, "image")):
            with pytest.raises(ApiError, match="Unknown request id"):
                await second.find(job["request_id"], user_id, kind)
        database["jobs"].update_one({"request_id": job["request_id"]}, {"$set": {"expires_at": job["created_at"]}})
        with pytest.raises(ApiError, match="Unknown request id"):
            await second.find(job["request_id"], house.account, "video")


def test_ids_are_long_and_never_the_same():
    made = {ids.job_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(ids.is_job_id(one) and len(one) == 36 for one in made)


@on_loop
async def test_without_mongodb_no_job_is_begun_kept_or_found(own_mongo, database, redis_server):
    async with (
        ScriptedUpstream() as provider,
        open_store(own_mongo.url, database.name, timeout_s=1.0) as store,
        limiter_on(redis_server.url) as limiter,
    ):
        house = House(store, provider, limiter)
        job = await house.job()
        await house.jobs.ready()
        own_mongo.kill()
        for asked in (
            house.jobs.ready(),
            house.job(),
            house.jobs.find(job["request_id"], house.account, "video"),
        ):
            with pytest.raises(ApiError) as raised:
                await asked
            assert raised.value.spec is errors.DEPENDENCY_UNAVAILABLE
        house.upstream.close()
