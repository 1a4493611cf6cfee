"""Decode generateContent answers, streams and plain ones, into events.

Strategy: ``FrameDecoder`` cuts frames, each frame is an answer of its own that holds new parts only, and the parts are
told in order: nothing interleaves in this format, calls come whole. A plain answer is read as one frame, so both ways
agree by construction. A stream that begins like JSON (asked for without ``alt=sse``, or from a proxy that knows no
streams) is kept until its end and read whole.

Rules:
- neighbouring texts of one kind are one block, up to a signature: that closes it, since a signed part stays unjoined;
- a signature of a thought without any text signs the block it follows, if that is thinking; what signs a text, and any
  other that comes alone, travels on a thinking block without words, and on none at all in an answer without output;
- the finish reason and usage are kept until the end of the stream, its only end marker; without a finish reason it was
  cut; counts are cumulative, the last ones stand;
- links are told behind the text that cites them;
- of several candidates only the first is read, but for plain answers to requests for several (``n``);
- a blocked prompt, an error frame and a finish reason that names a breakdown are ``Failed``;
- pictures of thinking, code the provider ran, and parts nobody knows are dropped.

Format: https://ai.google.dev/api/generate-content#generatecontentresponse
"""

from typing import Any, Final

from freetheai.wire import finish
from freetheai.wire.decoding import FrameDecoder
from freetheai.wire.error_body import ErrorFields
from freetheai.wire.events import (
    Event,
    Failed,
    Finish,
    FinishReason,
    NextAnswer,
    ResponseStart,
    UpstreamFailure,
    Usage,
)
from freetheai.wire.expected import LONG_READ_BYTES
from freetheai.wire.formats import Quirks
from freetheai.wire.gemini.blocks import BlockWriter
from freetheai.wire.gemini.links import has_sources
from freetheai.wire.gemini.parts import (
    VOLATILE,
    Value,
    answers_in,
    candidate_of,
    error_of,
    logprobs_of,
    parts_of,
    plain_text_kind,
    word,
)
from freetheai.wire.jsontext import dumps_text, loads, try_loads
from freetheai.wire.request import ChatRequest
from freetheai.wire.sse import MAX_EVENT_BYTES, Frame, read_frame
from freetheai.wire.template import BLANK, TextMatch
from freetheai.wire.toolcalls import (
    answer_seed,
    arguments_object,
    arguments_text,
    changed_names,
    custom_input,
    made_call_id,
    tool_sent_name,
)
from freetheai.wire.usage import from_gemini

_BOM: Final = b"\xef\xbb\xbf"


