"""The seams between handlers, codecs and adapters: what a format must be able to do, as values of plain functions.

A handler holds a ``ClientFormat``, an adapter an ``UpstreamFormat``; ``translate.open_stream`` joins one of each. Equal
names are relayed, unequal ones translated through the events of ``events.py``.

Rules:
- ids, times and the alias are given (``Stamp``), never made here: recorded cases stay stable;
- ``feed`` is total: no input makes it raise; a provider's fault is ``failure``, set once, after which nothing is fed;
- a ``ByteStream`` never judges a failure: the handler does, tries elsewhere while nothing was sent, and at last calls
  ``error`` for the bytes that end the stream as its format demands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from freetheai.errors import ApiError
from freetheai.wire.events import Citation, Event, FinishReason, UpstreamFailure, Usage
from freetheai.wire.request import ChatRequest, ClientFormatName

UpstreamFormatName = Literal["chat", "messages", "responses", "gemini"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every answer carries and the upstream does not decide.

    ``id`` with the client format's own prefix, ``created_s`` (epoch seconds), ``model`` the alias the client asked for.
    ``origin`` names who made the reasoning (family and upstream model), so that signatures find only their maker.
    """

    id: str
    created_s: int
    model: str
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What a provider does otherwise than its format's makers. Each use has its reason and a recorded case.

    Request: ``developer_role`` is what the provider calls it; ``max_tokens_field`` likewise; ``drop_fields`` are
    top-level fields it refuses; ``extra_body`` is laid under the request's own fields; ``null_content`` False: an
    assistant turn of only tool calls gets "" instead of null; ``stream_usage`` False: it refuses `stream_options`;
    ``parallel_tool_calls``/``strict_tools``/``json_schema``: it knows them; ``text_tool_results``: only strings there;
    ``system_first_only``, ``strict_alternation``: its template takes no other order; ``max_stop`` strings at most;
    ``top_k``: it takes that field in translated requests; ``only_functions``: of the Responses format's tools it knows
    functions only, so that its own clients are translated too; ``messages_extras`` False: of the Messages format it
    knows the first version only (no `output_config`, adaptive thinking, betas), and does not check signatures;
    ``max_temperature``: a higher one is lowered to it; ``several_answers`` False: it gives one answer, ``n`` is never
    sent and more than 1 is a 400; ``cache_control``: chat messages keep the caching hints of any client.
    ``reasoning_style`` is how thinking is switched (the table in ``effort.py``); ``replay_reasoning``: earlier
    reasoning text goes back as `reasoning_content` (``never``, ``when_known``, or ``always``, then "" where unknown);
    ``needs_reasoning``: while it thinks it refuses earlier calls without their reasoning, so where that is lost it is
    told not to think.

    Answer: ``raw_think``: reasoning comes as `<think>` in the text.
    """

    developer_role: str = "system"
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    drop_fields: frozenset[str] = frozenset()
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    null_content: bool = True
    stream_usage: bool = True
    parallel_tool_calls: bool = True
    strict_tools: bool = False
    json_schema: bool = True
    text_tool_results: bool = False
    system_first_only: bool = False
    strict_alternation: bool = False
    max_stop: int = 4
    top_k: bool = False
    only_functions: bool = False
    messages_extras: bool = True
    reasoning_style: str = "effort"
    replay_reasoning: Literal["never", "when_known", "always"] = "when_known"
    needs_reasoning: bool = False
    max_temperature: float | None = None
    several_answers: bool = True
    cache_control: bool = False
    raw_think: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where one attempt goes, as far as the request's body depends on it: from the catalog row and its provider.

    ``model`` is the upstream's name. ``max_output_tokens`` clamps (None: unknown, nothing is clamped). ``origin`` is
    the stamp's: opaque reasoning with another origin is not sent.
    """

    model: str
    origin: str = ""
    max_output_tokens: int | None = None
    context_window: int | None = None
    supports_image_input: bool = True
    supports_audio: bool = True
    supports_files: bool = True
    supports_tools: bool = True
    supports_reasoning: bool = True


@dataclass(slots=True)
class ToolCall:
    """One call of a folded answer; ``arguments`` is JSON text, `{}` when there were none."""

    call_id: str
    name: str
    arguments: str
    custom: bool = False
    signature: str = ""


