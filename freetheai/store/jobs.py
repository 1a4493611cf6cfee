"""The collection ``jobs``: deferred images and videos, whose they are and where they run; never what was asked for.

Rules:
- a job is found by its id together with its owner and kind: for everyone else it does not exist;
- past ``expires_at`` it does not exist either; MongoDB removes the document about a minute later (a TTL index);
- a state changes once, from ``pending``.
"""

from datetime import datetime
from typing import Any, Final, Literal, TypedDict, cast

from freetheai.store.mongo import Store

JobKind = Literal["image", "video"]
JobState = Literal["pending", "done", "failed"]

_NO_ID: Final = {"_id": 0}


class Job(TypedDict):
    """A deferred job.

    ``request_id``: ours, what the client holds. ``upstream_id``: the provider's. ``provider``: alias prefix of the one
    that runs it, ``credential`` the fingerprint of the secret that made it, ``upstream_model`` the model's name there.
    ``alias``: what the client asked for. ``receipt``: what gives the day's success back should the job fail.
    """

    request_id: str
    user_id: str
    kind: JobKind
    alias: str
    provider: str
    credential: str
    upstream_model: str
    upstream_id: str
    receipt: str
    state: JobState
    created_at: datetime
    expires_at: datetime


class JobStore:
    """Reads and writes jobs. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs = store.collection("jobs")

    async def ping(self) -> None:
        """Ask whether jobs can be kept just now."""
        await self._store.ping()

    async def add(self, job: Job) -> None:
        """Keep a job."""
        async with self._store.operation():
            await self._jobs.insert_one(dict(job))

    async def find(self, request_id: str, user_id: str, kind: JobKind, now: datetime) -> Job | None:
        """The job of that id, owner and kind, unless its time is over at ``now``."""
        query: dict[str, Any] = {
            "request_id": request_id,
            "user_id": user_id,
            "kind": kind,
            "expires_at": {"$gt": now},
        }
        async with self._store.operation():
            return cast("Job | None", await self._jobs.find_one(query, _NO_ID))

    async def conclude(self, request_id: str, state: JobState) -> bool:
        """Note how a pending job ended; tells whether it was pending until now."""
        async with self._store.operation():
            result = await self._jobs.update_one(
                {"request_id": request_id, "state": "pending"}, {"$set": {"state": state}}
            )
        return bool(result.modified_count)
