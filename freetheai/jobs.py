"""Deferred images and videos: a provider took the work, its result is asked for later, by its owner alone.

Life: ``ready`` -> the provider accepts -> ``accept`` keeps who made it where -> each GET is ``find`` and ``poll`` ->
the job is over when the provider says so, forgotten when its time is over.

Rules:
- the client holds our id, never the provider's; someone else's id, an unknown and an expired one are the same 404;
- a poll goes to the credential that made the job, found by its fingerprint: pools may be reordered and grow; where it
  is gone, that is said, and no other credential is tried: none would know the job;
- polls of one job share one call, and its answer for ``FRESH_S``: hammering costs the provider nothing;
- how a provider answers polls says nothing about how it generates: its health is not judged by them;
- the day's success is kept when the provider accepts the job, and given back once when it says that the job failed
  (docs/decisions/ "Deferred jobs");
- nothing of a prompt or a result is stored.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from adapters.base import CodeTable, credential_headers, joined_url
from adapters.classify import classify
from adapters.media import MediaFormat
from freetheai import clock, errors, ids
from freetheai.config import TimeoutSettings
from freetheai.errors import ApiError
from freetheai.limits import Limiter
from freetheai.providers import Providers
from freetheai.store.jobs import Job, JobKind, JobStore
from freetheai.store.mongo import StoreUnavailable
from freetheai.tasks import TaskGroup
from freetheai.upstream import Answer, CallTimeouts, Upstream, UpstreamCall
from freetheai.wire.deferred import Progress, read_progress
from freetheai.wire.error_body import failure_from, read_error
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.jsontext import try_loads

# How long a job can be asked about (seconds): providers keep results about a day.
LIFE_S: Final = 24 * 3600.0
# How long the answer to a poll serves further polls of the same job (seconds), in this process.
FRESH_S: Final = 2.0
# Base64 images are large; past so many bytes an answer serves only those who wait for it already.
MAX_KEPT_BYTES: Final = 1024 * 1024
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
# The wait told for a job whose credential is gone (seconds): only staff can bring it back.
_GONE_WAIT_S: Final = 3600.0
# A poll takes no longer than this, until its answer's head and in all (seconds).
_MAX_FIRST_BYTE_S: Final = 30.0
_MAX_TOTAL_S: Final = 120.0
_FORMATS: Final[dict[JobKind, MediaFormat]] = {"image": "images", "video": "videos"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a provider has just accepted; the fields are the document's."""

    user_id: str
    kind: JobKind
    alias: str
    provider: str
    credential: str
    upstream_model: str
    upstream_id: str
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What a poll brought: ``progress``; ``error``: why the job failed, or, without progress, why this poll did.

    ``failure``: the provider's, for the log.
    """

    progress: Progress | None = None
    error: ApiError | None = None
    failure: UpstreamFailure | None = None


class Jobs:
    """The deferred jobs of all members; any number of processes share them through MongoDB."""

    def __init__(self, store: JobStore, providers: Providers, upstream: Upstream, limiter: Limiter) -> None:
        self._store = store
        self._providers = providers
        self._upstream = upstream
        self._limiter = limiter
        self._tasks = TaskGroup()
        # request id -> the poll under way, or over for less than FRESH_S
        self._polls: dict[str, asyncio.Task[Poll]] = {}

    async def ready(self) -> None:
        """Make sure that a job could be kept, before a provider is asked to begin one.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE.
        """
        try:
            await self._store.ping()
        except StoreUnavailable as error:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error

    async def accept(self, new: NewJob) -> Job:
        """Keep a job that a provider has accepted.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE: nobody could ask for it later.
        """
        now = clock.utc_now()
        job = Job(
            request_id=ids.job_id(),
            user_id=new.user_id,
            kind=new.kind,
            alias=new.alias,
            provider=new.provider,
            credential=new.credential,
            upstream_model=new.upstream_model,
            upstream_id=new.upstream_id,
            receipt=new.receipt,
            state="pending",
            created_at=now,
            expires_at=now + timedelta(seconds=LIFE_S),
        )
        try:
            await self._store.add(job)
        except StoreUnavailable as error:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error
        return job

    async def find(self, request_id: str, user_id: str, kind: JobKind) -> Job:
        """The owner's job.

        Raises:
            ApiError: JOB_UNKNOWN: never there, someone else's, of the other kind, or its time is over.
                DEPENDENCY_UNAVAILABLE: MongoDB did not answer.
        """
        try:
            found = ids.is_job_id(request_id) and await self._store.find(request_id, user_id, kind, clock.utc_now())
        except StoreUnavailable as error:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error
        if not found:
            raise ApiError(errors.JOB_UNKNOWN)
        return found

    def poll(self, job: Job) -> asyncio.Future[Poll]:
        """Ask the provider how far ``job`` is, with the credential that made it; at most once every ``FRESH_S``.

        Cancelling what is returned does not stop the call: others may wait for it.
        """
        task = self._polls.get(job["request_id"])
        if task is None:
            task = self._tasks.start(self._ask(job), "poll a deferred job")
            self._polls[job["request_id"]] = task
        return asyncio.shield(task)

    async def close(self) -> None:
        """End the polls under way."""
        await self._tasks.close()

    async def _ask(self, job: Job) -> Poll:
        kept_s = 0.0
        try:
            poll, size_bytes = await self._ask_provider(job)
            await self._note_end(job, poll)
            kept_s = FRESH_S if size_bytes <= MAX_KEPT_BYTES else 0.0
            return poll
        finally:
            asyncio.get_running_loop().call_later(kept_s, self._polls.pop, job["request_id"], None)

    async def _ask_provider(self, job: Job) -> tuple[Poll, int]:
        """The provider's word, and its size in bytes."""
        provider = self._providers.find(job["provider"])
        if provider is None:
            return _gone(job), 0
        adapter = provider.media_adapter_for(_FORMATS[job["kind"]], job["upstream_model"])
        if adapter is None or adapter.deferral is None:
            return _gone(job), 0
        credential = next((one for one in provider.credentials if one.fingerprint == job["credential"]), None)
        if credential is None:
            return _gone(job), 0
        call = UpstreamCall(
            method="GET",
            url=joined_url(provider.settings.base_url, adapter.deferral.path_of(job["upstream_id"])),
            headers=["Accept: application/json", *credential_headers(adapter.auth, credential.secret)],
            timeouts=_timeouts(provider.settings.timeouts),
        )
        try:
            answer = await self._upstream.fetch(call, MAX_ANSWER_BYTES)
        except ApiError as error:
            return Poll(error=error), 0
        failure = _failure_of(answer)
        if failure is not None:
            return _judged(job, failure, adapter.codes), 0
        status = answer.head.status if answer.head is not None else 0
        keys, body = adapter.deferral.result_keys, answer.body
        if len(body) > MAX_KEPT_BYTES:
            # Beside the loop: other answers go on meanwhile.
            progress = await asyncio.to_thread(lambda: read_progress(try_loads(body), status, keys))
        else:
            progress = read_progress(try_loads(body), status, keys)
        if progress.failure is not None:
            return _judged(job, progress.failure, adapter.codes, progress), len(answer.body)
        return Poll(progress=progress), len(answer.body)

    async def _note_end(self, job: Job, poll: Poll) -> None:
        """Keep how it ended, and give the day's success back if it failed; what can't be now is at the next poll."""
        progress = poll.progress
        if progress is None or progress.status == "pending" or job["state"] != "pending":
            return
        has_failed = progress.status == "failed"
        with contextlib.suppress(ApiError, StoreUnavailable):
            if has_failed:
                # Before the note: it may be repeated without harm, a forgotten one would not be.
                await self._limiter.refund(job["user_id"], job["receipt"])
            await self._store.conclude(job["request_id"], "failed" if has_failed else "done")


