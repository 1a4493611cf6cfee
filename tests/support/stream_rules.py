"""Check a stream we sent against the rules that hold for every stream, whatever the upstream did.

One checker a format: ``check_chat_stream`` here; those of other formats stand in modules of their own and use
``frames``. A broken rule is an ``AssertionError`` whose text is the rule.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What the request said, as far as the answer's stream depends on it."""

    model: str
    include_usage: bool = False
    is_legacy: bool = False


@dataclass(slots=True)
class CallSummary:
    """One call, as a client would have put it together."""

    call_id: str
    name: str
    arguments: str = ""
    is_custom: bool = False


@dataclass(slots=True)
class ChoiceSummary:
    """One choice, as a client would have put it together."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[CallSummary] = field(default_factory=list)
    finish_reason: str | None = None
    has_role: bool = False
    annotations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class ChatSummary:
    """A whole stream: its choices by index, usage, or the error that ended it."""

    id: str = ""
    choices: dict[int, ChoiceSummary] = field(default_factory=dict)
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def first(self) -> ChoiceSummary:
        """Choice 0; an empty one if the stream has none."""
        return self.choices.get(0, ChoiceSummary())


def frames(stream: bytes) -> list[tuple[str, str]]:
    """Event name and data of every frame; comments are left out."""
    assert stream == b"" or stream.endswith(b"\n\n"), "the stream ends within a frame"
    assert b"\r" not in stream, "line ends are LF"
    found = []
    for text in stream.decode("utf-8").split("\n\n"):
        lines = [line for line in text.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        events = [line[7:] for line in lines if line.startswith("event: ")]
        data = [line[6:] for line in lines if line.startswith("data: ")]
        assert len(events) + len(data) == len(lines), f"a line is neither event nor data: {text!r}"
        assert len(data) == 1, f"a frame has not exactly one data line: {text!r}"
        assert len(events) <= 1, f"a frame has two event names: {text!r}"
        found.append((events[0] if events else "", data[0]))
    return found


def check_chat_stream(stream: bytes, facts: RequestFacts) -> ChatSummary:
    """The answer a Chat Completions stream holds, if it obeys the rules.

    Raises:
        AssertionError: saying which rule is broken.
    """
    summary = ChatSummary()
    sent = frames(stream)
    assert all(not event for event, _ in sent), "chat frames have no event name"
    texts = [data for _, data in sent]
    assert texts.count("[DONE]") == 1, "[DONE] comes exactly once"
    assert texts[-1] == "[DONE]", "[DONE] is the last frame"
    heads = set()
    for text in texts[:-1]:
        chunk = orjson.loads(text)
        assert isinstance(chunk, dict), "a chunk is an object"
        assert summary.error is None, "nothing follows the error event but [DONE]"
        assert summary.usage is None, "nothing follows the usage chunk but [DONE]"
        if "error" in chunk:
            summary.error = _checked_error(chunk)
            continue
        heads.add((chunk["id"], chunk["created"], chunk["model"], chunk["object"]))
        _read_chunk(chunk, summary, facts)
    assert len(heads) <= 1, f"id, created, model and object are the same in all chunks: {heads}"
    for answer_id, created, model, kind in heads:
        assert answer_id.startswith("chatcmpl"), "the id looks like a chat completion's"
        assert type(created) is int, "created is whole seconds"
        assert model == facts.model, f"the model is the alias: {model}"
        assert kind == "chat.completion.chunk", f"the object is a chunk: {kind}"
        summary.id = answer_id
    _check_end(summary, facts)
    return summary


def _checked_error(chunk: dict[str, Any]) -> dict[str, Any]:
    error = chunk["error"]
    assert chunk.keys() == {"error"}, "an error event holds nothing else"
    assert isinstance(error["message"], str), "an error has a message"
    assert isinstance(error["type"], str), "an error has a type"
    assert isinstance(error, dict)
    return error


def _read_chunk(chunk: dict[str, Any], summary: ChatSummary, facts: RequestFacts) -> None:
    hidden = {"cost", "obfuscation", "x_groq", "provider", "system_fingerprint"} & chunk.keys()
    assert not hidden, f"fields of the provider are dropped: {hidden}"
    choices = chunk["choices"]
    assert isinstance(choices, list), "choices is a list"
    if not choices:
        assert facts.include_usage, "only a client that asked gets a usage chunk"
        usage = chunk["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"], "usage adds up"
        summary.usage = usage
        return
    assert chunk.get("usage") is None, "usage stands in its own chunk"
    for choice in choices:
        assert type(choice["index"]) is int, "a choice has an index"
        _read_choice(choice, summary.choices.setdefault(choice["index"], ChoiceSummary()), facts)


def _read_choice(choice: dict[str, Any], seen: ChoiceSummary, facts: RequestFacts) -> None:
    delta = choice["delta"]
    assert seen.finish_reason is None, "nothing of a choice follows its finish reason"
    assert "message" not in choice, "a chunk has a delta, not a message"
    if not seen.has_role:
        assert delta.get("role") == "assistant", "the first delta has the role"
        seen.has_role = True
    else:
        assert "role" not in delta, "the role comes once"
    seen.text += _text(delta, "content")
    seen.reasoning += next(
        (text for text in (_text(delta, key) for key in ("reasoning_content", "reasoning", "reasoning_text")) if text),
        "",
    )
    seen.refusal += _text(delta, "refusal")
    seen.annotations += delta.get("annotations") or ()
    pieces = delta.get("tool_calls")
    assert pieces is None or pieces, "tool_calls is never an empty list"
    for piece in pieces or ():
        _read_piece(piece, seen.calls)
    if "function_call" in delta:
        assert facts.is_legacy, "function_call is for clients of functions"
        _read_legacy(delta["function_call"], seen.calls)
    reason = choice.get("finish_reason")
    assert reason in (None, "stop", "length", "tool_calls", "content_filter", "function_call"), f"unknown: {reason}"
    seen.finish_reason = reason


def _text(delta: dict[str, Any], key: str) -> str:
    text = delta.get(key)
    assert text is None or isinstance(text, str), f"{key} is text"
    return text or ""


def _read_piece(piece: dict[str, Any], calls: list[CallSummary]) -> None:
    index = piece["index"]
    assert type(index) is int, "a tool call piece has an index"
    assert 0 <= index <= len(calls), f"tool indexes are 0..n-1, each opened in order: {index} after {len(calls)}"
    body = piece.get("function") or piece.get("custom") or {}
    arguments = body.get("arguments") or body.get("input") or ""
    assert isinstance(arguments, str), "arguments are text"
    if index == len(calls):
        assert piece["type"] in ("function", "custom"), "the first piece has a type"
        assert isinstance(piece["id"], str), "the first piece has an id"
        assert piece["id"], "the id is not empty"
        assert body["name"], "the first piece has a name"
        calls.append(CallSummary(piece["id"], body["name"], is_custom=piece["type"] == "custom"))
    else:
        assert not piece.get("id"), "the id comes once"
        assert not body.get("name"), "the name comes once"
    calls[index].arguments += arguments


def _read_legacy(piece: dict[str, Any], calls: list[CallSummary]) -> None:
    if not calls:
        calls.append(CallSummary("legacy", piece["name"]))
    else:
        assert "name" not in piece, "the name comes once"
    calls[0].arguments += piece.get("arguments", "")


def _check_end(summary: ChatSummary, facts: RequestFacts) -> None:
    if summary.error is not None:
        reasons = {choice.finish_reason for choice in summary.choices.values()} - {None}
        assert not reasons, "no finish reason is told where an error ends the stream"
        return
    assert summary.choices, "a stream without an error has a choice"
    assert facts.include_usage == (summary.usage is not None), "usage comes exactly where it was asked for"
    for index, choice in summary.choices.items():
        assert choice.finish_reason is not None, f"choice {index} has a finish reason"
        ids = [call.call_id for call in choice.calls]
        assert len(set(ids)) == len(ids), f"call ids are distinct: {ids}"
        if choice.finish_reason in ("length", "content_filter"):
            continue
        assert choice.finish_reason in (("tool_calls", "function_call") if choice.calls else ("stop",)), (
            f"finish reason {choice.finish_reason} with {len(choice.calls)} calls"
        )
        for call in choice.calls:
            if call.is_custom:
                continue
            assert call.arguments, "a call without arguments has {}"
            orjson.loads(call.arguments)