@dataclass(slots=True)
class Block:
    """One block of a folded answer, in the order it came. ``text`` is thinking, text, refusal or opaque data.

    ``cited``: links, their places in all the answer's text.
    """

    kind: str
    text: str = ""
    signature: str = ""
    call: ToolCall | None = None
    media_type: str = ""
    logprobs: list[dict[str, Any]] | None = None
    cited: list[Citation] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Response:
    """A whole answer: what ``fold`` makes of a list of events and ``encode_body`` writes out.

    ``others`` are further answers to the same request (``n``): their blocks and reasons, nothing else.
    """

    blocks: list[Block] = field(default_factory=list)
    reason: FinishReason = "stop"
    stop_sequence: str = ""
    usage: Usage | None = None
    failure: UpstreamFailure | None = None
    others: "list[Response]" = field(default_factory=list)

    def text(self) -> str:
        """All visible text, joined: blocks continue each other."""
        return "".join(block.text for block in self.blocks if block.kind == "text")


class StreamDecoder(Protocol):
    """Upstream bytes to events."""

    def feed(self, data: bytes) -> list[Event]:
        """Events completed by ``data``; total. After ``Finish`` or ``Failed`` all further input gives nothing."""
        ...

    def end(self) -> list[Event]:
        """The upstream closed well: the rest, ending in ``Finish``; ``Failed`` when its own end marker is missing."""
        ...


class StreamEncoder(Protocol):
    """Events to client bytes, whole SSE events only."""

    def encode(self, event: Event) -> bytes:
        """The bytes for one event, "" if it needs none. Not called with ``Failed``."""
        ...

    def error(self, error: ApiError) -> bytes:
        """End the stream with an error: legal after any prefix, once."""
        ...


class ByteStream(Protocol):
    """One upstream answer on its way to one client: a translation or a relay.

    ``has_output``: at least one piece of text, reasoning, tool call or media has been seen (nothing is retried once
    it was sent). ``is_finished``: the upstream said it is complete; nothing more will come out. ``failure``: the
    upstream's fault, set once; what was fed before it has been returned. ``usage``: tokens, None until known.
    ``output_chars`` counts characters of output, for estimates where the upstream counts nothing. ``finish`` is the
    finish reason once known.
    """

    has_output: bool
    is_finished: bool
    failure: UpstreamFailure | None
    usage: Usage | None
    output_chars: int
    finish: FinishReason | None

    def feed(self, data: bytes) -> bytes:
        """Client bytes for one upstream read: any number of whole SSE events. Never raises."""
        ...

    def end(self) -> bytes:
        """The upstream's body is over: the last events, or ``failure`` is set because it was cut."""
        ...

    def error(self, error: ApiError) -> bytes:
        """The error event and end marker, after whatever was sent so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFormat:
    """The half a handler needs: chat, messages, responses.

    ``parse`` raises ``ApiError`` with one of the 400 rows. ``keep_alive`` is sent in silence, between events.
    ``id_prefix`` begins an answer's id. ``relay_usual`` relays and reads a plain answer in one step where it is of the
    usual kind, so that it is parsed once; None where it is not: then ``decode_body`` and ``relay_body`` do.
    """

    name: ClientFormatName
    id_prefix: str
    parse: Callable[[bytes], ChatRequest]
    encoder: Callable[[ChatRequest, Stamp], StreamEncoder]
    encode_body: Callable[[Response, ChatRequest, Stamp], bytes]
    relay: "Callable[[ChatRequest, Stamp, Quirks], ByteStream]"
    relay_body: Callable[[bytes, ChatRequest, Stamp, Quirks], bytes]
    relay_usual: "Callable[[bytes, ChatRequest, Stamp, Quirks], tuple[bytes, Response] | None] | None" = None
    keep_alive: bytes = b": keep-alive\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFormat:
    """The half an adapter needs: those three and gemini.

    ``build`` writes a request translated from any client format, ``rewrite`` one of its own format with only what must
    change changed. Both raise ``ApiError`` (INVALID_REQUEST …) for what this target can't carry.
    ``decode_body`` reads a plain answer; total, like ``feed``.
    """

    name: UpstreamFormatName
    build: Callable[[ChatRequest, Target, Quirks], bytes]
    rewrite: Callable[[ChatRequest, Target, Quirks], bytes]
    decoder: Callable[[ChatRequest, Quirks], StreamDecoder]
    decode_body: Callable[[bytes, ChatRequest, Quirks], list[Event]]


Events = Sequence[Event]
