"""Check a Responses stream we sent against the rules that hold for every one, whatever the upstream did.

The rules are those of OpenAI's own accumulators and of Codex, which reads items from their ``done`` events only. A
broken rule is an ``AssertionError`` whose text is the rule.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from support.stream_rules import frames

Json = dict[str, Any]

# What a response always carries.
RESPONSE_FIELDS = frozenset(
    [
        "id",
        "object",
        "created_at",
        "completed_at",
        "status",
        "background",
        "error",
        "incomplete_details",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "model",
        "output",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "truncation",
        "usage",
        "user",
        "metadata",
    ]
)
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_PARTS = {
    f"response.{stem}.{step}" for stem in ("content_part", "reasoning_summary_part") for step in ("added", "done")
}
# Event stem -> kind of item, member that numbers the part, type of the part, member of the done event.
_CHANNELS = {
    "response.output_text": ("message", "content_index", "output_text", "text"),
    "response.refusal": ("message", "content_index", "refusal", "refusal"),
    "response.reasoning_text": ("reasoning", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text": ("reasoning", "summary_index", "summary_text", "text"),
    "response.function_call_arguments": ("function_call", "", "", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "", "", "input"),
}


@dataclass(slots=True)
class SeenPart:
    """One part (for calls: the arguments): what its deltas said, and how far it is."""

    kind: str
    text: str = ""
    whole: str | None = None
    is_done: bool = False
    annotations: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class SeenItem:
    """One item: as it was added, its parts, and as it was done."""

    added: Json
    parts: dict[tuple[str, int], SeenPart] = field(default_factory=dict)
    done: Json | None = None


@dataclass(slots=True)
class ResponsesSummary:
    """A whole stream: the terminal response, its items in order, and the error that ended it."""

    response: Json = field(default_factory=dict)
    items: list[SeenItem] = field(default_factory=list)
    error: Json | None = None

    @property
    def text(self) -> str:
        """All visible text of the messages."""
        return "".join(part["text"] for part in self._parts("message", "content") if part["type"] == "output_text")

    @property
    def refusal(self) -> str:
        """All refusals."""
        return "".join(part["refusal"] for part in self._parts("message", "content") if part["type"] == "refusal")

    @property
    def reasoning(self) -> str:
        """All reasoning, full or as summary."""
        parts = [*self._parts("reasoning", "summary"), *self._parts("reasoning", "content")]
        return "".join(part["text"] for part in parts)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Name and arguments (or free text) of each call."""
        return [
            (item["name"], item[_CALLS[item["type"]]]) for item in self.response["output"] if item["type"] in _CALLS
        ]

    def _parts(self, kind: str, member: str) -> list[Json]:
        return [part for item in self.response["output"] if item["type"] == kind for part in item.get(member) or ()]


def check_responses_stream(stream: bytes, *, model: str = "pre/alias") -> ResponsesSummary:
    """The answer a Responses stream holds, if it obeys the rules.

    Raises:
        AssertionError: saying which rule is broken.
    """
    summary = ResponsesSummary()
    events = _events(stream, summary)
    assert events, "a stream has events"
    assert events[0]["type"] == "response.created", "response.created is first"
    assert events[1]["type"] == "response.in_progress", "response.in_progress follows"
    response_id = events[0]["response"]["id"]
    for number, event in enumerate(events):
        assert event["sequence_number"] == number, f"sequence_number counts from 0 by 1: {event}"
        if "response" in event:
            _check_response(event["response"], response_id, model)
        _read(event, summary)
    _check_terminal(events, summary)
    return summary


def _events(stream: bytes, summary: ResponsesSummary) -> list[Json]:
    sent = frames(stream)
    if sent and sent[-1] == ("", "[DONE]"):
        name, data = sent[-2]
        assert not name, "the error envelope has no event name"
        envelope = orjson.loads(data)
        assert envelope.keys() == {"error"}, "the envelope holds nothing else"
        assert envelope["error"]["message"], "an error has a message"
        assert envelope["error"]["type"], "an error has a type"
        summary.error = envelope["error"]
        sent = sent[:-2]
    events = []
    for name, data in sent:
        event = orjson.loads(data)
        assert name, f"every frame has an event line: {data}"
        assert event["type"] == name, f"the event line is the type: {name}"
        events.append(event)
    return events


def _check_response(response: Json, response_id: str, model: str) -> None:
    missing = RESPONSE_FIELDS - response.keys()
    assert not missing, f"a response carries all its fields: {missing}"
    assert response["id"] == response_id, "the response id never changes"
    assert response_id.startswith("resp_"), "the id looks like a response's"
    assert response["model"] == model, "the model is the alias"
    assert response["store"] is False, "nothing is stored"
    assert response["object"] == "response", "the object is a response"
    assert type(response["created_at"]) is int, "created_at is whole seconds"
    hidden = {"cost", "provider", "x_opencode"} & response.keys()
    assert not hidden, f"fields of the provider are dropped: {hidden}"


def _read(event: Json, summary: ResponsesSummary) -> None:
    kind = event["type"]
    if kind == "response.output_item.added":
        assert event["output_index"] == len(summary.items), "items are added in order, each once"
        item = event["item"]
        assert item["id"], "an item has an id"
        assert all(item["id"] != other.added["id"] for other in summary.items), "item ids are distinct"
        if item["type"] in _CALLS:
            assert item["call_id"], "a call has its id from the start"
            assert item["name"], "a call has its name from the start"
            assert item[_CALLS[item["type"]]] == "", "a call begins without arguments"
        summary.items.append(SeenItem(item))
    elif kind == "response.output_item.done":
        _item_done(event["item"], _open_item(event, summary))
    elif kind == "response.output_text.annotation.added":
        _annotation(event, summary)
    elif kind in _PARTS:
        _part(event, _open_item(event, summary))
    elif (stem := kind.rpartition(".")[0]) in _CHANNELS:
        _piece(event, stem, _open_item(event, summary))


