"""What a client keeps of an answer and sends back with its next request, in each client format."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from support.messages_rules import check_messages_stream
from support.pairs import MODEL
from support.responses_rules import check_responses_stream
from support.stream_rules import frames

Json = dict[str, Any]


@dataclass(slots=True)
class Kept:
    """One answer as its client keeps it: a chat message, Messages content or Responses items."""

    client: str
    message: Json = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)

    def next_request(self) -> Json:
        """The members of the next request that hold the conversation, with a result for each call."""
        user = {"role": "user", "content": "Hi"}
        if self.client == "chat":
            calls = self.message.get("tool_calls") or ()
            results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in calls]
            return {"messages": [user, self.message, *(results or [user])]}
        if self.client == "messages":
            calls = [block for block in self.items if block["type"] == "tool_use"]
            told: Any = [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"} for call in calls]
            answer = {"role": "assistant", "content": self.items}
            return {"messages": [user, answer, {"role": "user", "content": told or "And?"}]}
        ids = [item["call_id"] for item in self.items if item["type"] == "function_call"]
        outputs = [{"type": "function_call_output", "call_id": call_id, "output": "ok"} for call_id in ids]
        return {"input": [user, *self.items, *(outputs or [user])]}


def kept_of(client: str, data: bytes, *, is_plain: bool = False) -> Kept:
    """What the client keeps of a stream, or of a plain answer."""
    body = orjson.loads(data) if is_plain else {}
    if client == "chat":
        return Kept(client, message=body["choices"][0]["message"] if is_plain else _joined(data))
    if client == "messages":
        return Kept(client, items=body["content"] if is_plain else check_messages_stream(data, model=MODEL).content)
    return Kept(client, items=(body if is_plain else check_responses_stream(data).response)["output"])


def _joined(data: bytes) -> Json:
    """A chat message put together from its chunks, as clients that know ``reasoning_details`` do it."""
    message: Json = {"role": "assistant", "content": ""}
    for _, text in frames(data):
        chunk = orjson.loads(text) if text != "[DONE]" else {}
        for choice in chunk.get("choices") or ():
            _add(message, choice["delta"])
    calls = message.pop("calls", {})
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return message


def _add(message: Json, delta: Json) -> None:
    for name in ("content", "reasoning_content"):
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    if delta.get("reasoning_details"):
        message.setdefault("reasoning_details", []).extend(delta["reasoning_details"])
    if delta.get("annotations"):
        message.setdefault("annotations", []).extend(delta["annotations"])
    for piece in delta.get("tool_calls") or ():
        call = message.setdefault("calls", {}).setdefault(piece["index"], {"function": {"name": "", "arguments": ""}})
        call |= {key: value for key, value in piece.items() if key not in ("index", "function")}
        for name, value in (piece.get("function") or {}).items():
            call["function"][name] += value
