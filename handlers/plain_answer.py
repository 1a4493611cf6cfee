"""A plain answer: gathered whole, judged, translated or relayed, and sent as one JSON body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freetheai.routing import Attempt
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import ClientFormat
from freetheai.wire.translate import BodyResult, convert_body
from handlers.attempts import NothingToTry
from handlers.exchange import Exchange, note_usage
from handlers.pump import failure_of_head

if TYPE_CHECKING:
    from handlers.generation import GenerationHandler

MAX_BODY_BYTES: Final = 64 * 1024 * 1024


async def answer_plain(handler: GenerationHandler, exchange: Exchange) -> None:
    """Answer, settled before the client sees it; raises ``ApiError`` when no attempt did."""
    result: BodyResult | None = None

    async def run_attempt(attempt: Attempt) -> UpstreamFailure | None:
        nonlocal result
        with await handler.start_transfer(attempt, exchange.request) as transfer:
            failure = await failure_of_head(transfer)
            if failure is not None:
                return failure
            body, end = await transfer.collect(MAX_BODY_BYTES)
        if end.kind != "complete":
            return end.failure
        result = await handler.services.big_bodies.run(
            len(body), lambda: _convert(handler.client_format, exchange, attempt, body)
        )
        return result.failure

    plan = handler.services.router.plan(exchange.model, exchange.request.format, exchange.may_use)
    try:
        error = await handler.attempts(exchange.request).run(plan, run_attempt, lambda: False)
    except NothingToTry:
        raise handler.services.router.unavailable(exchange.model) from None
    error = handler.interruption or error
    if error is not None:
        raise error
    if result is None:
        raise LookupError("a complete answer without an attempt")
    note_usage(handler.record, exchange.request, result.usage, result.output_chars)
    await handler.settle(exchange.lease, is_success=result.has_output)
    handler.send_json(result.data)


def _convert(client: ClientFormat, exchange: Exchange, attempt: Attempt, body: bytes) -> BodyResult:
    adapter = attempt.adapter
    stamp = exchange.stamp_for(attempt)
    return convert_body(client, adapter.upstream, exchange.request, stamp, adapter.quirks, body)
