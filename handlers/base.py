"""What every answer has, whatever the route: a request id, CORS headers, errors in the one envelope, one log line.

Rules:
- an ``ApiError`` from anywhere ends as its row says; anything else is our bug: 500, an error id, the traceback in the
  log and nowhere else; Tornado's own refusals (405 …) speak the same JSON;
- headers stand on every answer, errors too: ``clear()`` (which Tornado calls before an error) sets them again;
- a handler takes what it needs from ``services``; there are no globals.
"""

from collections.abc import Awaitable
from types import TracebackType
from typing import Any, ClassVar

import orjson
from tornado.httputil import HTTPServerRequest, ResponseStartLine
from tornado.web import Application, HTTPError, RequestHandler

from freetheai import admission, clock, errors, ids
from freetheai.addresses import source_address
from freetheai.admission import Gate, Visitor
from freetheai.clients import client_name
from freetheai.errors import ApiError
from freetheai.ids import KEY_PREFIX
from freetheai.limits import LimitNumbers, LimitRefused, limit_headers
from freetheai.log import RequestRecord
from freetheai.log.quotes import without_quotes
from freetheai.store.directory import Owner
from handlers.answer_headers import AnswerHeaders, encoded_head, http_date
from handlers.services import Services

JSON = "application/json"

# Read by browsers only if exposed; the limit headers are what members' clients pace themselves by.
EXPOSED_HEADERS = ", ".join(
    ["Retry-After", "X-Request-Id", "Request-Id", "x-should-retry"]
    + [
        f"{family}-{field}"
        for family in ("X-RateLimit", "X-Concurrency", "X-DailyLimit")
        for field in ("Limit", "Remaining", "Reset")
    ]
)


# What is kept of a method: it may be any word, of any length.
_METHOD_CHARS = 16
_ON_EVERY_ANSWER = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": EXPOSED_HEADERS,
}
MEMBERS_OWN = {"Cache-Control": "no-store", "Vary": "Authorization, x-api-key"}


