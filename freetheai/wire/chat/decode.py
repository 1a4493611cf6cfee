"""Decode Chat Completions answers, streams and plain ones, into events.

Strategy: ``FrameDecoder`` cuts frames, each frame is one JSON chunk, a chunk's choice 0 becomes pieces for
``BlockQueue`` and ``CallTracker``, which know order and identity. A plain answer is read as one chunk whose delta is
the message, so both ways agree by construction. State: what is open, the finish word, the last usage; nothing else is
kept.

Rules:
- of several names for reasoning the first that is filled is taken: some servers send two of them with one text;
- the finish reason and usage wait for ``[DONE]`` or the end: either may come before or after the other;
- ``[DONE]`` without a finish reason is a stop, unless a call is unfinished; a finish reason without ``[DONE]`` is a
  good end; neither is a cut;
- an error may stand in the chunk, in its choice, in ``x_groq`` or in the finish reason;
- hidden thinking does not part a text: it waits for its end, or for the next call; alone it is no answer, and not told;
- an end without output is ``Failed``, unless tokens were spent or a limit was met;
- what comes after the end is not read (OpenCode Zen appends a frame with the cost).

Format: https://platform.openai.com/docs/api-reference/chat/streaming
"""

from typing import Any

from freetheai.wire import finish
from freetheai.wire.blocks import BlockQueue, OpenBlock
from freetheai.wire.chat.calls import Call, CallTracker, end_fault
from freetheai.wire.chat.parts import (
    REASONING_KEYS,
    THOUGHT_END,
    VOLATILE,
    OutputPart,
    annotated,
    error_of,
    finish_word,
    first_choice,
    is_filter_sentence,
    is_thought,
    listed_links,
    logprobs_of,
    output_parts,
    plain_call_index,
    plain_text_key,
    reasoning_of,
    thought_and_answer,
    thought_piece,
    usage_of,
    whole_calls,
)
from freetheai.wire.chat.thoughts import opaque_detail, signed_pieces
from freetheai.wire.decoding import FrameDecoder
from freetheai.wire.error_body import ErrorFields, error_fields, failure_from
from freetheai.wire.events import Citation, Event, Failed, Finish, ResponseStart, UpstreamFailure, Usage
from freetheai.wire.formats import Quirks
from freetheai.wire.jsontext import loads
from freetheai.wire.request import ChatRequest
from freetheai.wire.sse import Frame
from freetheai.wire.template import TextMatch
from freetheai.wire.think import ThinkSplitter
from freetheai.wire.toolcalls import answer_seed, changed_names, custom_input, tool_sent_name


