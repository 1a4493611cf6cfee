"""Relay Chat Completions to Chat Completions: every chunk that is in order passes as it came.

Strategy: a chunk is parsed once; each of its choices is checked against the state of that choice and comes back as it
is or mended. If nothing was mended, only id, time and model are exchanged in the bytes (``HeadSplice``); else it is
written anew. Finish reasons are held to the end: an error, usage or a late call may follow them.

Mended, for each choice on its own:
- the role: in the first chunk, and only there;
- calls: indexes 0, 1, 2 …, id and name once, arguments as text and only what is new, `{}` where none came;
- the finish reason: one, last, in the format's own words, ``tool_calls`` if there were calls;
- annotations: numbered, each once;
- values of ``reasoning_details``: tagged with who made them;
- a whole ``message`` in a stream, content in parts, ``function_call``: as the delta they stand for.
For the stream: one id, time and model; usage once, at the end, for clients that asked; ``[DONE]`` once and last, also
where the upstream forgot it after a finish reason; chunks without choices and the provider's own fields are dropped.
"""

from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.wire import finish
from freetheai.wire.chat.calls import MAX_FAST_CHARS, Call, CallTracker, end_fault
from freetheai.wire.chat.encode import DONE_EVENT, error_events
from freetheai.wire.chat.mend import (
    HIDDEN_FIELDS,
    ChoiceState,
    delta_of,
    ended_choice,
    first_filled,
    first_piece,
    is_first_in_order,
    is_later_in_order,
    later_piece,
    numbered_notes,
    remade_choice,
)
from freetheai.wire.chat.parts import (
    REASONING_KEYS,
    VOLATILE,
    choice_index,
    error_of,
    finish_word,
    is_filter_sentence,
    output_parts,
    plain_call_index,
    plain_text_key,
    usage_of,
)
from freetheai.wire.chat.thoughts import tagged_details
from freetheai.wire.error_body import ErrorFields, error_fields
from freetheai.wire.expected import TextRun, TextTemplate
from freetheai.wire.formats import Stamp
from freetheai.wire.jsontext import loads
from freetheai.wire.relay import FrameRelay, HeadSplice, without
from freetheai.wire.request import ChatRequest
from freetheai.wire.sse import Frame
from freetheai.wire.toolcalls import answer_seed
from freetheai.wire.translate import estimated_usage
from freetheai.wire.usage import to_chat

_TEXT_KEYS: Final = ("content", *REASONING_KEYS, "refusal")
_PLAIN_KEYS: Final = frozenset(_TEXT_KEYS)
_NO_USAGE: Final = frozenset({"usage"})


