"""Check a Messages stream we sent against the rules that hold for every stream, whatever the upstream did.

A broken rule is an ``AssertionError`` whose text is the rule. What comes back is the message as an SDK would have put
it together: so two streams can be compared by what clients see of them.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from support.stream_rules import frames

STOP_REASONS = {
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
}
_EMPTY = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}
_FITTING = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "redacted_thinking": set(),
}
# Others pass: they are the format's own, only newer than we are.
_KNOWN_DELTAS = set().union(*_FITTING.values())
_COUNTS = ("input_tokens", "output_tokens")


@dataclass(slots=True)
class MessageSummary:
    """A whole stream: the message, or what there was of it before the error that ended it."""

    id: str = ""
    model: str = ""
    content: list[dict[str, Any]] = field(default_factory=list)
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    pings: int = 0

    def text(self) -> str:
        """All text."""
        return "".join(block["text"] for block in self.content if block["type"] == "text")

    def thinking(self) -> str:
        """All thinking."""
        return "".join(block["thinking"] for block in self.content if block["type"] == "thinking")

    def calls(self) -> list[tuple[str, str, Any]]:
        """Id, name and input of every call."""
        return [(block["id"], block["name"], block["input"]) for block in self.content if block["type"] == "tool_use"]


@dataclass(slots=True)
class _Open:
    index: int
    block: dict[str, Any]
    json: str = ""
    is_signed: bool = False


def check_messages_stream(stream: bytes, *, model: str) -> MessageSummary:
    """The message a stream holds, if it obeys the rules.

    Raises:
        AssertionError: saying which rule is broken.
    """
    return _Checker(model).check(stream)


class _Checker:
    def __init__(self, model: str) -> None:
        self._model = model
        self.summary = MessageSummary()
        self._has_start = self._has_delta = self._is_over = False
        self._open: _Open | None = None

    def check(self, stream: bytes) -> MessageSummary:
        found = frames(stream)
        if self._take_error(found):
            found = found[:-2]
            assert self.summary.stop_reason is None
        for name, data in found:
            assert data != "[DONE]", "[DONE] stands only behind an error"
            value = orjson.loads(data)
            assert isinstance(value, dict), "an event is an object"
            assert name == value.get("type"), f"event name {name!r} is not the type {value.get('type')!r}"
            assert not self._is_over, f"{name} after message_stop"
            assert name != "error", "an error event is followed by [DONE] and nothing else"
            if name == "ping":
                assert value == {"type": "ping"}
                self.summary.pings += 1
                continue
            assert self._has_start or name == "message_start", f"{name} before message_start"
            assert not self._has_delta or name == "message_stop", f"{name} after message_delta"
            getattr(self, f"_{name}", self._unknown)(value)
        if self.summary.error is None:
            assert self._is_over, "the stream ends without message_stop or error"
        else:
            assert not self._is_over and not self._has_delta, "an error after the answer's end"
            assert self._open is None, "a block is open when the error comes"
        return self.summary

    def _take_error(self, found: list[tuple[str, str]]) -> bool:
        if not found or found[-1] != ("", "[DONE]"):
            return False
        assert len(found) > 1 and found[-2][0] == "error", "[DONE] without an error before it"
        value = orjson.loads(found[-2][1])
        assert value["type"] == "error"
        assert set(value["error"]) >= {"type", "message", "code", "param"}
        self.summary.error = value["error"]
        return True

    def _unknown(self, value: dict[str, Any]) -> None:
        raise AssertionError(f"unknown event {value['type']!r}")

    def _message_start(self, value: dict[str, Any]) -> None:
        assert not self._has_start, "message_start twice"
        self._has_start = True
        message = value["message"]
        assert message["type"] == "message" and message["role"] == "assistant"
        assert message["id"].startswith("msg_")
        assert message["content"] == [] and message["stop_reason"] is None and message["stop_sequence"] is None
        assert message["model"] == self._model, "the model is the alias"
        self.summary.id, self.summary.model = message["id"], message["model"]
        for name in _COUNTS:
            assert type(message["usage"][name]) is int, f"{name} is missing in message_start"
        self.summary.usage = dict(message["usage"])

    def _content_block_start(self, value: dict[str, Any]) -> None:
        assert self._open is None, "two blocks overlap"
        index = len(self.summary.content)
        assert value["index"] == index, f"block index {value['index']} instead of {index}"
        block = dict(value["content_block"])
        kind = block["type"]
        for name, empty in _EMPTY.get(kind, {}).items():
            assert block[name] == empty, f"a {kind} block starts with a filled {name}"
        if kind == "tool_use":
            assert isinstance(block["id"], str) and block["id"], "a call without id"
            assert isinstance(block["name"], str) and block["name"], "a call without name"
            assert block["id"] not in [call_id for call_id, _, _ in self.summary.calls()], "a call's id twice"
        if kind == "redacted_thinking":
            assert block["data"]
        self._open = _Open(index, block)
        self.summary.content.append(block)

    def _content_block_delta(self, value: dict[str, Any]) -> None:
        block = self._open
        assert block is not None, "a delta without an open block"
        assert value["index"] == block.index, "a delta of another block"
        delta, kind = value["delta"], block.block["type"]
        is_known = kind in _FITTING and delta["type"] in _KNOWN_DELTAS
        assert not is_known or delta["type"] in _FITTING[kind], f"{delta['type']} in a {kind} block"
        assert not block.is_signed, "a delta after the signature"
        if delta["type"] == "text_delta":
            block.block["text"] += delta["text"]
        elif delta["type"] == "thinking_delta":
            block.block["thinking"] += delta["thinking"]
        elif delta["type"] == "signature_delta":
            block.is_signed = True
            block.block["signature"] = delta["signature"]
        elif delta["type"] == "citations_delta":
            block.block["citations"] = [*(block.block.get("citations") or ()), delta.get("citation")]
        elif delta["type"] == "input_json_delta":
            block.json += delta["partial_json"]

    def _content_block_stop(self, value: dict[str, Any]) -> None:
        block = self._open
        assert block is not None, "a stop without an open block"
        assert value["index"] == block.index, "a stop of another block"
        if block.block["type"] == "tool_use":
            block.block["input"] = block.json
        self._open = None

    def _message_delta(self, value: dict[str, Any]) -> None:
        assert self._open is None, "a block is open at message_delta"
        self._has_delta = True
        delta = value["delta"]
        assert delta["stop_reason"] in STOP_REASONS, f"unknown stop reason {delta['stop_reason']!r}"
        self.summary.stop_reason, self.summary.stop_sequence = delta["stop_reason"], delta["stop_sequence"]
        assert type(value["usage"]["output_tokens"]) is int, "message_delta without output_tokens"
        self.summary.usage |= {key: count for key, count in value["usage"].items() if count is not None}
        is_cut = delta["stop_reason"] in ("max_tokens", "refusal", "model_context_window_exceeded")
        for block in self.summary.content:
            if block["type"] == "tool_use":
                block["input"] = self._input_of(block["input"], is_cut=is_cut)
        has_calls = any(block["type"] == "tool_use" for block in self.summary.content)
        assert has_calls or delta["stop_reason"] != "tool_use", "tool_use without a call"
        assert not has_calls or delta["stop_reason"] == "tool_use" or is_cut, "a call, but no tool_use"

    def _input_of(self, text: str, *, is_cut: bool) -> Any:
        if not text.strip():
            return {}
        try:
            return orjson.loads(text)
        except ValueError:
            assert is_cut, f"arguments are no JSON: {text!r}"
            return text

    def _message_stop(self, value: dict[str, Any]) -> None:
        assert value == {"type": "message_stop"} or set(value) >= {"type"}
        assert self._has_delta, "message_stop without message_delta"
        self._is_over = True