def _failure_of(answer: Answer) -> UpstreamFailure | None:
    """How the call failed; None for a whole 2xx."""
    head, failure = answer.head, answer.end.failure
    if head is not None and not 200 <= head.status < 300:
        return failure_from(read_error(answer.body), phase="body", status=head.status, headers=head.headers)
    if failure is None and answer.end.kind != "complete":
        return UpstreamFailure(kind="reset", phase="body")
    return failure


def _judged(job: Job, failure: UpstreamFailure, codes: CodeTable, progress: Progress | None = None) -> Poll:
    """The failure of a poll, or of the job itself, in the words of our table."""
    has_failed = progress is not None and progress.status == "failed"
    if failure.status in (404, 410) and not has_failed:
        # The provider has forgotten it: so have we.
        return Poll(error=ApiError(errors.JOB_UNKNOWN), failure=failure)
    verdict = classify(failure, codes, clock.now_s())
    row = verdict.row
    if row is errors.CONTENT_POLICY_VIOLATION and not has_failed:
        # A poll has no content of its own to object to: some tell of the job's by status.
        progress, has_failed = Progress(status="failed", failure=failure), True
    error_id = ids.error_id(job["provider"]) if row.has_error_id else ""
    error = ApiError(row, verdict.text, retry_after_s=verdict.retry_after_s, error_id=error_id)
    return Poll(progress=progress if has_failed else None, error=error, failure=failure)


def _gone(job: Job) -> Poll:
    text = f"{errors.PROVIDER_UNAVAILABLE.text} What made this job is no longer in use here: start the job again."
    error_id = ids.error_id(job["provider"])
    return Poll(error=ApiError(errors.PROVIDER_UNAVAILABLE, text, retry_after_s=_GONE_WAIT_S, error_id=error_id))


def _timeouts(settings: TimeoutSettings) -> CallTimeouts:
    """A provider's time-outs, except that nothing is made while we wait: its state is there or it is not."""
    return CallTimeouts(
        connect_s=settings.connect,
        first_byte_s=min(settings.first_byte, _MAX_FIRST_BYTE_S),
        idle_s=settings.idle,
        total_s=min(settings.total, _MAX_TOTAL_S),
    )