class BaseHandler(RequestHandler):
    """The life of any request: ``prepare``, the method, ``finish`` or an error, one log line."""

    # For metrics and the log: the contract's path of the route, never what the client wrote.
    route: ClassVar[str] = "other"
    # The error envelope differs on messages only.
    is_messages: ClassVar[bool] = False
    # Where nobody reads it a body is not kept.
    reads_body: ClassVar[bool] = False

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        # Before RequestHandler's own: it calls set_default_headers, which needs the id.
        self.started_s = clock.monotonic_s()
        # Set once the request has reached the limits: from then on every answer carries them.
        self._limit_numbers: LimitNumbers | None = None
        self.request_id = ids.request_id()
        method = (request.method or "")[:_METHOD_CHARS]
        self.record = RequestRecord(request_id=self.request_id, method=method, route=self.route)
        super().__init__(application, request, **kwargs)

    def initialize(self, services: Services) -> None:
        """Take the services the composer made."""
        self.services = services

    def clear(self) -> None:
        """Begin the answer, or begin it anew: status 200, nothing written, the headers of every answer."""
        self._headers: AnswerHeaders = AnswerHeaders(  # type: ignore[assignment]
            {"Content-Type": "text/html; charset=UTF-8", "Date": http_date(int(clock.now_s()))}
        )
        self.set_default_headers()
        self._write_buffer = []
        self.set_status(200)

    def set_default_headers(self) -> None:
        """Headers of every answer."""
        headers = self._headers
        headers["X-Request-Id"] = self.request_id
        if self.is_messages:
            headers["request-id"] = self.request_id
        headers.update(_ON_EVERY_ANSWER)

    def prepare(self) -> Awaitable[None] | None:
        """Note who is calling; refuse while draining, and a body over the bound."""
        headers = self.request.headers
        self.record.address = source_address(
            self.request.remote_ip or "",
            ",".join(headers.get_list("X-Forwarded-For")),
            self.services.settings.server.trusted_proxies,
        )
        self.record.client = client_name(headers)
        if self.services.is_draining:
            raise ApiError(errors.DRAINING)
        self.refuse_body_over_bound()
        return None

    def refuse_body_over_bound(self) -> None:
        """Raise CONTEXT_LENGTH_EXCEEDED if the body was larger than our bound, and so has been dropped."""
        if getattr(self.request, "is_body_over_bound", False):
            bound = self.services.settings.server.max_body_bytes
            raise ApiError(
                errors.CONTEXT_LENGTH_EXCEEDED,
                f"prompt is too long: the request body is larger than {bound} bytes."
                " Reduce context, attachments, or message history.",
            )

    async def admit(self, gates: tuple[Gate, ...] = admission.GATES) -> Owner:
        """Pass the gates with the keys this request presents; afterwards the answer is the member's own."""
        visitor = Visitor(self.record.address, self.record.client, presented_keys(self.request))
        self._headers.update(MEMBERS_OWN)
        try:
            # Of a large body's request the gates were asked before it was read on (`early.py`).
            refusal = getattr(self.request, "refusal", None)
            if refusal is not None:
                visitor.owner = refusal.owner
                raise refusal.error
            return await admission.admit(visitor, self.services.house, gates)
        finally:
            if visitor.owner is not None:
                self.record.user_id = visitor.owner.user_id
                self.record.key_prefix = visitor.owner.key_prefix

    def set_limit_headers(self, numbers: LimitNumbers) -> None:
        """Show the member's limits on this answer, and on the error that may still replace it."""
        self._limit_numbers = numbers
        self._headers.update(limit_headers(numbers))

    def send_json(self, value: Any, status: int = 200) -> None:
        """Finish with ``value`` as JSON; bytes are taken as JSON already."""
        self.set_status(status)
        self._headers["Content-Type"] = JSON
        self.finish_whole(value if isinstance(value, bytes) else orjson.dumps(value))

    def finish_whole(self, body: bytes) -> None:
        """Finish with status and headers as they are and ``body``: what ``finish`` does, without its entity tags."""
        request, connection = self.request, self.request.connection
        if self._finished or self._headers_written or connection is None or request.method == "HEAD":
            self.finish(body)
            return
        headers = self._headers
        headers["Content-Length"] = str(len(body))
        connection.set_close_callback(None)  # type: ignore[attr-defined]
        # A connection that ends with this answer (a drain, an unread body) has to say so: Tornado does.
        may_stay = not getattr(connection, "_disconnect_on_finish", False)
        if request.version == "HTTP/1.1" and "Connection" not in request.headers and may_stay:
            stream = connection.stream  # type: ignore[attr-defined]
            if not stream.closed():
                # What `write` does, without a future of its own.
                head = encoded_head(self.get_status(), self._reason, headers)
                connection._pending_write = stream.write(head + body)  # type: ignore[attr-defined]
        else:
            # What becomes of the connection has to be said, and Tornado knows.
            start_line = ResponseStartLine("", self.get_status(), self._reason)
            connection.write_headers(start_line, headers, body)  # type: ignore[arg-type]
        self._headers_written = self._finished = True
        connection.finish()
        self.on_finish()
        self._break_cycles()

    def compute_etag(self) -> None:
        """Answers are made for one request: no tag is computed over them (Tornado's hook)."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Turn whatever was raised into its row's status, headers and envelope (Tornado's hook)."""
        self.refuse(self._as_api_error(status_code, kwargs.get("exc_info")))

    def refuse(self, error: ApiError) -> None:
        """Finish with ``error``; what was set but not sent before is gone except the default headers."""
        self.note_error(error)
        numbers = error.numbers if isinstance(error, LimitRefused) else self._limit_numbers
        if numbers is not None:
            self.set_limit_headers(numbers)
        for name, value in error.headers().items():
            self.set_header(name, value)
        self._headers.update(MEMBERS_OWN)
        body = error.messages_envelope(self.request_id) if self.is_messages else error.envelope()
        self.send_json(body, error.status)

    def note_error(self, error: ApiError) -> None:
        """Put ``error`` into the request's log line."""
        self.record.status = error.status
        self.record.type = error.type
        self.record.error_id = error.error_id

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what is our fault, with its traceback, under the id the client is told."""
        if isinstance(value, ApiError | HTTPError) or typ is None or value is None:
            return
        self.record.error_id = ids.error_id("gw")
        self.services.logger.error(
            "request failed",
            extra={"request_id": self.request_id, "error_id": self.record.error_id},
            exc_info=(typ, value, tb),
        )

    def on_finish(self) -> None:
        """Log and count the request, once it is answered."""
        if not self.record.status:
            self.record.status = self.get_status()
        self.conclude()

    def conclude(self) -> None:
        """Write the log line and count; once."""
        if self.record.duration_ms is not None:
            return
        self.record.duration_ms = round((clock.monotonic_s() - self.started_s) * 1000, 1)
        if self.record.provider_error:
            self.record.provider_error = without_quotes(self.record.provider_error, self.request.body)
        self.services.conclude(self.record)

    def _as_api_error(self, status: int, exc_info: Any) -> ApiError:
        raised = exc_info[1] if exc_info else None
        if isinstance(raised, ApiError):
            return raised
        if status < 500:
            return ApiError(errors.UNSUPPORTED_ROUTE if status in (404, 405) else errors.INVALID_REQUEST)
        return ApiError(errors.SERVER_ERROR, error_id=self.record.error_id or ids.error_id("gw"))


def presented_keys(request: HTTPServerRequest) -> tuple[str, ...]:
    """The keys a request carries, in the order they count, each once: Bearer, `x-api-key`, `api-key`."""
    keys: list[str] = []
    for value in request.headers.get_list("Authorization"):
        scheme, *rest = value.strip().split(None, 1) or [""]
        if scheme.lower() == "bearer":
            keys.extend(rest)
        elif KEY_PREFIX in value:
            # The bare key, or one in something that it should not be in: the key's gate says in what.
            keys.append(value.strip())
    for name in ("x-api-key", "api-key"):
        keys.extend(value.strip() for value in request.headers.get_list(name))
    return tuple(dict.fromkeys(key for key in keys if key))
