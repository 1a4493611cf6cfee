"""The collection of jobs on a real MongoDB: whose a job is, when it ends, and that nothing of a prompt is in it."""

from datetime import timedelta

import pytest

from freetheai import ids
from freetheai.store.jobs import Job, JobStore
from freetheai.store.mongo import StoreUnavailable
from support.on_loop import on_loop
from support.stores import AT, open_store


def a_job(**fields) -> Job:
    job = Job(
        request_id=ids.job_id(),
        user_id="ann",
        kind="video",
        alias="vid/one",
        provider="vid",
        credential="0123456789abcdef",
        upstream_model="model-1",
        upstream_id="up-1",
        receipt="lease",
        state="pending",
        created_at=AT,
        expires_at=AT + timedelta(hours=24),
    )
    job.update(fields)
    return job


@on_loop
async def test_a_job_comes_back_to_its_owner_as_it_went_in(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        jobs, job = JobStore(store), a_job()
        await jobs.add(job)
        assert await jobs.find(job["request_id"], "ann", "video", AT) == job


@pytest.mark.parametrize(
    ("user_id", "kind", "later"),
    [
        pytest.param("bob", "video", timedelta(), id="someone else's"),
        pytest.param("ann", "image", timedelta(), id="of the other kind"),
        pytest.param("ann", "video", timedelta(hours=24), id="its time is over"),
    ],
)
@on_loop
async def test_for_everyone_else_it_does_not_exist(mongo, database, user_id, kind, later):
    async with open_store(mongo.url, database.name) as store:
        jobs, job = JobStore(store), a_job()
        await jobs.add(job)
        assert await jobs.find(job["request_id"], user_id, kind, AT + later) is None
        assert await jobs.find(job["request_id"], "ann", "video", AT + timedelta(hours=23)) is not None


@on_loop
async def test_a_job_ends_once(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        jobs, job = JobStore(store), a_job()
        await jobs.add(job)
        assert await jobs.conclude(job["request_id"], "failed") is True
        assert await jobs.conclude(job["request_id"], "done") is False
        found = await jobs.find(job["request_id"], "ann", "video", AT)
        assert found is not None and found["state"] == "failed"


@on_loop
async def test_mongodb_removes_each_when_its_own_time_has_come(mongo, database):
    async with open_store(mongo.url, database.name):
        index = database["jobs"].index_information()["expires_at"]
    assert (index["key"], index["expireAfterSeconds"]) == ([("expires_at", 1)], 0)


@on_loop
async def test_mongodb_away_is_said_so(own_mongo, database):
    async with open_store(own_mongo.url, database.name, timeout_s=1.0) as store:
        jobs = JobStore(store)
        own_mongo.kill()
        with pytest.raises(StoreUnavailable):
            await jobs.ping()
        with pytest.raises(StoreUnavailable):
            await jobs.add(a_job())
        with pytest.raises(StoreUnavailable):
            await jobs.find(ids.job_id(), "ann", "video", AT)
