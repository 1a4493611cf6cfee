"""The items of a relayed Responses stream: what was sent of each, and the events that put a broken one in order.

Rules:
- what is in order is returned as it is (the same object), so that the caller can tell; nothing is changed in place;
- an item's texts are kept until it is done: the events that an upstream left out are made of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from freetheai.wire.jsontext import dumps_text, is_json
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.objects import echo
from freetheai.wire.signature import tag

Json = dict[str, Any]

# Members of a response that tell of the provider, its prices or its account.
HIDDEN_FIELDS: Final = frozenset(
    {"cost", "cost_in_usd_ticks", "provider", "x_opencode", "billing", "access_programs", "moderation", "openrouter"}
)
# What `rewrite` keeps from the upstream, so that its echo is not the client's.
_CLIENTS_OWN: Final = (
    "background",
    "metadata",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
)
CALL_KINDS: Final = ("function_call", "custom_tool_call")


@dataclass(frozen=True, slots=True)
class Channel:
    """How a kind of text is told: the stem of its events, where its place stands, its part's type and text member.

    ``member`` is where the ``done`` event holds the whole text.
    """

    stem: str
    item_kind: str
    place: str = ""
    part_kind: str = ""
    part_member: str = "text"
    part_stem: str = "response.content_part"
    member: str = "text"


TEXT: Final = Channel("response.output_text", "message", "content_index", "output_text")
REFUSAL: Final = Channel(
    "response.refusal", "message", "content_index", "refusal", part_member="refusal", member="refusal"
)
REASONING: Final = Channel("response.reasoning_text", "reasoning", "content_index", "reasoning_text")
SUMMARY: Final = Channel(
    "response.reasoning_summary_text",
    "reasoning",
    "summary_index",
    "summary_text",
    part_stem="response.reasoning_summary_part",
)
ARGUMENTS: Final = Channel("response.function_call_arguments", "function_call", member="arguments")
INPUT: Final = Channel("response.custom_tool_call_input", "custom_tool_call", member="input")
CHANNELS: Final = (TEXT, REFUSAL, REASONING, SUMMARY, ARGUMENTS, INPUT)
BY_PART_KIND: Final = {channel.part_kind: channel for channel in CHANNELS if channel.part_kind}


_NO_LOGPROBS: Final[Json] = {"logprobs": []}
# What says which item it is: where its done event has lost it, it stays what it was added as.
_NAMING_MEMBERS: Final = ("type", "name")
_TEXT_MEMBERS: Final = ("content", "summary", "arguments", "input", "role")


@dataclass(slots=True)
class PartState:
    """One part of an item (for calls: their arguments). ``index`` is its place as we tell it."""

    channel: Channel
    index: int
    pieces: list[str] = field(default_factory=list)
    is_told: bool = False
    is_done: bool = False

    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    def whole(self) -> str:
        """The text as its ``done`` event tells it: what the pieces said, `{}` for arguments without any."""
        return self.text() or ("{}" if self.channel is ARGUMENTS else "")

    def is_nothing(self, text: str) -> bool:
        """Whether ``text`` adds nothing: white space before any argument, which its end would tell as `{}`."""
        return not text or (self.channel is ARGUMENTS and not self.pieces and not text.strip())

    @property
    def member(self) -> str:
        """The member of the item that holds it."""
        return "summary" if self.channel is SUMMARY else "content" if self.channel.place else self.channel.member

    def mended(self, given: Json) -> Json:
        """A done part as it came, if it says what its pieces said."""
        is_same = given.get(self.channel.part_member) == self.text()
        if is_same and (self.channel is not TEXT or isinstance(given.get("annotations"), list)):
            return (
                given if self.channel is not TEXT or isinstance(given.get("logprobs"), list) else given | _NO_LOGPROBS
            )
        return {**given, **self.part(self.text())}

    def part(self, text: str) -> Json:
        """The content part."""
        if self.channel is TEXT:
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        return {"type": self.channel.part_kind, self.channel.part_member: text}


@dataclass(slots=True)
class ItemState:
    """One item. ``index`` is its place as we tell it, ``upstream_id`` what the upstream's events call it; ``done`` the
    item once it was told as done.
    """

    index: int
    item_id: str
    kind: str
    head: Json
    upstream_id: str = ""
    parts: dict[tuple[str, int], PartState] = field(default_factory=dict)
    done: Json | None = None

    def part(self, channel: Channel, upstream_index: int) -> PartState | None:
        """The part an event names, if it was begun."""
        return self.parts.get((channel.place, upstream_index if channel.place else 0))

    def new_part(self, channel: Channel, upstream_index: int) -> PartState:
        """A part begins; its place is the next of its sort."""
        index = sum(1 for place, _ in self.parts if place == channel.place)
        state = PartState(channel, index)
        self.parts[channel.place, upstream_index if channel.place else 0] = state
        return state

    def place(self, part: PartState) -> Json:
        """The members that say where a piece of this part belongs."""
        place: Json = {"item_id": self.item_id, "output_index": self.index}
        return {**place, part.channel.place: part.index} if part.channel.place else place

    def mended(self, given: Json) -> Json:
        """A done item as it came, if it says what its pieces said; else with what they said: clients have seen that."""
        whole = self.whole(_word(given.get("status")))
        changes: Json = {
            member: whole[member] for member in _NAMING_MEMBERS if not given.get(member) and whole.get(member)
        }
        for member in _TEXT_MEMBERS:
            if member not in whole:
                continue
            if isinstance(whole[member], list):
                told = [part for part in self.parts.values() if part.member == member]
                shown = _mended_parts(given.get(member), told)
            else:
                shown = whole[member]
            if given.get(member) != shown and (shown or member != "content" or self.kind == "message"):
                changes[member] = shown
        return {**given, **changes} if changes else given

    def whole(self, status: str) -> Json:
        """The item as its pieces tell it."""
        item = {**self.head, "id": self.item_id, "type": self.kind, "status": status}
        parts = list(self.parts.values())
        if self.kind == "message":
            item |= {"role": "assistant", "content": [part.part(part.text()) for part in parts]}
        elif self.kind == "reasoning":
            for member, place in (("summary", "summary_index"), ("content", "content_index")):
                item[member] = [part.part(part.text()) for part in parts if part.channel.place == place]
        elif self.kind in CALL_KINDS:
            member = "arguments" if self.kind == "function_call" else "input"
            item[member] = "".join(part.text() for part in parts) or ("{}" if member == "arguments" else "")
        return item


def part_index(event: Json) -> int:
    """The place of a part among its item's, as the upstream tells it."""
    for member in ("content_index", "summary_index"):
        if type(event.get(member)) is int:
            return int(event[member])
    return 0