class ChatRelay(FrameRelay):
    """One stream. See ``formats.ByteStream``."""

    def __init__(self, request: ChatRequest, stamp: Stamp) -> None:
        super().__init__(request, VOLATILE)
        self._stamp = stamp
        self._head: dict[str, Any] = {}
        self._states: dict[int, ChoiceState] = {}
        self._names = frozenset(tool.name for tool in request.tools)
        self._splice = HeadSplice("choices")

    def _error(self, error: ApiError) -> bytes:
        return error_events(error)

    def _is_current(self, template: TextTemplate) -> bool:
        if template.key != "arguments":
            return True
        state, call = self._states.get(0), template.owner
        return state is not None and state.calls.known(call.number) is call

    def _passed(self, template: TextTemplate, body: bytes, text: str, number: int, event: bytes) -> bytes:
        chars = len(text)
        if template.key == "arguments":
            if not _goes_on(template.owner, chars):
                return b""
            template.owner.take(text)
        self.output_chars += chars
        return template.new_head + body + template.new_tail

    def _passed_run(self, template: TextTemplate, run: TextRun, number: int, data: bytes) -> bytes:
        bodies, texts, chars = run
        if template.key == "arguments":
            if not _goes_on(template.owner, chars):
                return b""
            for text in texts:
                template.owner.take(text)
        self.output_chars += chars
        return template.written(bodies)

    def _frame(self, frame: Frame, out: list[bytes]) -> None:
        if frame.data.strip() == b"[DONE]":
            self._complete(out, is_marked=True)
            return
        try:
            chunk = loads(frame.data)
        except ValueError:
            if not frame.is_cut:
                self._fail("malformed", "an event is not JSON")
            return
        if frame.is_error or frame.event == b"error":
            self._fail_as(error_fields(chunk))
        elif isinstance(chunk, dict):
            # Several data lines were joined: between JSON's tokens a space means the same and keeps it one line.
            self._chunk(chunk, frame, frame.data.replace(b"\n", b" "), out)
        elif isinstance(chunk, list) and (fields := error_fields(chunk)):
            self._fail_as(fields)

    def _finish(self, out: list[bytes]) -> None:
        self._complete(out, is_marked=False)

    def _chunk(self, chunk: dict[str, Any], frame: Frame, data: bytes, out: list[bytes]) -> None:
        choices = chunk.get("choices")
        choices = choices if isinstance(choices, list) else []
        for choice in choices or (None,):
            choice = choice if isinstance(choice, dict) else None
            if (error := error_of(chunk, choice)) is not None:
                self._fail_as(error)
                return
            if (usage := usage_of(chunk, choice)) is not None:
                self.usage = usage
        if not choices:
            return
        if not self._head:
            self._begin(chunk)
        key, owner = self._learnable(chunk, choices[0])
        sent, is_untouched = self._choices(choices, chunk, data)
        if self.failure is not None or not sent:
            return
        text = b""
        if is_untouched and chunk.get("usage") is None:
            text = self._splice.splice(data, chunk, self._edited)
        event = b"data: " + text + b"\n\n" if text else self._written(chunk, sent)
        out.append(event)
        self._templates.learn(frame.raw, key, owner, event)

    def _learnable(self, chunk: dict[str, Any], choice: Any) -> tuple[str, Any]:
        """The text member of a chunk whose like will be treated alike, once its choice's role is out; "" if there is
        none. For arguments also their call.
        """
        state = self._states.get(choice_index(choice, 0)) if isinstance(choice, dict) else None
        if state is None or not state.has_role:
            return "", None
        if key := plain_text_key(chunk):
            return key, None
        index = plain_call_index(chunk) if state.index == 0 else -1
        call = state.calls.known(index)
        is_going_on = call is not None and call.number == index
        return ("arguments", call) if is_going_on else ("", None)

    def _choices(self, choices: list[Any], chunk: dict[str, Any], data: bytes) -> tuple[list[dict[str, Any]], bool]:
        """The choices as they are sent now, and whether they are those that came."""
        sent: list[dict[str, Any]] = []
        is_untouched = True
        for position, choice in enumerate(choices):
            if not isinstance(choice, dict):
                is_untouched = False
                continue
            state = self._state(choice_index(choice, position))
            mended = self._choice(choice, state)
            if state.last_choice is choice and len(choices) == 1:
                state.last = (data, chunk)
            if mended is not choice:
                is_untouched = False
            if mended is not None:
                sent.append(mended)
            if state.calls.is_overflowing:
                self._fail("too_large", "tool calls are larger than can be held")
        return sent, is_untouched

    def _state(self, index: int) -> ChoiceState:
        state = self._states.get(index)
        if state is None:
            seed = answer_seed(self.request, f"{self._head['id']}/{index}")
            state = self._states[index] = ChoiceState(index, CallTracker(self._names, seed))
        return state

    def _choice(self, choice: dict[str, Any], state: ChoiceState) -> dict[str, Any] | None:
        """The choice itself if it is in order, a mended one, or None if nothing of it is to be sent now."""
        word = finish_word(choice)
        delta = choice.get("delta")
        whole = isinstance(choice.get("message"), dict)
        if type(delta) is not dict or whole:
            delta = delta_of(choice, state)
        if word == "content_filter" and not state.has_output and is_filter_sentence(delta.get("content")):
            delta = without(delta, ("content",))
        mended = self._delta(delta, state)
        if word:
            return self._ending(choice, mended, word, state)
        is_untouched = mended is choice.get("delta") and not whole and choice.get("index") == state.index
        if is_untouched and choice.get("finish_reason") is None and "usage" not in choice:
            return choice
        return remade_choice(choice, mended, state)

    def _ending(
        self, choice: dict[str, Any], delta: dict[str, Any], word: str, state: ChoiceState
    ) -> dict[str, Any] | None:
        if finish.is_breakdown(word):
            self._fail_as(ErrorFields(code=word))
            return None
        if state.word:
            return remade_choice(choice, delta, state) if any(delta.values()) else None
        state.word = word
        is_bare = not any(delta.values())
        if is_bare and delta is choice.get("delta") and choice.get("index") == state.index and "usage" not in choice:
            state.last_choice = choice
            return None
        now = remade_choice(choice, delta, state)
        state.last_choice = {**now, "delta": {}}
        if "logprobs" in now and not is_bare:
            state.last_choice["logprobs"] = None
        return None if is_bare else now

    def _delta(self, delta: dict[str, Any], state: ChoiceState) -> dict[str, Any]:
        """The delta itself if it is in order, else a mended copy."""
        mended = delta
        if "role" in delta:
            if state.has_role:
                mended = without(delta, ("role",))
            elif delta["role"] != "assistant":
                mended = {**delta, "role": "assistant"}
        elif not state.has_role:
            mended = {"role": "assistant", **delta}
        state.has_role = True
        for key in _TEXT_KEYS:
            text = delta.get(key)
            if text is None or text == "":
                continue
            if type(text) is str:
                state.seen.add(key)
                state.has_output = self.has_output = True
                if key not in REASONING_KEYS or key == first_filled(delta):
                    self.output_chars += len(text)
            else:
                mended = self._without_parts(mended, key, state)
        if mended.keys() <= _PLAIN_KEYS:
            return mended
        if details := delta.get("reasoning_details"):
            told = tagged_details(details, self._stamp.origin)
            mended = mended if told is details else {**mended, "reasoning_details": told}
        if notes := delta.get("annotations"):
            mended = {**mended, "annotations": numbered_notes(notes, state)}
        if delta.get("images") or delta.get("audio"):
            state.seen.add("images")
            state.has_output = self.has_output = True
        if isinstance(delta.get("function_call"), dict):
            legacy = {"index": 0, "type": "function", "function": delta["function_call"]}
            mended = {**without(mended, ("function_call",)), "tool_calls": [legacy]}
        return self._with_calls(mended, state) if "tool_calls" in mended else mended

    def _without_parts(self, delta: dict[str, Any], key: str, state: ChoiceState) -> dict[str, Any]:
        """Content that came as an array of parts, as the text that clients join."""
        texts: dict[str, str] = {}
        images: list[dict[str, Any]] = []
        for kind, text, media_type in output_parts(delta[key]):
            if kind == "media":
                url = f"data:{media_type};base64,{text}"
                images.append({"type": "image_url", "image_url": {"url": url}, "index": len(images)})
                continue
            is_thought = kind == "thinking" or key in REASONING_KEYS
            target = "reasoning_content" if is_thought else "refusal" if kind == "refusal" else "content"
            texts[target] = texts.get(target, "") + text
        if texts or images:
            state.has_output = self.has_output = True
            self.output_chars += sum(map(len, texts.values()))
            state.seen.update(texts)
        return {**without(delta, (key,)), **texts, **({"images": images} if images else {})}

    def _with_calls(self, delta: dict[str, Any], state: ChoiceState) -> dict[str, Any]:
        pieces = delta["tool_calls"]
        if not isinstance(pieces, list) or not pieces:
            return without(delta, ("tool_calls",)) if pieces is not None else delta
        state.seen.add("tool_calls")
        state.has_output = self.has_output = True
        sent = []
        is_untouched = True
        for position, piece in enumerate(pieces):
            mended = self._piece(piece, position, state) if isinstance(piece, dict) else None
            is_untouched = is_untouched and mended is piece is not None
            if mended is not None:
                sent.append(mended)
        if is_untouched:
            return delta
        return {**delta, "tool_calls": sent} if sent else without(delta, ("tool_calls",))

    def _piece(self, piece: dict[str, Any], position: int, state: ChoiceState) -> dict[str, Any] | None:
        """The piece itself if it is in order, a mended one, or None while its call can't be announced."""
        call, fragment = state.calls.add(piece, position)
        self.output_chars += len(fragment)
        if not call.is_announced:
            if not state.calls.can_announce(call):
                return None
            state.calls.announce(call)
            whole = first_piece(call)
            return piece if is_first_in_order(piece, whole) else whole
        if is_later_in_order(piece, call, fragment):
            return piece
        return later_piece(call, fragment) if fragment else None

    def _complete(self, out: list[bytes], *, is_marked: bool) -> None:
        states = [self._states[index] for index in sorted(self._states)]
        if not states and not is_marked:
            self._fail("cut", "the stream ended without a finish reason")
        for state in states:
            if fault := end_fault(state.word, state.calls.calls, is_marked=is_marked):
                self._fail(*fault)
        word = states[0].word if states else ""
        reason = finish.FROM_CHAT.get(word, "stop")
        if self.failure is None and not self.has_output:
            self.failure = finish.empty_failure(reason, self.usage)
        if self.failure is not None:
            return
        if not states:
            # Tokens were spent on nothing that is shown: an answer all the same.
            self._begin({})
            states = [self._state(0)]
            out.append(_event({**self._head, "choices": [ended_choice(0, {"role": "assistant", "content": ""}, None)]}))
        for state in states:
            self._end_choice(state, out)
        has_calls = bool(states) and any(call.is_announced for call in states[0].calls.calls)
        self.finish = finish.settled(reason, has_calls=has_calls)
        if self.request.include_usage:
            usage = self.usage or estimated_usage(self.request, self.output_chars)
            out.append(_event({**self._head, "choices": [], "usage": to_chat(usage)}))
        out.append(DONE_EVENT)
        self.is_finished = True

    def _end_choice(self, state: ChoiceState, out: list[bytes]) -> None:
        pieces = []
        for call in state.calls.calls:
            if call.name and not call.is_announced:
                state.calls.announce(call)
                pieces.append(first_piece(call, is_whole=True))
            elif call.is_announced and not call.custom and not call.text().strip():
                pieces.append(later_piece(call, "{}"))
        if pieces:
            delta = {"tool_calls": pieces}
            out.append(_event({**self._head, "choices": [ended_choice(state.index, delta, None)]}))
        reason = finish.FROM_CHAT.get(state.word, "stop")
        has_calls = any(call.is_announced for call in state.calls.calls)
        word = finish.TO_CHAT[finish.settled(reason, has_calls=has_calls)]
        if state.last is not None and word == state.word:
            data, chunk = state.last
            text = self._splice.splice(data, chunk, self._edited) if chunk.get("usage") is None else b""
            out.append(b"data: " + text + b"\n\n" if text else self._written(chunk, chunk["choices"]))
            return
        choice = state.last_choice
        ended = ended_choice(state.index, {}, word) if choice is None else {**choice, "finish_reason": word}
        out.append(_event({**self._head, "choices": [ended]}))

    def _begin(self, chunk: dict[str, Any]) -> None:
        answer_id, created = chunk.get("id"), chunk.get("created")
        is_usual = isinstance(answer_id, str) and answer_id.startswith("chatcmpl")
        self._head = {
            "id": answer_id if is_usual else self._stamp.id,
            "object": "chat.completion.chunk",
            "created": created if type(created) is int and created > 0 else self._stamp.created_s,
            "model": self._stamp.model,
        }

    def _edited(self, members: dict[str, Any]) -> dict[str, Any]:
        return {**without(members, HIDDEN_FIELDS), **self._head}

    def _written(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bytes:
        members = self._edited(without(chunk, _NO_USAGE if chunk.get("usage") is not None else ()))
        return _event({**members, "choices": choices})


def _goes_on(call: Call, chars: int) -> bool:
    """Whether so many characters of arguments carry on a call: shorter than what came before, they can't be all of it
    once more.
    """
    return chars < call.size <= MAX_FAST_CHARS


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