class GeminiDecoder(FrameDecoder):
    """One stream. See ``formats.StreamDecoder``."""

    def __init__(self, request: ChatRequest, quirks: Quirks) -> None:
        del quirks
        super().__init__(VOLATILE)
        self._request = request
        # What came so far of a stream that is one JSON text; None once it is known to be events.
        self._text: bytearray | None = bytearray()
        # The newest event that was recognised without being read in full, and perhaps some before it: its counts may
        # be the last ones.
        self._unread = b""
        self._blocks = BlockWriter()
        self._names = changed_names(request)
        self._custom_names = frozenset(tool_sent_name(tool) for tool in request.tools if tool.custom)
        self._call_ids: set[str] = set()
        self._calls = 0
        self._seed = ""
        self._has_started = self._has_calls = False
        self._finish_word = ""
        self._usage: Usage | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Events completed by ``data``; nothing after the end."""
        events: list[Event] = []
        if self._is_over:
            return events
        if self._text is not None and not (data := self._after_opening(data, events)):
            return events
        if self._splitter.is_idle:
            if len(data) > LONG_READ_BYTES:
                if self._matched_run(data, events):
                    self._unread = data
                    return events
            elif (known := self._templates.match(data)) is not None:
                self._unread = data
                self._matched(known, events)
                return events
        self._split(data, events)
        return events

    def end(self) -> list[Event]:
        """The upstream closed: a good end if it told a finish reason, else ``Failed``."""
        events: list[Event] = []
        if self._is_over:
            return events
        text, self._text = bytes(self._text or b""), None
        if text and self.whole(text, events):
            return events
        if text:
            self._split(text, events)
        return events + super().end()

    def whole(self, text: bytes, events: list[Event]) -> bool:
        """Read an answer that is one JSON text: an object, or the array of a stream. False if it is neither."""
        try:
            value = loads(text.strip())
        except ValueError:
            return False
        if isinstance(value, dict):
            for number, answer in enumerate(answers_in(value, self._request.n)):
                if number:
                    self._next_answer(events)
                self._chunk(answer, events)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    self._chunk(item, events)
        else:
            return False
        # An object is an answer that nobody can have cut; the last element of an array may be missing.
        self._complete(events, is_marked=isinstance(value, dict))
        return True

    def _after_opening(self, data: bytes, events: list[Event]) -> bytes:
        """What of the stream can be split now: nothing while it may be one JSON text."""
        text = bytearray() if self._text is None else self._text
        text += data
        if not text.startswith((b"{", b"[")):
            opening = bytes(text).removeprefix(_BOM).lstrip()
            if opening and not _BOM.startswith(opening) and not opening.startswith((b"{", b"[")):
                self._text = None
                return opening
            text[:] = opening
        if len(text) > MAX_EVENT_BYTES:
            self._fail(events, "too_large", "an event is larger than can be read")
        return b""

    def _split(self, data: bytes, events: list[Event]) -> None:
        for text in self._splitter.texts(data):
            event = text + BLANK
            if (known := self._templates.match(event)) is not None:
                self._unread = event
                self._matched(known, events)
            elif (frame := read_frame(text)) is not None:
                self._frame(frame, events)
        if self._splitter.is_overflowing:
            self._fail(events, "too_large", "an event is larger than can be read")

    def _matched(self, match: TextMatch, events: list[Event]) -> None:
        """A piece of text or thinking; the counts with it are only read if no later ones come."""
        if not self._is_over:
            self._blocks.text(events, match[0].owner, match[2])

    def _read_counts(self) -> None:
        data, self._unread = self._unread, b""
        frame = read_frame(data.removesuffix(BLANK).rpartition(BLANK)[2])
        chunk = try_loads(frame.data) if frame is not None else None
        if isinstance(chunk, dict) and (usage := from_gemini(chunk.get("usageMetadata"))) is not None:
            self._usage = usage

    def _read(self, value: Value, frame: Frame, events: list[Event]) -> None:
        self._chunk(value, events)
        if not self._is_over and (kind := plain_text_kind(value)):
            self._templates.learn(frame.raw, "text", kind)

    def _read_list(self, value: list[Any], events: list[Event]) -> None:
        for item in value:
            if isinstance(item, dict):
                self._chunk(item, events)

    def _ended(self, events: list[Event], *, is_marked: bool) -> None:
        self._complete(events, is_marked=is_marked)

    def _chunk(self, chunk: Value, events: list[Event]) -> None:
        if self._is_over:
            return
        if self._unread:
            self._read_counts()
        candidate = candidate_of(chunk)
        if (error := error_of(chunk, candidate)) is not None:
            self._fail_as(events, error)
            return
        if (usage := from_gemini(chunk.get("usageMetadata"))) is not None:
            self._usage = usage
        if candidate is None:
            return
        if not self._has_started:
            self._start(chunk, events)
        if has_sources(candidate):
            self._blocks.cite(candidate)
        logprobs = logprobs_of(candidate)
        for part in parts_of(candidate):
            if self._part(part, logprobs, events):
                logprobs = None
        reason = word(candidate.get("finishReason"))
        if reason and not self._is_over:
            self._finish_word = reason
            if finish.is_breakdown(reason):
                # `finishMessage` quotes what the model wrote: neither for the log nor for patterns of messages.
                self._fail_as(events, ErrorFields(code=reason))

    def _start(self, chunk: Value, events: list[Event]) -> None:
        self._has_started = True
        start = ResponseStart(word(chunk.get("responseId")), word(chunk.get("modelVersion")))
        self._seed = answer_seed(self._request, start.id)
        events.append(start)

    def _part(self, part: Value, logprobs: list[Value] | None, events: list[Event]) -> bool:
        """Tell one part; True if it took the log probabilities."""
        signature = word(part.get("thoughtSignature"))
        call, media, text = part.get("functionCall"), part.get("inlineData"), part.get("text")
        if self._is_over:
            return False
        if isinstance(call, dict):
            self._call(call, signature, events)
        elif isinstance(media, dict) and not part.get("thought"):
            self._blocks.media(events, word(media.get("mimeType")), word(media.get("data")), signature)
        elif isinstance(text, str):
            if part.get("thought"):
                self._blocks.text(events, "thinking", text, signature)
            else:
                self._blocks.text(events, "text", text, signature, logprobs if text else None)
                return bool(text)
        elif signature:
            self._blocks.carry(events, signature)
        return False

    def _call(self, call: Value, signature: str, events: list[Event]) -> None:
        name = word(call.get("name"))
        arguments = call.get("args")
        text = dumps_text(arguments if isinstance(arguments, dict) else arguments_object(arguments_text(arguments)))
        if not name or not text:
            self._fail(events, "malformed", "a function call has no name, or arguments that nest too deep")
            return
        self._has_calls = True
        custom = name in self._custom_names
        if custom:
            text = custom_input(text)
        self._blocks.call(events, self._call_id(call), self._names.get(name, name), text, signature, custom=custom)

    def _call_id(self, call: Value) -> str:
        """The call's own id if it has one that is not taken, else one made for its place."""
        call_id = word(call.get("id"))
        if not call_id or call_id in self._call_ids:
            call_id = made_call_id(self._seed, self._calls)
        self._calls += 1
        self._call_ids.add(call_id)
        return call_id

    def _complete(self, events: list[Event], *, is_marked: bool) -> None:
        """The answer is over; ``is_marked``: we know that it is whole even if it tells no finish reason."""
        if self._is_over:
            return
        if not (self._finish_word or is_marked):
            self._fail(events, "cut", "the stream ended without a finish reason")
            return
        if self._unread:
            self._read_counts()
        self._is_over = True
        self._blocks.close(events)
        reason = self._reason()
        if not self._blocks.has_output and (failure := finish.empty_failure(reason, self._usage)) is not None:
            events.append(Failed(failure))
            return
        if self._usage is not None:
            events.append(self._usage)
        events.append(Finish(reason))

    def _next_answer(self, events: list[Event]) -> None:
        """One of several answers is complete."""
        if not self._is_over:
            self._blocks.close(events)
            events.append(NextAnswer(self._reason()))
            self._finish_word, self._has_calls = "", False

    def _reason(self) -> FinishReason:
        return finish.settled(finish.FROM_GEMINI.get(self._finish_word, "stop"), has_calls=self._has_calls)


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer: the same events as its stream. Total; a stream sent all the same is read as one."""
    decoder = GeminiDecoder(request, quirks)
    events: list[Event] = []
    if decoder.whole(data, events):
        return events
    if data.lstrip()[:5] in (b"data:", b"event", b"error") or data.lstrip().startswith(b":"):
        return decoder.feed(data) + decoder.end()
    return [Failed(UpstreamFailure(kind="malformed", phase="body", message="the answer is not JSON"))]
