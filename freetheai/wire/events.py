"""The vocabulary all formats share: what each upstream format is decoded to and each client format encoded from.

    stream = ResponseStart { block } [ Usage ] Finish   |   any prefix of that, then Failed
    block  = BlockStart(i) { BlockDelta(i) } BlockEnd(i) [ Citations(i) ]       i counts 0, 1, 2 …

Rules:
- blocks do not interleave; a decoder for a format that does (parallel tool calls) holds the later block back, bounded;
- ``Usage`` comes at most once, right before ``Finish``; decoders hold ``Finish`` until the upstream's end marker;
- ``Failed`` is always last; nothing raises;
- a plain answer is the same list of events at once: ``fold`` makes a ``Response`` of either.

Not frozen: these are made by the million, and freezing costs more than it gives here.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

# text: BlockDelta.text is text. thinking: reasoning text, BlockEnd.signature where signed. redacted: opaque data of
# hidden reasoning (one delta). refusal: text. tool_call: BlockDelta.text is a fragment of the arguments' JSON (of free
# text when `custom`). media: base64 data whose mime type is BlockStart.name.
BlockKind = Literal["text", "thinking", "redacted", "refusal", "tool_call", "media"]

# tool_calls whatever the upstream called it, as soon as a call was made; stop_sequence only where the upstream says
# which; context_window: the model's window was full (Messages' model_context_window_exceeded); pause: Messages'
# pause_turn.
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "stop_sequence", "context_window", "pause"]

# Where a transfer stood when it failed. headers: the provider's status and body are known; stream: in band, after a
# good status.
FailurePhase = Literal["connect", "headers", "body", "stream"]

# answer: the provider said so. refused: no connection (refused, DNS, TLS). timeout: connect, first byte, idle or total.
# reset: the connection broke. cut: a clean end without the format's own end marker. malformed: not what the format
# allows. empty: a well-formed end without any output. too_large: one of our bounds. internal: our codec failed.
FailureKind = Literal["answer", "refused", "timeout", "reset", "cut", "malformed", "empty", "too_large", "internal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFailure:
    """What went wrong upstream, as far as it can be told without judging it.

    ``code``, ``type``, ``message``, ``param`` are the *extracted* error fields ("" where absent; numbers as text),
    never a whole body. ``details`` keeps the provider's further error fields (``metadata``, ``details``, ``status`` …)
    for its own rules. ``headers`` are the answer's, lower-case names. ``trace`` is our own traceback, for the log only.
    """

    kind: FailureKind
    phase: FailurePhase
    status: int = 0
    code: str = ""
    type: str = ""
    message: str = ""
    param: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    trace: str = ""


@dataclass(slots=True)
class ResponseStart:
    """The upstream began to answer. ``id`` and ``model`` are the upstream's own; encoders send the stamp's."""

    id: str = ""
    model: str = ""
    created_s: int = 0


@dataclass(slots=True)
class BlockStart:
    """A block opens. ``call_id`` and ``name`` belong to tool calls; ``custom`` marks free-form input (no JSON).

    ``signature`` is the one of ``BlockEnd``, where it is known so early (Gemini's calls come whole): for formats in
    which it must stand before the block.
    """

    index: int
    kind: BlockKind
    call_id: str = ""
    name: str = ""
    custom: bool = False
    signature: str = field(default="", repr=False)


@dataclass(slots=True)
class BlockDelta:
    """A piece of the open block. ``logprobs`` are Chat Completions' content entries for this piece, where asked for."""

    index: int
    text: str
    logprobs: list[dict[str, Any]] | None = None


@dataclass(slots=True)
class BlockEnd:
    """The block is complete. ``signature``: of thinking, or of any block a provider signs (Gemini's parts)."""

    index: int
    signature: str = ""


class Citation(NamedTuple):
    """A link that text cites.

    ``quote`` is what the source says there, where the upstream tells. ``start`` and ``end`` (behind it) are characters
    of all the answer's text, of the block's own where ``in_block``; -1: the whole block. ``citations.placed`` settles
    that.
    """

    url: str
    title: str = ""
    quote: str = ""
    start: int = -1
    end: int = -1
    in_block: bool = False


@dataclass(slots=True)
class Citations:
    """What a text block cites: right behind its end, before anything else begins.

    ``at``: how many characters of text stand before the block, ``size``: how many it has itself. Decoders don't count:
    whoever joins decoder and encoder does (``citations.placed``).
    """

    index: int
    cited: list[Citation]
    at: int = 0
    size: int = 0


@dataclass(slots=True)
class Usage:
    """Tokens: ``in_total`` includes cached and cache-written ones, ``out_total`` includes reasoning."""

    in_total: int = 0
    out_total: int = 0
    in_cached: int = 0
    in_written: int = 0
    out_reasoning: int = 0


@dataclass(slots=True)
class Finish:
    """A good end. ``stop_sequence`` is the string that stopped it, where the upstream tells."""

    reason: FinishReason
    stop_sequence: str = ""


@dataclass(slots=True)
class NextAnswer:
    """One of several answers to the same request (``n``) is complete, for ``reason``; the next one's blocks follow.

    Only plain answers hold it; the last of the answers ends in ``Finish``.
    """

    reason: FinishReason


@dataclass(slots=True)
class Failed:
    """A bad end, always last."""

    failure: UpstreamFailure


Event = ResponseStart | BlockStart | BlockDelta | BlockEnd | Citations | NextAnswer | Usage | Finish | Failed

# Kinds whose first piece counts as "any output": after it nothing is retried. A role or a start is none.
OUTPUT_EVENTS = (BlockStart, BlockDelta)