class ChatDecoder(FrameDecoder):
    """One stream of chunks. See ``formats.StreamDecoder``."""

    def __init__(self, request: ChatRequest, quirks: Quirks) -> None:
        super().__init__(VOLATILE)
        self._request = request
        self._blocks = BlockQueue()
        self._names = changed_names(request)
        self._calls = CallTracker(frozenset(tool_sent_name(tool) for tool in request.tools))
        self._custom_names = frozenset(tool_sent_name(tool) for tool in request.tools if tool.custom)
        self._think = ThinkSplitter() if quirks.raw_think else None
        self._has_started = False
        self._is_whole = False
        self._finish_word = ""
        self._usage: Usage | None = None
        self._hidden: list[str] = []
        self._seen: set[str] = set()

    def _read(self, value: dict[str, Any], frame: Frame, events: list[Event]) -> None:
        self.chunk(value, events)
        if self._think is None and not self._is_over and first_choice(value) is not None:
            self._learn(frame, value)

    def _ended(self, events: list[Event], *, is_marked: bool) -> None:
        self.complete(events, is_marked=is_marked)

    def _learn(self, frame: Frame, chunk: dict[str, Any]) -> None:
        if key := plain_text_key(chunk):
            self._templates.learn(frame.raw, key, "text" if key == "content" else "thinking")
        elif (index := plain_call_index(chunk)) >= 0:
            self._templates.learn(frame.raw, "arguments", index)

    def _matched(self, match: TextMatch, events: list[Event]) -> None:
        """A chunk that is nothing but a piece of text, reasoning or arguments."""
        template, _, text, _ = match
        if self._is_over or not text:
            return
        if template.key != "arguments":
            self._blocks.text(events, template.owner, text)
            return
        self._call({"index": template.owner, "function": {"arguments": text}}, 0, events)
        if self._calls.is_overflowing or self._blocks.is_overflowing:
            self._fail(events, "too_large", "tool calls are larger than can be held")

    def chunk(self, chunk: dict[str, Any], events: list[Event]) -> None:
        """Read one chunk (or a plain answer made into one)."""
        choice = first_choice(chunk)
        if (error := error_of(chunk, choice)) is not None:
            self._fail_as(events, error)
            return
        if (usage := usage_of(chunk, choice)) is not None:
            self._usage = usage
        if choice is None:
            self._cite(listed_links(chunk))
            return
        if not self._has_started:
            self._start(chunk, events)
        word = finish_word(choice)
        delta, message = choice.get("delta"), choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta, choice, word, events)
        if isinstance(message, dict):
            self._message(message, choice, word, events)
        if chunk.get("citations") and "annotations" not in self._seen:
            self._cite(listed_links(chunk))
        if word and not self._is_over:
            self._finish_word = self._finish_word or word
            if finish.is_breakdown(word):
                self._fail_as(events, ErrorFields(code=word))
        if self._calls.is_overflowing or self._blocks.is_overflowing:
            self._fail(events, "too_large", "tool calls are larger than can be held")

    def _start(self, chunk: dict[str, Any], events: list[Event]) -> None:
        self._has_started = True
        answer_id, model, created = chunk.get("id"), chunk.get("model"), chunk.get("created")
        start = ResponseStart(
            answer_id if isinstance(answer_id, str) else "",
            model if isinstance(model, str) else "",
            created if type(created) is int else 0,
        )
        self._calls.seed = answer_seed(self._request, start.id)
        events.append(start)

    def _message(self, message: dict[str, Any], choice: dict[str, Any], word: str, events: list[Event]) -> None:
        """A whole message: a plain answer, or the summing-up of a stream, of which only what is new is read."""
        delta = {key: value for key, value in message.items() if key not in self._seen}
        if "reasoning" in self._seen:
            for key in (*REASONING_KEYS, "reasoning_details"):
                delta.pop(key, None)
        if "tool_calls" in self._seen:
            delta.pop("function_call", None)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            delta["tool_calls"] = whole_calls(calls)
        self._is_whole = True
        self._delta(delta, choice, word, events)
        self._is_whole = False

    def _delta(self, delta: dict[str, Any], choice: dict[str, Any], word: str, events: list[Event]) -> None:
        thought, details = reasoning_of(delta), delta.get("reasoning_details")
        if thought:
            self._seen.add("reasoning")
        if self._is_whole and (pieces := signed_pieces(details)):
            for text, detail in pieces:
                self._thought(text, [detail], events)
        elif thought or details:
            self._thought(thought, details, events)
        content = delta.get("content")
        if content:
            self._content(content, delta, choice, word, events)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._seen.add("refusal")
            self._tell_first(events)
            self._blocks.text(events, "refusal", refusal)
        if delta.get("images"):
            self._parts(output_parts(delta["images"]), events)
        if delta.get("annotations"):
            self._seen.add("annotations")
            self._cite(annotated(delta["annotations"]))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for position, piece in enumerate(calls):
                if isinstance(piece, dict):
                    self._call(piece, position, events)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            self._call({"index": 0, "function": legacy}, 0, events)

    def _content(
        self, content: Any, delta: dict[str, Any], choice: dict[str, Any], word: str, events: list[Event]
    ) -> None:
        if word == "content_filter" and not self._blocks.has_output and is_filter_sentence(content):
            return
        self._seen.add("content")
        self._tell_first(events)
        if not isinstance(content, str):
            self._parts(output_parts(content), events)
        elif is_thought(delta):
            self._flagged(content, events)
        elif "thought" in self._seen:
            self._seen.discard("thought")
            if answer := content.removeprefix(THOUGHT_END):
                self._blocks.text(events, "text", answer, logprobs_of(choice))
        elif self._think is not None:
            for kind, text in self._think.feed(content):
                self._blocks.text(events, kind, text)
        else:
            self._blocks.text(events, "text", content, logprobs_of(choice))

    def _flagged(self, content: str, events: list[Event]) -> None:
        if self._is_whole:
            for kind, text in thought_and_answer(content):
                self._blocks.text(events, kind, text)
            return
        self._seen.add("thought")
        if thought := thought_piece(content):
            self._blocks.text(events, "thinking", thought)

    def _parts(self, parts: list[OutputPart], events: list[Event]) -> None:
        for kind, text, media_type in parts:
            if kind == "media":
                block = OpenBlock("media", media_type)
                self._blocks.open(events, block)
                self._blocks.add(events, block, text)
            else:
                self._blocks.text(events, kind, text)

    def _cite(self, found: list[Citation]) -> None:
        for citation in found:
            self._blocks.cite(citation)

    def _thought(self, text: str, details: Any, events: list[Event]) -> None:
        """Reasoning; OpenRouter signs and hides it in ``reasoning_details``, whose text is a copy of this one."""
        if text:
            self._tell_first(events)
            self._blocks.text(events, "thinking", text)
        if not details:
            return
        for item in details if isinstance(details, list) else ():
            if (found := opaque_detail(item)) is None:
                continue
            kind, value = found
            self._seen.add("reasoning_details")
            if kind == "thinking":
                self._blocks.sign(events, "thinking", value)
            else:
                self._hidden.append(value)
        if self._blocks.has_output and self._blocks.newest_kind not in ("text", "refusal"):
            self._tell_hidden(events)

    def _tell_first(self, events: list[Event]) -> None:
        """Tell hidden thinking that came before anything can be seen."""
        if self._hidden and not self._blocks.has_output:
            self._tell_hidden(events)

    def _tell_hidden(self, events: list[Event]) -> None:
        hidden, self._hidden = self._hidden, []
        for value in hidden:
            block = OpenBlock("redacted")
            self._blocks.open(events, block)
            self._blocks.add(events, block, value)

    def _call(self, piece: dict[str, Any], position: int, events: list[Event]) -> None:
        self._seen.add("tool_calls")
        call, fragment = self._calls.add(piece, position)
        if call.name in self._custom_names and not call.custom:
            return  # its free text is inside JSON: told when it is whole
        if call.block is not None:
            call.block.signature = call.signature
        if call.is_announced:
            if fragment and call.block is not None and not self._blocks.add(events, call.block, fragment):
                self._fail(events, "malformed", "a tool call went on after its arguments were complete")
        elif self._calls.can_announce(call) or (self._is_whole and call.name):
            self._announce(call, events)

    def _announce(self, call: Call, events: list[Event]) -> None:
        if self._hidden:
            self._tell_hidden(events)
        self._calls.announce(call)
        name = self._names.get(call.name, call.name)
        unwrapped = call.name in self._custom_names and not call.custom
        call.block = OpenBlock(
            "tool_call",
            name,
            call.call_id,
            call.custom or unwrapped,
            call.is_complete,
            call.signature,
        )
        self._blocks.open(events, call.block)
        if text := custom_input(call.text()) if unwrapped else call.text():
            self._blocks.add(events, call.block, text)

    def complete(self, events: list[Event], *, is_marked: bool) -> None:
        """The answer is over; ``is_marked``: the upstream said so with ``[DONE]``, or by answering plainly."""
        if self._is_over:
            return
        calls = self._calls.calls
        reason = finish.FROM_CHAT.get(self._finish_word, "stop")
        if (fault := end_fault(self._finish_word, calls, is_marked=is_marked)) is not None:
            self._fail(events, *fault)
            return
        failure = finish.empty_failure(reason, self._usage)
        self._close(events, is_answer=failure is None)
        if failure is not None and not self._blocks.has_output:
            self._is_over = True
            events.append(Failed(failure))
            return
        if self._usage is not None:
            events.append(self._usage)
        events.append(Finish(finish.settled(reason, has_calls=any(call.is_announced for call in calls))))
        self._is_over = True

    def _close(self, events: list[Event], *, is_answer: bool) -> None:
        for kind, text in self._think.end() if self._think is not None else ():
            self._blocks.text(events, kind, text)
        for call in self._calls.calls:
            if call.name and not call.is_announced:
                self._announce(call, events)
        if self._blocks.has_output or is_answer:
            self._tell_hidden(events)
        self._blocks.close_all(events)


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer: the same events as its stream. Total; a stream sent all the same is read as one."""
    decoder = ChatDecoder(request, quirks)
    events: list[Event] = []
    try:
        body = loads(data.strip())
    except ValueError:
        if data.lstrip()[:5] in (b"data:", b"event", b"error") or data.lstrip().startswith(b":"):
            return decoder.feed(data) + decoder.end()
        return [Failed(UpstreamFailure(kind="malformed", phase="body", message="the answer is not JSON"))]
    if isinstance(body, dict):
        decoder.chunk(body, events)
    elif fields := error_fields(body):
        return [Failed(failure_from(fields, phase="body"))]
    decoder.complete(events, is_marked=True)
    return events
