"""How single things of Messages are put in order: what the relay of streams and that of plain answers share."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from freetheai.wire import finish
from freetheai.wire.events import Usage
from freetheai.wire.formats import Stamp
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.messages.decode import reason_of, settled
from freetheai.wire.messages.encode import counts, message_head
from freetheai.wire.relay import without
from freetheai.wire.signature import tag

Value = dict[str, Any]

# Members that tell of the provider, its prices or its account.
HIDDEN_FIELDS: Final = frozenset({"cost", "provider", "base_resp", "request_id", "error", "x_opencode"})
# What SDKs read of a message's start.
_START_MEMBERS: Final = ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")
# The member of a delta that holds its text.
DELTA_FIELDS: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
# Block -> the delta that is a piece of it, and its member that holds the text.
PIECES: Final = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
_BLOCKS_OF: Final = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
}
_PLAIN: Final = frozenset({"text", "thinking", "redacted_thinking"})


@dataclass(slots=True)
class OpenBlock:
    """The block that is being sent: its own index and the upstream's; of a call the arguments so far.

    ``filled`` is a call's input that came in its start, ``signature`` the event of a signature that waits.
    """

    kind: str
    upstream_index: int
    index: int
    filled: str = ""
    signature: tuple[Value, bytes] | None = None
    size: int = 0
    _pieces: list[str] = field(default_factory=list)

    @property
    def is_call(self) -> bool:
        """Whether it is a call the client must answer."""
        return self.kind == "tool_use"

    def add(self, text: str) -> None:
        """A piece of the arguments."""
        self._pieces.append(text)
        self.size += len(text)

    def text(self) -> str:
        """The arguments so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""


def empty_block(kind: str) -> Value:
    """A block as its start should hold it."""
    return {"type": "thinking", "thinking": "", "signature": ""} if kind == "thinking" else {"type": "text", "text": ""}


def fits(delta: str, block: str) -> bool:
    """Whether a delta of this type belongs to a block of that; unknown ones pass."""
    if delta == "input_json_delta":
        return block not in _PLAIN
    return _BLOCKS_OF.get(delta, block) == block


def mended_counts(usage: Any, zeros: Value) -> Value:
    """The counts of a message, with those that SDKs add up; ``zeros`` if there are none."""
    if not isinstance(usage, dict) or (usage.get("input_tokens") is None and usage.get("output_tokens") is None):
        return zeros
    return {**usage, **{key: 0 for key in ("input_tokens", "output_tokens") if type(usage.get(key)) is not int}}


def mended_message(message: Value, stamp: Stamp) -> Value:
    """The message of ``message_start``: with the alias, an id of this format, and what SDKs read."""
    head = message_head(stamp)
    sent = {**{key: head[key] for key in _START_MEMBERS}, **without(message, HIDDEN_FIELDS)}
    sent |= {key: head[key] for key in ("type", "role", "model", "content", "stop_reason", "stop_sequence")}
    if not (isinstance(message.get("id"), str) and message["id"].startswith("msg_")):
        sent["id"] = stamp.id
    sent["usage"] = mended_counts(message.get("usage"), head["usage"])
    return sent


def mended_ending(value: Value, word: str, known: Usage, *, is_counted: bool) -> Value:
    """A ``message_delta`` with its stop reason, and ``known`` counts unless its own are all there (``is_counted``)."""
    delta = value["delta"]
    sent = {**delta, "stop_reason": word, "stop_sequence": delta.get("stop_sequence")}
    whole: Value = {**without(value, HIDDEN_FIELDS), "delta": sent}
    usage = value.get("usage")
    given = usage if isinstance(usage, dict) else {}
    if not is_counted or type(given.get("output_tokens")) is not int:
        shown = counts(known)
        whole["usage"] = {**shown, **given, **without(shown, ("server_tool_use",))}
    return whole


def mended_start(content: Value, block: OpenBlock, origin: str) -> tuple[Value, list[Value]]:
    """The content of a block's start, emptied, and the deltas that carry what it held."""
    if block.kind == "text" and (content.get("text") != "" or "type" not in content):
        text = content.get("text")
        sent = {**content, "type": "text", "text": ""}
        return sent, [{"type": "text_delta", "text": text}] if isinstance(text, str) and text else []
    if block.kind == "thinking":
        deltas: list[Value] = []
        if text := content.get("thinking"):
            deltas.append({"type": "thinking_delta", "thinking": text})
        if signature := content.get("signature"):
            deltas.append({"type": "signature_delta", "signature": signature})
        return {**content, "thinking": "", "signature": ""}, deltas
    if block.kind == "redacted_thinking":
        data = content.get("data")
        return {**content, "data": _tagged(origin, data) if isinstance(data, str) else ""}, []
    if block.is_call:
        given = content.get("input")
        block.filled = given if isinstance(given, str) else dumps_text(given) if given else ""
        return {**content, "input": {}}, []
    return content, []


def relayed_signature(block: OpenBlock, origin: str) -> tuple[Value, bytes]:
    """The event of a block's signature, and its bytes if nothing had to be changed."""
    value, data = block.signature or ({}, b"")
    delta = value["delta"]
    signature = delta.get("signature")
    sent = _tagged(origin, signature) if isinstance(signature, str) else ""
    whole = {**value, "index": block.index, "delta": {**delta, "signature": sent}}
    return whole, data if whole == value else b""


def relayed_block(content: Value, origin: str) -> Value:
    """A block of a plain answer, its signature tagged."""
    kind = content.get("type")
    if kind == "thinking" and isinstance(signature := content.get("signature"), str):
        return {**content, "signature": _tagged(origin, signature)}
    if kind == "redacted_thinking" and isinstance(data := content.get("data"), str):
        return {**content, "data": _tagged(origin, data)}
    return content


def _tagged(origin: str, opaque: str) -> str:
    return tag(origin, opaque) if origin else opaque


def stop_word(word: str, *, has_calls: bool) -> str:
    """The stop reason to send: the upstream's where it fits, in this format's words; unknown ones pass."""
    if word and word not in finish.FROM_MESSAGES and word not in finish.FROM_CHAT:
        return word
    reason = reason_of(word)
    wanted = settled(reason, has_calls=has_calls)
    is_same = wanted == reason and word in finish.FROM_MESSAGES
    return word if is_same else finish.TO_MESSAGES[wanted]


def with_model(data: bytes, value: Value, wanted: Value) -> bytes:
    """The bytes of ``message_start`` with another model's name in them; b"" if that is not all that changes."""
    old, new = value.get("message"), wanted["message"]
    if not isinstance(old, dict) or not isinstance(old.get("model"), str):
        return b""
    quoted = orjson.dumps(old["model"])
    if data.count(quoted) != 1:
        return b""
    exchanged = data.replace(quoted, orjson.dumps(new["model"]))
    return exchanged if orjson.loads(exchanged) == wanted else b""


def written(value: Value, data: bytes) -> bytes:
    """An event: ``data`` if that is still what it says, else ``value`` anew."""
    name: str = value["type"]
    return b"event: " + name.encode() + b"\ndata: " + (data or orjson.dumps(value)) + b"\n\n"