def whole_parts(item: Json) -> Iterator[tuple[Channel, int, str]]:
    """The texts of a whole item: channel, place, text."""
    kind = item.get("type")
    if kind in CALL_KINDS:
        channel = ARGUMENTS if kind == "function_call" else INPUT
        payload = item.get(channel.member)
        yield channel, 0, dumps_text(payload) if isinstance(payload, dict | list) else _word(payload)
        return
    if kind == "message" and isinstance(item.get("content"), str):
        yield TEXT, 0, item["content"]
    for member in ("summary", "content") if kind == "reasoning" else ("content",) if kind == "message" else ():
        pieces = item.get(member)
        for index, piece in enumerate(pieces if isinstance(pieces, list) else ()):
            part_kind = piece.get("type") if isinstance(piece, dict) else None
            known = BY_PART_KIND.get(part_kind) if isinstance(part_kind, str) else None
            if known is not None and known.item_kind == kind:
                yield known, index, _word(piece.get(known.part_member))


def done_item(item: Json, item_id: str, call_id: str, origin: str) -> Json:
    """A done item as the client may see it: the item itself if it is in order."""
    changes: Json = {}
    if item.get("id") != item_id:
        changes["id"] = item_id
    kind = item.get("type")
    if kind in CALL_KINDS and item.get("call_id") != call_id:
        changes["call_id"] = call_id
    if kind == "function_call":
        arguments = item.get("arguments")
        text = dumps_text(arguments) if isinstance(arguments, dict | list) else _word(arguments)
        text = text if text.strip() else "{}"
        if arguments != text:
            changes["arguments"] = text
        if item.get("status") != "incomplete" and not is_json(text):
            # What a limit cut must not look like a call that can be run.
            changes["status"] = "incomplete"
    if kind == "reasoning" and not isinstance(item.get("summary"), list):
        changes["summary"] = []
    if encrypted := _word(item.get("encrypted_content")):
        changes["encrypted_content"] = tag(origin, encrypted) if origin else encrypted
    if not item.get("status") and kind in (*CALL_KINDS, "message"):
        changes.setdefault("status", "completed")
    return {**item, **changes} if changes else item


def shown_response(response: Json, base: Json, request: ChatRequest) -> Json:
    """An upstream's response as the client may see it, with the id, model and time of ``base``."""
    told = echo(request)
    kept = {key: value for key, value in response.items() if key not in HIDDEN_FIELDS}
    own = {name: told[name] for name in _CLIENTS_OWN}
    fixed = {name: base[name] for name in ("id", "object", "created_at", "model")}
    return {**base, **kept, **own, **fixed}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mended_parts(given: Any, told: list[PartState]) -> list[Json]:
    """The parts as they came where they say what was told."""
    if not isinstance(given, list) or len(given) != len(told):
        return [part.part(part.text()) for part in told]
    return [_mended_part(came, part) for part, came in zip(told, given, strict=True)]


def _mended_part(came: Any, part: PartState) -> Json:
    if isinstance(came, dict) and came.get("type") == part.channel.part_kind:
        return part.mended(came)
    return part.part(part.text())
