"""Deferred jobs towards the client: the answer to the POST that began one, and to every GET that asks for it.

Rules:
- a GET passes gates 1 to 6 and takes no slot: it makes nothing; what bounds it is that polls of a job share one call;
- pending is 202, over is 200; a job that failed is a 200 that says so with an error of our table, so that nobody takes
  the failure of the job for a failure of the poll and asks again;
- whoever leaves before the job is kept gets nothing and pays nothing.
"""

import asyncio
from typing import Any, ClassVar

import orjson
from tornado.httputil import HTTPServerRequest
from tornado.web import Application

from adapters.deferral import Accepted
from freetheai import clock, errors
from freetheai.errors import ApiError
from freetheai.jobs import NewJob, Poll
from freetheai.routing import MediaAttempt
from freetheai.store.jobs import Job, JobKind
from freetheai.wire.deferred import Progress
from freetheai.wire.images import shown_images, shown_usage
from handlers.attempts import describe
from handlers.base import BaseHandler
from handlers.media import MediaExchange, MediaHandler

# What a poll that found the job unfinished suggests to wait (seconds).
POLL_AFTER_S = 5


async def accept(
    handler: MediaHandler, exchange: MediaExchange, attempt: MediaAttempt, accepted: Accepted, kind: JobKind
) -> None:
    """Keep the job that ``attempt`` began and answer its id; it counts as a success until it is known to fail."""
    handler.stop_if_interrupted()
    job = await handler.services.jobs.accept(
        NewJob(
            user_id=exchange.owner.user_id,
            kind=kind,
            alias=exchange.model.id,
            provider=attempt.provider.prefix,
            credential=attempt.credential.fingerprint,
            upstream_model=attempt.target.model,
            upstream_id=accepted.upstream_id,
            receipt=exchange.lease.lease_id,
        )
    )
    handler.note_usage(exchange.request, None)
    await handler.settle(exchange.lease, is_success=True, is_refundable=True)
    handler.send_json({**_about(job), "status": "pending"})


class JobHandler(BaseHandler):
    """`GET …/{request_id}`: how far the owner's job is, and its result."""

    kind: ClassVar[JobKind]

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        super().__init__(application, request, **kwargs)
        self._interruption: asyncio.Future[ApiError] = asyncio.get_running_loop().create_future()

    async def get(self, request_id: str) -> None:
        """Pass the gates, find the job, ask its provider."""
        owner = await self.admit()
        self.services.running.add(self)
        try:
            job = await self.services.jobs.find(request_id, owner.user_id, self.kind)
            self.record.alias, self.record.provider = job["alias"], job["provider"]
            await self._send(job, await self._poll(job))
        finally:
            self.services.running.discard(self)

    def on_connection_close(self) -> None:
        """The client left (Tornado's hook); the poll goes on for whoever else waits for it."""
        self.interrupt(ApiError(errors.CLIENT_CANCELED))

    def interrupt(self, error: ApiError) -> None:
        """End the answer now with ``error``."""
        if not self._interruption.done():
            self._interruption.set_result(error)

    def result(self, progress: Progress) -> dict[str, Any]:
        """The finished job's own fields."""
        raise NotImplementedError

    async def _poll(self, job: Job) -> Poll:
        polling = self.services.jobs.poll(job)
        either: list[asyncio.Future[Any]] = [polling, self._interruption]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not polling.done():
            polling.cancel()
            raise self._interruption.result()
        return polling.result()

    async def _send(self, job: Job, poll: Poll) -> None:
        self._note(poll)
        if poll.progress is None:
            if poll.error is None:
                raise LookupError("a poll without progress and without an error")
            raise poll.error
        progress, error = poll.progress, poll.error
        size_bytes = sum(len(text) for item in progress.result if isinstance(text := item.get("b64_json"), str))
        body = await self.services.big_bodies.run(size_bytes, lambda: orjson.dumps(self._answer(job, progress, error)))
        if progress.status == "pending":
            self.set_header("Retry-After", str(POLL_AFTER_S))
        self.send_json(body, 202 if progress.status == "pending" else 200)

    def _answer(self, job: Job, progress: Progress, error: ApiError | None) -> dict[str, Any]:
        answer: dict[str, Any] = {**_about(job), "status": progress.status}
        if progress.percent is not None:
            answer["progress"] = progress.percent
        if progress.status == "done":
            answer |= self.result(progress)
            if usage := shown_usage(progress.usage or {}):
                answer["usage"] = usage
        if error is not None:
            answer["error"] = error.body()
        return answer

    def _note(self, poll: Poll) -> None:
        if poll.failure is not None:
            self.record.provider_status = poll.failure.status or None
            self.record.provider_error = describe(poll.failure)
        if poll.error is not None:
            self.record.error_id = poll.error.error_id


class ImageJobHandler(JobHandler):
    """A deferred image: OpenAI's ``data`` once it is done."""

    route = "/v1/images/generations/{request_id}"
    kind = "image"

    def result(self, progress: Progress) -> dict[str, Any]:
        """The images."""
        return {"data": shown_images(progress.result)}


class VideoJobHandler(JobHandler):
    """A video: its address and length in ``video`` once it is done."""

    route = "/v1/videos/{request_id}"
    kind = "video"

    def result(self, progress: Progress) -> dict[str, Any]:
        """The video."""
        return {"video": shown_images(progress.result)[0]}


def _about(job: Job) -> dict[str, Any]:
    return {
        "request_id": job["request_id"],
        "model": job["alias"],
        "created": int(job["created_at"].timestamp()),
        "expires_at": clock.iso(job["expires_at"]),
    }
