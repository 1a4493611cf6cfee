"""Requests whose body is an upload: refused before it is read where that can be told, else taken in pieces.

Strategy: ``prepare`` runs when the head has come: the gates, what the head says of the body, room in memory. Only then
the body is read; a form is cut into its parts as it arrives, whose bytes stay in the pieces they came in. The model,
text for moderation, and what another provider may need to be sent again, stand anywhere in it: so it is whole here
before anything goes out, in memory and never elsewhere, and goes out from these same pieces.

Rules:
- after a refusal nothing of the body is kept, but it is read to its end (an answer to a client that still sends is
  mostly lost); a client that waits for our `100 Continue` is answered at once;
- what is held is counted against ``UploadRoom`` until the request is over;
- a client that sends nothing for ``timeouts.stall`` seconds is closed.
"""

import asyncio
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, stream_request_body

from adapters.media import MediaRequest
from freetheai import errors, ids
from freetheai.errors import ApiError
from freetheai.store.directory import Owner
from freetheai.wire import fields, multipart
from freetheai.wire.multipart import FormError, FormReader
from handlers.media import MediaHandler


@stream_request_body
class UploadHandler(MediaHandler):
    """Media routes that take a form. ``takes_json``: their body may be JSON all the same."""

    takes_json = False

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        super().__init__(application, request, **kwargs)
        self._owner: Owner | None = None
        self._refusal: ApiError | None = None
        # A form is read as it comes; JSON is kept.
        self._form: FormReader | None = None
        self._json: list[bytes] = []
        self._room_bytes = 0
        self._stall_timer: asyncio.TimerHandle | None = None
        self._has_moved = False
        self._is_body_read = False

    async def prepare(self) -> None:
        """Pass the gates and take room, before the body is read."""
        try:
            super().prepare()
            self._owner = await self.admit()
            self._read_head()
            await self._take_room(self._owner)
        except ApiError as error:
            if self.request.headers.get("Expect", "").lower() == "100-continue":
                raise
            self._refusal = error
        self._watch_for_stall()

    def data_received(self, chunk: bytes) -> None:
        """Take one piece of the body (Tornado's hook)."""
        self._has_moved = True
        if self._refusal is not None:
            return
        if self._form is None:
            self._json.append(chunk)
            return
        try:
            self._form.feed(chunk)
        except FormError as error:
            self._drop(bad_form(str(error)))

    async def post(self) -> None:
        """The body is there: the rest of the request's life."""
        self._is_body_read = True
        self._stop_timer()
        try:
            self.refuse_body_over_bound()
            if self._refusal is not None:
                raise self._refusal
            if self.services.is_draining:
                # It was not yet when the head came.
                raise ApiError(errors.DRAINING)
            if self._owner is None:
                raise LookupError("a body without an owner")
            request = await self.read_request()
            self._form = None
            await self.serve(request, self._owner)
        finally:
            self._leave_room()

    def on_connection_close(self) -> None:
        """The client left (Tornado's hook); while it was still sending, nobody else will end this request."""
        super().on_connection_close()
        if not self._is_body_read:
            self._is_body_read = True
            self._stop_timer()
            self.note_error(ApiError(errors.CLIENT_CANCELED))
            self._drop(ApiError(errors.CLIENT_CANCELED))
            self.conclude()

    async def read_request(self) -> MediaRequest:
        """Gate 7: the form's parts, or the JSON; raises the 400s."""
        if self._form is None:
            self.request.body = b"".join(self._json)
            self._json.clear()
            return await super().read_request()
        try:
            parts = self._form.close()
        except FormError as error:
            raise bad_form(str(error)) from None
        texts = multipart.fields_of(parts)
        return MediaRequest(
            route=self.route,
            model=fields.read_model(texts),
            fields=texts,
            parts=parts,
            boundary=ids.random_base62(40),
        )

    # -- within

    def _read_head(self) -> None:
        """What the head says of the body; raises the 400s."""
        headers = self.request.headers
        if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise bad_form("the body is compressed; send it without Content-Encoding")
        declared = headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > self.services.settings.server.max_body_bytes:
            self.request.is_body_over_bound = True  # type: ignore[attr-defined]
            self.refuse_body_over_bound()
        content_type = headers.get("Content-Type", "")
        if self.takes_json and not multipart.is_form(content_type):
            return
        try:
            self._form = FormReader(multipart.boundary_of(content_type))
        except FormError as error:
            raise bad_form(str(error)) from None

    async def _take_room(self, owner: Owner) -> None:
        bound = self.services.settings.server.max_body_bytes
        declared = self.request.headers.get("Content-Length", "")
        # Without a length it may be the largest.
        size_bytes = int(declared) if declared.isdigit() else bound
        await self.services.upload_room.enter(owner.user_id, size_bytes, bound)
        self._room_bytes = size_bytes

    def _leave_room(self) -> None:
        if self._room_bytes and self._owner is not None:
            self.services.upload_room.leave(self._owner.user_id, self._room_bytes)
            self._room_bytes = 0

    def _drop(self, refusal: ApiError) -> None:
        """Keep nothing of what has come, nor of what will."""
        self._refusal = refusal
        self._form = None
        self._json.clear()
        self._leave_room()

    def _watch_for_stall(self) -> None:
        self._has_moved = False
        self._stall_timer = asyncio.get_running_loop().call_later(
            self.services.settings.timeouts.stall, self._check_for_stall
        )

    def _check_for_stall(self) -> None:
        if self._has_moved:
            self._watch_for_stall()
        elif self.request.connection is not None:
            self.request.connection.stream.close()  # type: ignore[attr-defined]

    def _stop_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()


def bad_form(reason: str) -> ApiError:
    """The 400 for a form that can't be taken."""
    return ApiError(errors.INVALID_REQUEST, f"invalid form payload: {reason}.")