def _open_item(event: Json, summary: ResponsesSummary) -> SeenItem:
    assert event["output_index"] < len(summary.items), f"no event before its item: {event}"
    item = summary.items[event["output_index"]]
    assert item.done is None, f"nothing of an item follows its done event: {event}"
    if "item" not in event:
        assert event["item_id"] == item.added["id"], "events of an item name its id"
    return item


def _part(event: Json, item: SeenItem) -> None:
    place = "summary_index" if "summary" in event["type"] else "content_index"
    key = (place, event[place])
    if event["type"].endswith(".added"):
        expected = sum(1 for other, _ in item.parts if other == place)
        assert event[place] == expected, f"parts are added in order, each once: {event}"
        item.parts[key] = SeenPart(event["part"]["type"])
        return
    assert key in item.parts, f"a part is added before it is done: {event}"
    part = item.parts[key]
    assert not part.is_done, "a part is done once"
    assert part.whole is not None, "the text of a part is done before the part"
    part.is_done = True
    assert event["part"]["type"] == part.kind, "a part keeps its type"
    assert (event["part"].get("text") or event["part"].get("refusal") or "") == part.whole, "a done part is whole"
    if part.kind == "output_text":
        assert isinstance(event["part"]["annotations"], list), "text has annotations"
        assert isinstance(event["part"]["logprobs"], list), "text has logprobs"


def _annotation(event: Json, summary: ResponsesSummary) -> None:
    """Of an upstream that tells one without its number, or when its part is done, a relay passes it as it is."""
    item = summary.items[event["output_index"]]
    assert item.done is None, f"nothing of an item follows its done event: {event}"
    part = item.parts.get(("content_index", event.get("content_index", 0)))
    if part is not None and part.whole is None and event.get("annotation_index") == len(part.annotations):
        part.annotations.append(event["annotation"])


def _piece(event: Json, stem: str, item: SeenItem) -> None:
    kind, place, part_kind, member = _CHANNELS[stem]
    assert item.added["type"] == kind, f"pieces fit their item: {event}"
    key = (place, event[place] if place else 0)
    if not place:
        item.parts.setdefault(key, SeenPart(""))
    assert key in item.parts, f"no delta before its part: {event}"
    part = item.parts[key]
    assert part.kind == part_kind, "pieces fit their part"
    assert part.whole is None, f"nothing of a text follows its done event: {event}"
    if stem == "response.output_text":
        assert isinstance(event["logprobs"], list), "logprobs is a list"
    if event["type"].endswith(".delta"):
        part.text += event["delta"]
        return
    part.whole = event[member]
    assert part.whole == (part.text or ("{}" if kind == "function_call" else "")), "a done text is what its deltas said"


def _item_done(item: Json, seen: SeenItem) -> None:
    added = seen.added
    assert (item["id"], item["type"]) == (added["id"], added["type"]), "an item keeps id and type"
    assert item["type"] not in _CALLS or item["call_id"] == added["call_id"], "a call keeps its id"
    for (place, _), part in seen.parts.items():
        assert part.whole is not None, "every text is done before its item"
        assert part.is_done or not place, "every part is done before its item"
    if item["type"] in _CALLS:
        payload = item[_CALLS[item["type"]]]
        part = seen.parts.get(("", 0))
        assert part is None or payload == part.whole, "a done call has what its deltas said"
        if item["type"] == "function_call" and item["status"] == "completed":
            orjson.loads(payload)
    elif item["type"] == "message":
        texts = [part.get("text", part.get("refusal")) for part in item["content"]]
        told = [part.whole for _, part in sorted(seen.parts.items(), key=lambda entry: entry[0][1])]
        assert texts == told, "a done message has what its deltas said"
        assert item["role"] == "assistant", "a message is the assistant's"
    elif item["type"] == "reasoning":
        assert isinstance(item["summary"], list), "reasoning has a summary list"
    seen.done = item


def _check_terminal(events: list[Json], summary: ResponsesSummary) -> None:
    terminal = [event for event in events if event["type"].rpartition(".")[2] in ("completed", "incomplete", "failed")]
    terminal = [event for event in terminal if "response" in event]
    assert len(terminal) == 1, "there is exactly one terminal event"
    assert events[-1] is terminal[0], "the terminal event is last"
    response = summary.response = terminal[0]["response"]
    assert terminal[0]["type"] == f"response.{response['status']}", "the status is the event's"
    if summary.error is not None:
        assert response["status"] == "failed", "an error ends the stream as failed"
        assert isinstance(response["error"]["code"], str), "the response has the error's code"
        assert response["error"]["message"], "the response has the error's message"
        return
    assert response["status"] in ("completed", "incomplete"), "no failure without its error"
    assert response["error"] is None, "a good response has no error"
    assert (response["incomplete_details"] is None) == (response["status"] == "completed"), "incomplete says why"
    assert all(item.done is not None for item in summary.items), "every item is done"
    assert response["output"] == [item.done for item in summary.items], "the end carries the whole output"
    assert response["output"], "a good answer has an item"
    call_ids = [item["call_id"] for item in response["output"] if item["type"] in _CALLS]
    assert len(set(call_ids)) == len(call_ids), f"call ids are distinct: {call_ids}"
    if response["status"] == "completed":
        for item in response["output"]:
            if item["type"] == "function_call":
                orjson.loads(item["arguments"])
    usage = response["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], "usage adds up"
    assert type(usage["input_tokens_details"]["cached_tokens"]) is int, "cached tokens are a number"
    assert type(usage["output_tokens_details"]["reasoning_tokens"]) is int, "reasoning tokens are a number"
