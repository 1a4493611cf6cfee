"""Decode Messages answers, streams and plain ones, into events.

Strategy: ``FrameDecoder`` cuts frames, each frame's JSON is dispatched by its ``type``; blocks go through
``BlockQueue``, which puts into order what a server lets overlap. A plain answer is read as the events it would have
been streamed as, so both ways agree by construction. State: the open blocks by their upstream index, the stop reason,
the counts.

Rules:
- the type stands in the data; the ``event:`` line is only asked where it does not (some servers leave it out);
- a block may hold its content in its start already (text, a tool's whole input); deltas after it replace it;
- usage may come at the start, at the end, or in parts: later counts win, a zero never wins over a count;
- ``message_delta`` with a stop reason makes the answer complete, with ``message_stop`` or without; neither is a cut;
- a call whose arguments are no JSON fails the answer, unless a limit cut it;
- links that a text cites are told behind it, all of the block being what they stand for; documents and other places in
  the request are no links;
- pings, unknown events, unknown blocks and those of tools that the provider ran are dropped;
- nothing after the end is read (OpenCode Zen appends a ping with the cost).

Format: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from dataclasses import dataclass, field
from typing import Any, Final

from freetheai.wire import finish
from freetheai.wire.blocks import BlockQueue, OpenBlock
from freetheai.wire.citations import MAX_CITATIONS
from freetheai.wire.decoding import FrameDecoder
from freetheai.wire.error_body import ErrorFields, error_fields, failure_from, is_error_body
from freetheai.wire.events import Citation, Event, Failed, Finish, FinishReason, ResponseStart, UpstreamFailure
from freetheai.wire.formats import Quirks
from freetheai.wire.jsontext import dumps_text, is_json, loads
from freetheai.wire.messages.links import read_link
from freetheai.wire.messages.schema_tool import SCHEMA_TOOL, may_be_schema_tool
from freetheai.wire.request import ChatRequest
from freetheai.wire.sse import Frame
from freetheai.wire.template import TextMatch
from freetheai.wire.toolcalls import answer_seed, changed_names, custom_input, made_call_id, tool_sent_name
from freetheai.wire.usage import from_messages

# Longer arguments (characters) than any model makes: a broken upstream.
MAX_ARGUMENT_CHARS: Final = 16 * 1024 * 1024
_KINDS: Final = {"text": "text", "thinking": "thinking", "redacted_thinking": "redacted", "tool_use": "tool_call"}
_THINKING_DELTAS: Final = {"thinking_delta": "thinking", "signature_delta": "thinking"}
_DELTA_KINDS: Final = {"text_delta": "text", "citations_delta": "text", **_THINKING_DELTAS}
# The member of a delta that holds its text.
_TEXT_MEMBERS: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


@dataclass(slots=True)
class _Block:
    """A block on its way. ``filled`` is the input its start held; ``unwraps``: free text is inside its arguments;
    ``is_schema``: its arguments are the answer's text; ``cited``: links told before any text.
    """

    kind: str
    entry: OpenBlock | None = None
    filled: str = ""
    unwraps: bool = False
    is_schema: bool = False
    is_stopped: bool = False
    size: int = 0
    pieces: list[str] = field(default_factory=list)
    cited: list[Citation] = field(default_factory=list)

    def text(self) -> str:
        """The arguments so far."""
        return "".join(self.pieces)

    def can_close(self) -> bool:
        """Whether another block may begin."""
        return self.is_stopped or (self.size > 0 and is_json(self.text()))


class MessagesDecoder(FrameDecoder):
    """One stream. See ``formats.StreamDecoder``."""

    def __init__(self, request: ChatRequest, quirks: Quirks) -> None:
        del quirks
        super().__init__()
        self._request = request
        self._queue = BlockQueue()
        self._names = changed_names(request)
        self._custom_names = frozenset(tool_sent_name(tool) for tool in request.tools if tool.custom)
        self._takes_schema_tool = may_be_schema_tool(request)
        self._blocks: dict[Any, _Block] = {}
        self._calls: list[_Block] = []
        self._counts: dict[str, Any] = {}
        self._has_started = False
        self._word = ""
        self._stop_sequence = ""
        self._seed = ""
        self._ids: set[str] = set()

    def _read(self, value: dict[str, Any], frame: Frame, events: list[Event]) -> None:
        self.event(value, frame.event.decode("ascii", "replace"), events)
        if value.get("type") == "content_block_delta" and _key(value) is not None and not self._is_over:
            self._templates.learn(frame.raw, plain_delta_key(value), value)

    def _ended(self, events: list[Event], *, is_marked: bool) -> None:
        del is_marked  # `[DONE]` is no mark of this format
        self.complete(events, is_marked=False)

    def _matched(self, match: TextMatch, events: list[Event]) -> None:
        """A delta like an earlier one; what it belongs to is looked up as for any other."""
        if self._is_over:
            return
        template, _, text, _ = match
        value, key = template.owner, template.key
        block = self._blocks.get(value["index"])
        entry = block.entry if block is not None and block.kind == key else None
        if text and entry is not None and self._queue.add(events, entry, text):
            return  # one more piece of a text that is open: nearly all events
        value["delta"][key] = text
        self._content_block_delta(value, events)
        if self._queue.is_overflowing:
            self._fail(events, "too_large", "blocks overlap by more than can be held")

    def event(self, value: dict[str, Any], name: str, events: list[Event]) -> None:
        """Read one event; ``name`` is its ``event:`` line's."""
        kind = value.get("type")
        kind = kind if isinstance(kind, str) else name
        if kind == "error" or (value.get("error") and not kind.startswith(("content_", "message_"))):
            self._fail_as(events, error_fields(value))
        elif kind == "message" and isinstance(value.get("content"), list):
            self.whole(value, events)
        elif (read := getattr(self, f"_{kind}", None)) is not None and kind in _EVENTS:
            read(value, events)
        if self._queue.is_overflowing:
            self._fail(events, "too_large", "blocks overlap by more than can be held")

    def whole(self, message: dict[str, Any], events: list[Event]) -> None:
        """Read a plain answer."""
        self._message_start({"message": message}, events)
        for index, block in enumerate(message["content"]):
            if isinstance(block, dict):
                self._content_block_start({"index": index, "content_block": block}, events)
                self._content_block_stop({"index": index}, events)
        self._message_delta({"delta": message}, events)
        if not self._is_over:
            self.complete(events, is_marked=True)

    def _message_start(self, value: dict[str, Any], events: list[Event]) -> None:
        message = value.get("message")
        message = message if isinstance(message, dict) else {}
        self._count(message.get("usage"))
        self._begin(events, _word(message.get("id")), _word(message.get("model")))

    def _begin(self, events: list[Event], answer_id: str = "", model: str = "") -> None:
        if not self._has_started:
            self._has_started = True
            self._seed = answer_seed(self._request, answer_id)
            events.append(ResponseStart(answer_id, model))

    def _content_block_start(self, value: dict[str, Any], events: list[Event]) -> None:
        self._begin(events)
        content = value.get("content_block")
        content = content if isinstance(content, dict) else {}
        kind = _KINDS.get(_word(content.get("type")) or "text", "")
        self._content_block_stop(value, events)
        self._drop_unknown()
        block = self._blocks[_key(value)] = _Block(kind)
        if kind == "tool_call":
            self._start_call(block, content, events)
        elif kind == "redacted":
            if data := _word(content.get("data")):
                block.entry = OpenBlock("redacted")
                self._queue.open(events, block.entry)
                self._queue.add(events, block.entry, data)
        elif kind == "text":
            if text := _word(content.get("text")):
                self._text(block, text, events)
            cited = content.get("citations")
            for value in cited if isinstance(cited, list) else ():
                self._cite(block, value)
        elif kind == "thinking":
            if text := _word(content.get("thinking")):
                self._text(block, text, events)
            self._sign(block, _word(content.get("signature")), events)

    def _start_call(self, block: _Block, content: dict[str, Any], events: list[Event]) -> None:
        name = _word(content.get("name"))
        if not name:
            self._fail(events, "malformed", "a tool call has no name")
            return
        given = content.get("input")
        block.filled = given if isinstance(given, str) else dumps_text(given) if given else ""
        if self._takes_schema_tool and name == SCHEMA_TOOL:
            block.kind, block.is_schema = "text", True
            return
        block.unwraps = name in self._custom_names
        call_id = _word(content.get("id"))
        if not call_id or call_id in self._ids:
            # Two calls with one id could not be told apart in the results.
            call_id = made_call_id(self._seed + call_id, len(self._calls))
        self._ids.add(call_id)
        self._calls.append(block)
        block.entry = OpenBlock("tool_call", self._names.get(name, name), call_id, block.unwraps, block.can_close)
        self._queue.open(events, block.entry)

    def _content_block_delta(self, value: dict[str, Any], events: list[Event]) -> None:
        delta = value.get("delta")
        if not isinstance(delta, dict):
            return
        kind = _word(delta.get("type"))
        block = self._blocks.get(_key(value))
        if block is None:
            # A server that tells no starts: the delta says what it belongs to.
            if kind not in _DELTA_KINDS:
                return
            self._begin(events)
            block = self._blocks[_key(value)] = _Block(_DELTA_KINDS[kind])
        if kind == "text_delta":
            self._piece(block, "text", _word(delta.get("text")), events)
        elif kind == "thinking_delta":
            self._piece(block, "thinking", _word(delta.get("thinking")), events)
        elif kind == "signature_delta":
            self._sign(block, _word(delta.get("signature")), events)
        elif kind == "input_json_delta":
            self._arguments(block, delta.get("partial_json"), events)
        elif kind == "citations_delta":
            self._cite(block, delta.get("citation"))

    def _piece(self, block: _Block, kind: str, text: str, events: list[Event]) -> None:
        if not text or block.kind not in ("text", "thinking"):
            return
        if block.kind != kind:
            # Thinking and text under one index: told apart by what the deltas are.
            block.kind, block.entry = kind, None
        self._text(block, text, events)

    def _text(self, block: _Block, text: str, events: list[Event]) -> None:
        if block.entry is None or not self._queue.add(events, block.entry, text):
            block.entry = OpenBlock("text" if block.kind == "text" else "thinking")
            self._queue.open(events, block.entry)
            self._queue.add(events, block.entry, text)
            for citation in block.cited:
                self._queue.cite(citation, block.entry)
            block.cited.clear()

    def _cite(self, block: _Block, value: Any) -> None:
        citation = read_link(value)
        if citation is None or block.kind != "text":
            return
        if block.entry is not None:
            self._queue.cite(citation, block.entry)
        elif len(block.cited) < MAX_CITATIONS:
            block.cited.append(citation)

    def _sign(self, block: _Block, signature: str, events: list[Event]) -> None:
        if not signature or block.kind != "thinking":
            return
        if block.entry is None:
            # Thinking whose text is omitted is carried by its signature alone.
            block.entry = OpenBlock("thinking")
            self._queue.open(events, block.entry)
        block.entry.signature = signature

    def _arguments(self, block: _Block, piece: Any, events: list[Event]) -> None:
        text = piece if isinstance(piece, str) else dumps_text(piece) if isinstance(piece, dict) else ""
        if not text:
            return
        block.filled = ""
        if block.is_schema:
            self._text(block, text, events)
            return
        if block.kind != "tool_call" or block.entry is None:
            return
        block.pieces.append(text)
        block.size += len(text)
        if block.size > MAX_ARGUMENT_CHARS:
            self._fail(events, "too_large", "the arguments of a tool call are larger than can be held")
        elif not block.unwraps and not self._queue.add(events, block.entry, text):
            self._fail(events, "malformed", "a tool call went on after its arguments were complete")

    def _content_block_stop(self, value: dict[str, Any], events: list[Event]) -> None:
        block = self._blocks.pop(_key(value), None)
        if block is not None:
            self._stop(block, events)
        elif _key(value) is None:
            self._drop_unknown()

    def _drop_unknown(self) -> None:
        """A block nobody knows ends where the next one starts: what names it later is a block of its own."""
        self._blocks = {key: block for key, block in self._blocks.items() if block.kind}

    def _stop(self, block: _Block, events: list[Event]) -> None:
        if block.filled:
            self._arguments(block, block.filled, events)
        if block.unwraps and block.entry is not None and block.size and not block.is_stopped:
            self._queue.add(events, block.entry, custom_input(block.text()))
        block.is_stopped = True

    def _message_delta(self, value: dict[str, Any], events: list[Event]) -> None:
        delta = value.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        self._begin(events)
        self._count(value.get("usage"))
        word = _word(delta.get("stop_reason"))
        if word:
            self._word = word
            self._stop_sequence = _word(delta.get("stop_sequence"))
        if finish.is_breakdown(word):
            self._fail_as(events, ErrorFields(code=word))

    def _message_stop(self, value: dict[str, Any], events: list[Event]) -> None:
        del value
        self.complete(events, is_marked=True)

    def _count(self, usage: Any) -> None:
        merge_counts(self._counts, usage)

    def complete(self, events: list[Event], *, is_marked: bool) -> None:
        """The answer is over; ``is_marked``: the upstream said so with ``message_stop``, or by answering plainly."""
        if not self._word and not is_marked:
            self._fail(events, "cut", "the stream ended without a stop reason")
            return
        reason = reason_of(self._word)
        for block in self._blocks.values():
            self._stop(block, events)
        if self._is_over:
            return
        if reason not in finish.CUTTING and any(block.size and not is_json(block.text()) for block in self._calls):
            self._fail(events, "malformed" if is_marked else "cut", "the arguments of a tool call are not JSON")
            return
        self._queue.close_all(events)
        self._is_over = True
        usage = from_messages(self._counts)
        if not self._queue.has_output and (failure := finish.empty_failure(reason, usage)) is not None:
            events.append(Failed(failure))
            return
        if usage is not None:
            events.append(usage)
        reason = settled(reason, has_calls=bool(self._calls))
        events.append(Finish(reason, self._stop_sequence if reason == "stop_sequence" else ""))


