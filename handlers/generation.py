"""The life of a request for a generation, whatever its format. Read this first.

    admit -> parse -> choose the model -> examine -> lease -> attempts until one answers -> settle -> the answer's end

Rules:
- what is taken is given back in a ``finally`` of the same function: the lease, the provider's place, the transfer;
- the lease is settled before the client can see the answer's end: whoever calls again at once finds the slot free;
- a client that left is 499, nobody's fault, and the provider sees the close at once.
"""

from typing import ClassVar, Final

from freetheai import clock, errors, ids
from freetheai.catalog import Model
from freetheai.catalog.size import check_size
from freetheai.errors import ApiError
from freetheai.routing import Attempt
from freetheai.store.directory import Owner
from freetheai.upstream import Transfer
from freetheai.wire.formats import ClientFormat, Stamp
from freetheai.wire.request import ChatRequest
from handlers.attempts import Attempts
from handlers.calls import make_call
from handlers.exchange import Exchange
from handlers.leased import LeasedHandler
from handlers.plain_answer import answer_plain
from handlers.stream_answer import StreamAnswer

# What belongs to a format rather than to a client: goes on to providers of that format.
FORMAT_HEADERS: Final = ("anthropic-version", "anthropic-beta")


class GenerationHandler(LeasedHandler):
    """Chat, messages and responses differ in ``client_format`` only."""

    client_format: ClassVar[ClientFormat]

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

    def choose_model(self, request: ChatRequest, owner: Owner) -> Model:
        """Gates 7 and 8 for the alias that ``request`` names."""
        model = self.find_model(request.model, owner)
        self.record.stream = request.stream
        return model

    async def examine(self, request: ChatRequest, model: Model) -> None:
        """Gate 9: the prompt is short enough for the model, and clean."""
        size_bytes = len(self.request.body)
        await self.services.big_bodies.run(size_bytes, lambda: check_size(request, model, size_bytes))
        await self.services.moderation.check(request)
        # Moderation may take a while: who has left meanwhile takes nothing of the limits.
        self.stop_if_interrupted()

    def attempts(self, request: ChatRequest) -> Attempts:
        """A fresh run of attempts for this request."""
        return self.attempts_for(request.body)

    async def start_transfer(self, attempt: Attempt, request: ChatRequest) -> Transfer:
        """Call the provider; the transfer is aborted when this request is interrupted."""
        size_bytes, user_id = len(self.request.body), self.record.user_id
        call = await self.services.big_bodies.run(size_bytes, lambda: make_call(attempt, request, user_id))
        return self.start_call(call)

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
        lease = await self.acquire(owner)
        try:
            await self._answer(
                Exchange(request=request, model=model, owner=owner, lease=lease, stamp=self._stamp(model))
            )
        finally:
            await self.settle(lease, is_success=False)

    async def _answer(self, exchange: Exchange) -> None:
        self.stop_if_interrupted()
        if exchange.request.stream:
            answer = StreamAnswer(self, exchange)
            self.client_stream = answer.client
            await answer.run()
        else:
            await answer_plain(self, exchange)

    def _stamp(self, model: Model) -> Stamp:
        return Stamp(
            id=ids.completion_id(self.client_format.id_prefix),
            created_s=int(clock.now_s()),
            model=model.id,
        )
