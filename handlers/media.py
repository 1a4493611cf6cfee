"""The life of a request for media, whatever it asks for: the same gates and the same slot as a generation's.

    admit -> read the request -> choose the model -> examine -> lease -> attempts until one answers -> settle -> the end

Strategy: ``MediaHandler`` has the life; a route says how its request is read (``read_request``), which of its text
moderation sees (``texts``), and how it is answered (``answer``). Most answers are read whole (``ask`` and ``send``);
those that stream are ``media_stream.MediaStreamAnswer``.

Rules:
- the provider's form is the adapter's: nothing here knows a provider;
- another provider may serve as long as the client has got nothing;
- a success is media, whole: what was cut counts nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from adapters.base import credential_headers
from adapters.media import MediaAnswer, MediaCall, MediaFormat, MediaRequest, MediaResult
from freetheai import errors, ids
from freetheai.catalog import Model
from freetheai.catalog.size import DOUBT, prompt_bound
from freetheai.errors import ApiError
from freetheai.limits import Lease
from freetheai.routing import MediaAttempt
from freetheai.store.directory import Owner
from freetheai.upstream import Transfer, UpstreamCall, UpstreamEnd
from freetheai.wire import fields
from freetheai.wire.events import UpstreamFailure, Usage
from freetheai.wire.jsontext import is_too_deep
from freetheai.wire.tokens import estimate_tokens
from handlers.attempts import NothingToTry, RunAttempt
from handlers.calls import call_timeouts
from handlers.leased import LeasedHandler
from handlers.pump import failure_of_head

# A provider's answer that is read whole: images come as base64, several at once.
MAX_ANSWER_BYTES: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaExchange:
    """One admitted request on its way to an answer."""

    request: MediaRequest
    model: Model
    owner: Owner
    lease: Lease

    def may_use(self, model: Model) -> bool:
        """Whether the owner's roles open ``model``: asked of fallbacks."""
        return model.allows(self.owner.roles)