_EVENTS: Final = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)


def merge_counts(counts: dict[str, Any], usage: Any) -> None:
    """Add what a ``usage`` object says to what is known: later counts win, a zero or null never wins over a count."""
    if isinstance(usage, dict):
        counts.update({key: value for key, value in usage.items() if value or key not in counts})


def reason_of(word: str) -> FinishReason:
    """A stop reason, also where a server uses Chat Completions' word."""
    return finish.FROM_MESSAGES.get(word) or finish.FROM_CHAT.get(word, "stop")


def settled(reason: FinishReason, *, has_calls: bool) -> FinishReason:
    """The reason that fits what was seen; a pause with calls waits for their results as any answer with calls does."""
    return "tool_calls" if reason == "pause" and has_calls else finish.settled(reason, has_calls=has_calls)


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer: the same events as its stream. Total; a stream sent all the same is read as one."""
    decoder = MessagesDecoder(request, quirks)
    events: list[Event] = []
    try:
        body = loads(data.strip())
    except ValueError:
        if data.lstrip()[:5] in (b"data:", b"event", b"error") or data.lstrip().startswith(b":"):
            return decoder.feed(data) + decoder.end()
        return [Failed(UpstreamFailure(kind="malformed", phase="body", message="the answer is not JSON"))]
    if isinstance(body, dict) and isinstance(body.get("content"), list) and not body.get("error"):
        decoder.whole(body, events)
    elif isinstance(body, list) or (isinstance(body, dict) and is_error_body(body)):
        return [Failed(failure_from(error_fields(body), phase="body"))]
    else:
        return [Failed(UpstreamFailure(kind="malformed", phase="body", message="the answer is no message"))]
    return events


def plain_delta_key(value: dict[str, Any]) -> str:
    """The member that holds the text of a delta event; "" if it has none that is a text."""
    delta = value.get("delta")
    kind = delta.get("type") if isinstance(delta, dict) else None
    key = _TEXT_MEMBERS.get(kind, "") if isinstance(kind, str) else ""
    return key if key and isinstance(delta, dict) and isinstance(delta.get(key), str) else ""


def _key(value: dict[str, Any]) -> Any:
    index = value.get("index")
    return index if type(index) is int else None


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
