"""A list of events as one ``Response``: what a plain answer is written from, and how stream and plain are compared."""

from collections.abc import Iterable

from freetheai.wire.citations import placed
from freetheai.wire.events import (
    BlockDelta,
    BlockEnd,
    BlockStart,
    Citations,
    Event,
    Failed,
    Finish,
    NextAnswer,
    Usage,
)
from freetheai.wire.formats import Block, Response, ToolCall


def fold(events: Iterable[Event]) -> Response:
    """The answer that ``events`` tell; ``failure`` is set when they end in ``Failed``, beside what came before."""
    response = answer = Response()
    pieces: list[str] = []
    for event in events:
        if isinstance(event, BlockDelta):
            pieces.append(event.text)
            _add_logprobs(answer.blocks, event)
        elif isinstance(event, BlockStart):
            pieces = []
            answer.blocks.append(_opened(event))
        elif isinstance(event, BlockEnd):
            _close(answer.blocks[-1], "".join(pieces), event.signature)
            pieces = []
        elif isinstance(event, Citations):
            size = len(answer.blocks[-1].text)
            answer.blocks[-1].cited = placed(event, len(answer.text()) - size, size).cited
        elif isinstance(event, Usage):
            response.usage = event
        elif isinstance(event, Finish):
            answer.reason = event.reason
            answer.stop_sequence = event.stop_sequence
        elif isinstance(event, NextAnswer):
            answer.reason = event.reason
            answer = Response()
            response.others.append(answer)
        elif isinstance(event, Failed):
            response.failure = event.failure
    if pieces and answer.blocks:
        _close(answer.blocks[-1], "".join(pieces), "")
    return response


def _opened(start: BlockStart) -> Block:
    if start.kind == "tool_call":
        call = ToolCall(call_id=start.call_id, name=start.name, arguments="", custom=start.custom)
        return Block(kind="tool_call", call=call)
    return Block(kind=start.kind, media_type=start.name if start.kind == "media" else "")


def _close(block: Block, text: str, signature: str) -> None:
    block.signature = signature
    if block.call is None:
        block.text = text
        return
    block.call.signature = signature
    block.call.arguments = text if block.call.custom or text.strip() else "{}"


def _add_logprobs(blocks: list[Block], delta: BlockDelta) -> None:
    if delta.logprobs and blocks:
        blocks[-1].logprobs = [*(blocks[-1].logprobs or ()), *delta.logprobs]