class MediaHandler(LeasedHandler):
    """What the media routes share; each says its ``route``, its format, and the three methods at the end."""

    media_format: ClassVar[MediaFormat]

    async def post(self) -> None:
        """Pass the gates, take a lease, answer, give it back."""
        owner = await self.admit()
        request = await self.read_request()
        await self.serve(request, owner)

    async def serve(self, request: MediaRequest, owner: Owner) -> None:
        """Everything after the body: gates 7 (its alias) to 11, the answer, the settlement."""
        model = self.find_model(request.model, owner)
        self.services.running.add(self)
        try:
            await self._examine(request, model)
            lease = await self.acquire(owner)
            try:
                self.stop_if_interrupted()
                await self.answer(MediaExchange(request=request, model=model, owner=owner, lease=lease))
            finally:
                await self.settle(lease, is_success=False)
        finally:
            self.services.running.discard(self)

    async def run_attempts(
        self,
        exchange: MediaExchange,
        run: RunAttempt[MediaAttempt],
        has_begun: Callable[[], bool] = lambda: False,
    ) -> ApiError | None:
        """Try until one answers; the last one's error, or None. ``has_begun``: the client has got some of the answer.

        Raises:
            ApiError: nothing can serve it now, or nothing can make what was asked for.
        """
        attempts = self.attempts_for(own_fields(exchange.request))
        route = self.served_route or self.route
        plan = self.services.router.plan_media(exchange.model, self.media_format, route, exchange.may_use)
        try:
            error = await attempts.run(plan, run, has_begun)
        except NothingToTry:
            raise self.services.router.unavailable(exchange.model) from None
        return self.interruption or error

    async def ask(self, exchange: MediaExchange) -> tuple[MediaAttempt, MediaResult]:
        """Ask until one has answered well, its answer read whole; with the attempt that did.

        Raises:
            ApiError: none did.
        """
        answered: tuple[MediaAttempt, MediaResult] | None = None

        async def run(attempt: MediaAttempt) -> UpstreamFailure | None:
            nonlocal answered
            with await self.start(attempt, exchange.request) as transfer:
                result = await self.read_whole(attempt, exchange.request, transfer)
            if isinstance(result, MediaResult):
                answered = attempt, result
                return None
            return result

        error = await self.run_attempts(exchange, run)
        if error is not None:
            raise error
        if answered is None:
            raise LookupError("a complete answer without an attempt")
        return answered

    async def start(self, attempt: MediaAttempt, request: MediaRequest) -> Transfer:
        """Call the provider. Raises ``ApiError`` for what it can't make."""
        size_bytes = len(self.request.body) + sum(part.size_bytes for part in request.parts)
        call = await self.services.big_bodies.run(size_bytes, lambda: attempt.adapter.build(request, attempt.target))
        return self.start_call(upstream_call(attempt, call))

    async def read_whole(
        self, attempt: MediaAttempt, request: MediaRequest, transfer: Transfer
    ) -> MediaResult | UpstreamFailure | None:
        """The provider's whole answer as the adapter reads it; None when we stopped it."""
        failure = await failure_of_head(transfer)
        head = await transfer.head()
        if failure is not None or isinstance(head, UpstreamEnd):
            return failure
        body, end = await transfer.collect(MAX_ANSWER_BYTES)
        if end.kind != "complete":
            return end.failure
        answer = MediaAnswer(status=head.status, headers=head.headers, body=body)
        try:
            return await self.services.big_bodies.run(len(body), lambda: attempt.adapter.read(request, answer))
        except TypeError as error:
            if not is_too_deep(error):
                raise
            return UpstreamFailure(kind="malformed", phase="body", status=head.status, message="nested too deep")

    async def send(self, exchange: MediaExchange, result: MediaResult, status: int = 200) -> None:
        """Settle, then let the client see the whole answer."""
        self.note_usage(exchange.request, result.usage)
        await self.settle(exchange.lease, is_success=result.has_output)
        self.set_status(status)
        self.set_header("Content-Type", result.content_type)
        self.finish_whole(result.body)

    def note_usage(self, request: MediaRequest, usage: Usage | None) -> None:
        """Put tokens into the log line: the provider's count, or an estimate of the text that went in."""
        record = self.record
        if usage is None:
            record.estimated = True
            record.input_tokens = sum(estimate_tokens(text) for text in self.texts(request))
            return
        record.input_tokens, record.output_tokens = usage.in_total, usage.out_total
        record.cached_tokens = usage.in_cached

    async def read_json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ApiError: INVALID_JSON.
        """
        encoding = self.request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise ApiError(
                errors.INVALID_JSON, "invalid json payload: the body is compressed; send it without Content-Encoding."
            )
        body = self.request.body
        return await self.services.big_bodies.run(len(body), lambda: fields.read_object(body))

    # -- what a route says

    async def read_request(self) -> MediaRequest:
        """Gate 7: the request in the body; raises the 400s. By default JSON with a model and nothing else demanded."""
        body = await self.read_json()
        return MediaRequest(
            route=self.route, model=fields.read_model(body), fields=body, boundary=ids.random_base62(40)
        )

    def texts(self, request: MediaRequest) -> list[str]:
        """What a model would read of it: for moderation, the size, and an estimate of tokens."""
        raise NotImplementedError

    async def answer(self, exchange: MediaExchange) -> None:
        """Answer and settle; raises ``ApiError`` when no attempt did. By default the provider's whole answer."""
        _, result = await self.ask(exchange)
        await self.send(exchange, result)

    # -- within

    async def _examine(self, request: MediaRequest, model: Model) -> None:
        """Gate 9: the text is short enough for the model, and clean."""
        texts = [text for text in self.texts(request) if text]
        bound = prompt_bound(model)
        if bound is not None:
            tokens = sum(map(estimate_tokens, texts))
            if tokens > bound * DOUBT:
                raise ApiError(errors.CONTEXT_LENGTH_EXCEEDED, f"prompt is too long: {tokens} tokens > {bound} maximum")
        if texts:
            await self.services.moderation.check_texts(texts)
        self.stop_if_interrupted()


def own_fields(request: MediaRequest) -> set[str]:
    """The names of what the client sent."""
    return {*request.fields, *(part.name for part in request.parts)}


def upstream_call(attempt: MediaAttempt, call: MediaCall) -> UpstreamCall:
    """The call with the provider's address, credential and time-outs."""
    headers = [f"Accept: {call.accept}"]
    if call.body or call.pieces:
        headers.append(f"Content-Type: {call.content_type}")
    headers += credential_headers(attempt.adapter.auth, attempt.credential.secret)
    headers += [f"{name}: {value}" for name, value in call.headers.items()]
    return UpstreamCall(
        method=call.method,
        url=attempt.url(call.path),
        headers=headers,
        body=call.body,
        pieces=call.pieces,
        timeouts=call_timeouts(attempt.provider.settings.timeouts),
    )
