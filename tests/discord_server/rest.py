"""REST v10 on the wire: bodies and files in, the faults and limits a test asked for, JSON and headers out.

Answers are ``application/json`` without a charset, as Discord's are: clients compare the header as a whole.
"""

import asyncio
import logging
import re
from typing import Any
from urllib.parse import unquote

import orjson
from tornado.web import RequestHandler

from discord_server import routes
from discord_server.backend import Backend
from discord_server.errors import DiscordError, Violation, missing_access, unauthorized
from discord_server.limits import Grant
from discord_server.records import Request

_logger = logging.getLogger(__name__)

MOST_FILES = 10
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_REQUEST_BYTES = 25 * 1024 * 1024
MAX_REASON = 512
UNCOUNTED = ("/interactions/",)


class RestHandler(RequestHandler):
    """Any method on any path under ``/api/v10``."""

    backend: Backend

    def initialize(self, backend: Backend) -> None:
        self.backend = backend

    async def _serve(self, path: str) -> None:
        backend = self.backend
        record = Request(
            method=self.request.method or "", path=unquote(path), at_s=backend.clock.now_s(), body=None,
            query={name: self.get_query_argument(name) for name in self.request.query_arguments},
            reason=_reason(self.request.headers.get("X-Audit-Log-Reason")),
        )  # fmt: skip
        backend.records.requests.append(record)
        delay_s, fault = backend.faults.take(record.method, record.path)
        if delay_s:
            await asyncio.sleep(delay_s)
        if fault is not None and fault.status == 0:
            self.detach().close()
        elif fault is not None:
            record.status = fault.status or 0
            self._say(record.status, fault.body)
        else:
            self._answer(record)
        backend.records.changed()

    get = post = put = patch = delete = _serve

    def _answer(self, record: Request) -> None:
        try:
            status, body, grant = self._result(record)
        except DiscordError as error:
            status, body, grant = error.status, error.body(), None
            record.code = error.code
            if error.is_offence:
                self._note(record, error)
        except Exception as error:
            # A fault of this server must fail the test that met it, not look like one of Discord's.
            _logger.exception("the test server failed at %s %s", record.method, record.path)
            status, body, grant = 500, {"message": "500: Internal Server Error", "code": 0}, None
            self.backend.records.violation(Violation(500, f"the test server failed: {error!r}", record.path))
        record.status = status
        self._say(status, body, grant)

    def _result(self, record: Request) -> tuple[int, Any, Grant | None]:
        found, params, is_known = routes.find_route(record.method, record.path)
        if found is None:
            # A route that Discord has and this server has not would look like this too: a test should hear of it.
            status = 405 if is_known else 404
            text = "405: Method Not Allowed" if is_known else "404: Not Found"
            raise DiscordError(status, 0, text, is_offence=True)
        if found.needs_token and self.request.headers.get("Authorization") != f"Bot {self.backend.gateway.token}":
            raise unauthorized()
        grant: Grant | None = None
        if not record.path.startswith(UNCOUNTED):
            major = routes.major_parameter(params)
            grant = self.backend.limits.take(record.method, record.path, found.template, major)
            if not grant.is_allowed:
                return 429, grant.body(), grant
        call = self._call(record, params)
        routes.check_ids(params)
        if len(record.reason or "") > MAX_REASON:
            raise DiscordError(400, 50035, "Invalid Form Body: reason over 512 characters", is_offence=True)
        if params.get("guild_id", self.backend.world.guild_id) != self.backend.world.guild_id:
            raise missing_access()
        try:
            body = found.answer(call)
        except DiscordError as error:
            record.code = error.code
            if error.is_offence:
                self._note(record, error)
            return error.status, error.body(), grant
        if isinstance(body, routes.Created):
            return 201, body.body, grant
        return (204 if body is None else 200), body, grant

    def _call(self, record: Request, params: dict[str, str]) -> routes.Call:
        content_type = self.request.headers.get("Content-Type", "")
        text: bytes = self.request.body
        uploads: dict[int, routes.Upload] = {}
        if content_type.startswith("multipart/form-data"):
            uploads = self._uploads()
            text = self.request.body_arguments.get("payload_json", [b""])[0]
        if len(self.request.body) > MAX_REQUEST_BYTES or any(len(u.data) > MAX_FILE_BYTES for u in uploads.values()):
            raise DiscordError(413, 40005, "Request entity too large", is_offence=True)
        try:
            record.body = orjson.loads(text) if text else None
        except orjson.JSONDecodeError:
            raise DiscordError(400, 50109, "The request body contains invalid JSON.", is_offence=True) from None
        record.files = {upload.name: upload.data for upload in uploads.values()}
        return routes.Call(
            self.backend, record.method, record.path, params, record.query, record.body, uploads, record.reason
        )

    def _uploads(self) -> dict[int, routes.Upload]:
        uploads = {}
        for name, files in self.request.files.items():
            match = re.fullmatch(r"files\[(\d+)\]", name)
            if match is None or len(files) != 1:
                raise DiscordError(400, 50046, f"Invalid file uploaded: {name}", is_offence=True)
            uploads[int(match[1])] = routes.Upload(files[0].filename, files[0].body, files[0].content_type)
        if len(uploads) > MOST_FILES:
            raise DiscordError(400, 30015, "Maximum number of attachments in a message reached (10)", is_offence=True)
        return uploads

    def _note(self, record: Request, error: DiscordError) -> None:
        details: tuple[str, ...] = ()
        if error.errors is not None:
            details = tuple(_leaves(error.errors))
        where = f"{record.method} {record.path}"
        self.backend.records.violation(Violation(error.code, error.message, where, details))

    def _say(self, status: int, body: Any, grant: Grant | None = None) -> None:
        self.set_status(status)
        # Clients take a 429 without it for a ban by the proxy in front.
        self.set_header("Via", "1.1 google")
        for name, value in (grant.headers() if grant is not None else {}).items():
            self.set_header(name, value)
        if status == 204:
            self.clear_header("Content-Type")
            self.finish()
        elif isinstance(body, (str, bytes)):
            self.set_header("Content-Type", "text/html")
            self.finish(body)
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(orjson.dumps({} if body is None else body))


class CdnHandler(RequestHandler):
    """The files that messages point to."""

    def initialize(self, backend: Backend) -> None:
        self.backend = backend

    def get(self, attachment_id: str) -> None:
        for message in self.backend.world.messages.values():
            for attachment in message.attachments:
                if attachment.id == attachment_id:
                    self.set_header("Content-Type", attachment.content_type or "application/octet-stream")
                    self.finish(attachment.data)
                    return
        self.set_status(404)


def _reason(header: str | None) -> str | None:
    return None if header is None else unquote(header)


def _leaves(tree: Any, path: str = "") -> list[str]:
    """The error tree as lines."""
    lines = []
    for name, node in tree.items():
        if name == "_errors":
            lines += [f"{path}: {each['message']}" for each in node]
        else:
            lines += _leaves(node, f"{path}.{name}" if path else name)
    return lines
