"""The life of a request for a generation, whatever its format. Read this first.

    admit -> parse -> choose the model -> examine -> lease -> attempts until one answers -> settle -> the answer's end

Rules:
- what is taken is given back in a ``finally`` of the same function: the lease, the provider's place, the transfer;
- the lease is settled before the client can see the answer's end: whoever calls again at once finds the slot free;
- a client that left is 499, nobody's fault, and the provider sees the close at once.
"""

from typing import Any, ClassVar, Final

from tornado.httputil import HTTPServerRequest
from tornado.web import Application

from freetheai import clock, errors, ids
from freetheai.catalog import Model
from freetheai.catalog.size import check_size
from freetheai.errors import ApiError
from freetheai.limits import Lease, LimitOverrides, resolve
from freetheai.routing import Attempt
from freetheai.store.directory import Owner
from freetheai.upstream import Transfer
from freetheai.wire.formats import ClientFormat, Stamp
from freetheai.wire.request import ChatRequest
from handlers.attempts import Attempts
from handlers.base import BaseHandler
from handlers.calls import make_call
from handlers.exchange import Exchange
from handlers.plain_answer import answer_plain
from handlers.stream_answer import StreamAnswer

# What belongs to a format rather than to a client: goes on to providers of that format.
FORMAT_HEADERS: Final = ("anthropic-version", "anthropic-beta")


class GenerationHandler(BaseHandler):
    """Chat, messages and responses differ in ``client_format`` only."""

    client_format: ClassVar[ClientFormat]
    # The catalog's route that must be open for this one, where that is another.
    served_route: ClassVar[str] = ""

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        super().__init__(application, request, **kwargs)
        # Why the answer must stop now, if it must: the client left, or the process drains.
        self.interruption: ApiError | None = None
        self._transfer: Transfer | None = None
        self._stream: StreamAnswer | None = None

    async def post(self) -> None:
        """Pass the gates, take a lease, answer, give it back."""
        owner = await self.admit()
        request = await self.parse_request()
        model = self.choose_model(request, owner)
        self.services.running.add(self)
        try:
            await self.examine(request, model)
            await self._serve(request, model, owner)
        finally:
            self.services.running.discard(self)

    def on_connection_close(self) -> None:
        """The client left: the provider is told at once (Tornado's hook)."""
        if self._stream is not None:
            self._stream.client.close()
        self.interrupt(ApiError(errors.CLIENT_CANCELED))

    def interrupt(self, error: ApiError) -> None:
        """End the answer now with ``error``."""
        if self.interruption is None:
            self.interruption = error
        if self._transfer is not None:
            self._transfer.abort()

    def choose_model(self, request: ChatRequest, owner: Owner) -> Model:
        """Gates 7 and 8: the alias exists, does what this route asks for, and the owner may use it."""
        model = self.services.catalog.find(request.model)
        if model is None:
            raise ApiError(errors.UNKNOWN_ALIAS, "unknown aliased model. Use a model from GET /v1/models.")
        self.record.alias = model.id
        self.record.stream = request.stream
        if not model.serves(self.served_route or self.route):
            raise ApiError(
                errors.INVALID_REQUEST, f"This model is not served here. Its routes: {', '.join(model.routes)}."
            )
        if not model.allows(owner.roles):
            raise ApiError(errors.MODEL_ACCESS_DENIED)
        return model

    async def examine(self, request: ChatRequest, model: Model) -> None:
        """Gate 9: the prompt is short enough for the model, and clean."""
        size_bytes = len(self.request.body)
        await self.services.big_bodies.run(size_bytes, lambda: check_size(request, model, size_bytes))
        await self.services.moderation.check(request)
        if self.interruption is not None:
            # Moderation may take a while: who has left meanwhile takes nothing of the limits.
            raise self.interruption

    async def settle(self, lease: Lease, *, is_success: bool) -> None:
        """Give the lease back; only the first call does anything."""
        if self.services.keeper.drop(lease):
            self.record.is_success = is_success
            self.services.metrics.lease_given_back()
            await self.services.limiter.settle(lease, is_success=is_success)

    def attempts(self, request: ChatRequest) -> Attempts:
        """A fresh run of attempts for this request."""
        return Attempts(
            self.record,
            self.services.metrics,
            own_fields=request.body,
            deadline_s=self.started_s + self.services.settings.timeouts.total,
            is_interrupted=lambda: self.interruption is not None,
        )

    async def start_transfer(self, attempt: Attempt, request: ChatRequest) -> Transfer:
        """Call the provider; the transfer is aborted when this request is interrupted."""
        size_bytes, user_id = len(self.request.body), self.record.user_id
        call = await self.services.big_bodies.run(size_bytes, lambda: make_call(attempt, request, user_id))
        self._transfer = self.services.upstream.start(call)
        if self.interruption is not None:
            self._transfer.abort()
        return self._transfer

    def release_transfer(self) -> None:
        """The client has taken everything: read on."""
        if self._transfer is not None:
            self._transfer.release()

    async def parse_request(self) -> ChatRequest:
        """Gate 7: the body, and the client's headers that belong to its format."""
        headers = self.request.headers
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise ApiError(
                errors.INVALID_JSON, "invalid json payload: the body is compressed; send it without Content-Encoding."
            )
        body, parse = self.request.body, self.client_format.parse
        request = await self.services.big_bodies.run(len(body), lambda: parse(body))
        request.client_headers = {
            name: headers[name] for name in FORMAT_HEADERS if name in headers and headers[name].isascii()
        }
        return request

    async def _serve(self, request: ChatRequest, model: Model, owner: Owner) -> None:
        lease = await self._acquire(owner)
        try:
            await self._answer(
                Exchange(request=request, model=model, owner=owner, lease=lease, stamp=self._stamp(model))
            )
        finally:
            await self.settle(lease, is_success=False)

    async def _acquire(self, owner: Owner) -> Lease:
        policy = resolve(self.services.settings.limits, owner.invites, owner.roles, LimitOverrides(**owner.overrides))
        lease = await self.services.limiter.acquire(owner.user_id, policy, self.record.address)
        self.services.keeper.hold(lease)
        self.services.metrics.lease_taken()
        self.set_limit_headers(lease.numbers)
        return lease

    async def _answer(self, exchange: Exchange) -> None:
        if self.interruption is not None:
            raise self.interruption
        if exchange.request.stream:
            self._stream = StreamAnswer(self, exchange)
            await self._stream.run()
        else:
            await answer_plain(self, exchange)

    def _stamp(self, model: Model) -> Stamp:
        return Stamp(
            id=ids.completion_id(self.client_format.id_prefix),
            created_s=int(clock.now_s()),
            model=model.id,
        )
