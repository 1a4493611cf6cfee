"""One item of a Responses answer on its way into blocks: from deltas, from its ``done`` event, or from both.

Rules:
- what was told by deltas is not told again; what no delta told is told from the whole item (``whole`` after ``piece``);
- a block stays open until its item is done, so that what only the ``done`` event knows (a signature) still reaches it;
- a tool that was offered as a function although it takes free text is told when its arguments are whole.
"""

from typing import Any, Final

from freetheai.wire.blocks import BlockQueue, OpenBlock
from freetheai.wire.citations import MAX_CITATIONS, citation_of
from freetheai.wire.events import BlockKind, Citation, Event
from freetheai.wire.jsontext import dumps_text, is_json
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.logprobs import from_responses
from freetheai.wire.toolcalls import changed_names, custom_input, flat_name, made_call_id, tool_sent_name

Json = dict[str, Any]

# Longer arguments (characters) than any model makes: a broken upstream.
MAX_ARGUMENT_CHARS: Final = 16 * 1024 * 1024
_KINDS: Final[dict[str, BlockKind]] = {
    "text": "text",
    "refusal": "refusal",
    "reasoning": "thinking",
    "summary": "thinking",
}
_ITEM_KINDS: Final = {
    "text": "message",
    "refusal": "message",
    "reasoning": "reasoning",
    "summary": "reasoning",
    "arguments": "function_call",
    "input": "custom_tool_call",
}
_PAYLOADS: Final = ("arguments", "input")


class Reading:
    """What the items of one answer share. ``seed`` tells this answer from others, for ids that never came."""

    __slots__ = ("blocks", "custom_names", "ids", "is_overflowing", "names", "seed")

    def __init__(self, request: ChatRequest, blocks: BlockQueue) -> None:
        self.blocks = blocks
        self.names = changed_names(request)
        self.custom_names = frozenset(tool_sent_name(tool) for tool in request.tools if tool.custom)
        self.ids: set[str] = set()
        self.seed = ""
        self.is_overflowing = False


class ItemReader:
    """One item. ``number`` counts items in the order they appeared."""

    def __init__(self, reading: Reading, number: int) -> None:
        self.item_id = ""
        self.is_call = False
        self._reading = reading
        self._number = number
        self._kind = ""
        self._call_id = self._upstream_call_id = self._name = ""
        self._custom = False
        self._is_done = False
        self._block: OpenBlock | None = None
        self._place: tuple[str, int] | None = None
        # Pieces of arguments, and how much of each channel's parts was told.
        self._pieces: list[str] = []
        self._size = 0
        self._told: set[tuple[str, int]] = set()
        # Links that came before their part's text.
        self._early: list[tuple[int, Citation]] = []

    def is_called(self, item_id: str) -> bool:
        """Whether the upstream's events name it so; a call without an id of its own by its call id."""
        return item_id in (self.item_id, self._upstream_call_id)

    def is_same(self, item: Json) -> bool:
        """Whether ``item`` is this one: by call id or id."""
        call_id, item_id = item.get("call_id"), item.get("id")
        if self._call_id and isinstance(call_id, str) and call_id:
            return call_id == self._call_id and self._kind == item.get("type")
        return bool(self.item_id) and item_id == self.item_id

    def could_be(self, item: Json) -> bool:
        """Whether ``item`` may be this one, as far as the kind tells."""
        return not self._kind or self._kind == item.get("type")

    def is_open(self, item: Json) -> bool:
        """Whether it waits for its end and is of the kind of ``item``."""
        return not self._is_done and self._kind == item.get("type")

    def is_another(self, item: Json) -> bool:
        """Whether ``item``, at the same place, must be another one: of an upstream that numbers all of them 0."""
        return not self.could_be(item) or (self._is_done and not self.is_same(item))

    def tell(self, item: Json, events: list[Event]) -> None:
        """Its head: kind, ids, name."""
        self._kind = self._kind or _word(item.get("type"))
        self.item_id = self.item_id or _word(item.get("id"))
        if self._kind in ("function_call", "custom_tool_call") and not self.is_call:
            self._custom = self._kind == "custom_tool_call"
            self._upstream_call_id = self._upstream_call_id or _word(item.get("call_id"))
            self._call_id = self._call_id or _word(item.get("call_id")) or self.item_id
            self._name = flat_name(_word(item.get("name")), _word(item.get("namespace")))
            if self._name and not self._unwraps:
                self._open_call(events)

    def piece(self, channel: str, event: Json, text: str, events: list[Event], *, is_whole: bool) -> bool:
        """A delta, or (``is_whole``) all of a part; False for more of an item that is done."""
        self._kind = self._kind or _ITEM_KINDS[channel]
        if self._kind != _ITEM_KINDS[channel]:
            return True
        if is_whole:
            self._rest(channel, part_index(event), text, events)
            return True
        if self._is_done:
            return not text
        if channel in _PAYLOADS:
            self._add_payload(text, events)
            return True
        self._text(channel, part_index(event), text, events, from_responses(event.get("logprobs")))
        return True

    def go_on(self, place: tuple[str, int], text: str, events: list[Event]) -> bool:
        """One more piece of the part (channel, place) whose pieces are coming; False: ``piece`` must read it."""
        if self._is_done or self._kind != _ITEM_KINDS[place[0]]:
            return False
        if place[0] in _PAYLOADS:
            self._add_payload(text, events)
            return True
        if not text or self._place != place or self._block is None:
            return False
        return self._reading.blocks.add(events, self._block, text)

    def cite(self, part: int, annotations: Any) -> None:
        """What the text of a part cites; told behind it."""
        for annotation in annotations if isinstance(annotations, list) else ():
            citation = citation_of(annotation, in_block=True)
            if citation is not None and self._place == ("text", part) and self._block is not None:
                self._reading.blocks.cite(citation, self._block)
            elif citation is not None and len(self._early) < MAX_CITATIONS:
                self._early.append((part, citation))

    def _cite_early(self, part: int) -> None:
        for _, citation in (told for told in self._early if told[0] == part):
            self._reading.blocks.cite(citation, self._block)
        self._early.clear()

    def whole(self, item: Json, events: list[Event]) -> None:
        """All of it: what was not told yet is told, and it is done."""
        if self._is_done:
            return
        self.tell(item, events)
        if self._kind in ("function_call", "custom_tool_call"):
            payload = item.get("input" if self._custom else "arguments")
            if isinstance(payload, dict | list):
                payload = dumps_text(payload)
            self._rest("arguments", 0, _word(payload), events)
        elif self._kind == "message":
            self._message(item.get("content"), events)
        elif self._kind == "reasoning":
            self._reasoning(item, events)
        elif self._kind == "image_generation_call":
            self._image(item, events)
        self.close(events)

    def close(self, events: list[Event]) -> None:
        """Nothing more will come: a call that waited for its end is told now."""
        if self._is_done:
            return
        self._is_done = True
        if self._kind in ("function_call", "custom_tool_call") and not self.is_call and self._name:
            self._open_call(events)
        self._reading.blocks.advance(events)

    def is_broken(self) -> bool:
        """Whether it is a call whose arguments are no JSON."""
        text = "".join(self._pieces)
        return self._kind == "function_call" and bool(text.strip()) and not is_json(text)

    def is_nameless(self) -> bool:
        """Whether it is a call with arguments that nobody said the name of."""
        return self._kind in ("function_call", "custom_tool_call") and self._size > 0 and not self._name

    @property
    def _unwraps(self) -> bool:
        return not self._custom and self._name in self._reading.custom_names

    def _open_call(self, events: list[Event]) -> None:
        reading = self._reading
        if not self._call_id or self._call_id in reading.ids:
            self._call_id = made_call_id(reading.seed + self._call_id, self._number)
        reading.ids.add(self._call_id)
        self.is_call = True
        unwraps, text = self._unwraps, "".join(self._pieces)
        name = reading.names.get(self._name, self._name)
        self._block = OpenBlock("tool_call", name, self._call_id, self._custom or unwraps, self._is_over)
        reading.blocks.open(events, self._block)
        if text := custom_input(text) if unwraps else text:
            reading.blocks.add(events, self._block, text)

    def _is_over(self) -> bool:
        return self._is_done

    def _add_payload(self, text: str, events: list[Event]) -> None:
        if not text:
            return
        self._pieces.append(text)
        self._size += len(text)
        if self._size > MAX_ARGUMENT_CHARS:
            self._reading.is_overflowing = True
        if self._block is not None:
            self._reading.blocks.add(events, self._block, text)

    def _rest(self, channel: str, part: int, text: str, events: list[Event]) -> None:
        """All of a part; told if no piece of it was."""
        if not text or self._is_done:
            return
        if channel in _PAYLOADS:
            if not self._size:
                self._add_payload(text, events)
        elif (channel, part) not in self._told:
            self._text(channel, part, text, events, None)

    def _text(self, channel: str, part: int, text: str, events: list[Event], logprobs: list[Json] | None) -> None:
        if not text:
            return
        shown = self._place[0] if self._place is not None else channel
        if _KINDS[channel] == "thinking" and _KINDS[shown] == "thinking" and shown != channel:
            return  # the same thoughts a second time, as summary or in full
        blocks = self._reading.blocks
        if self._place != (channel, part):
            is_next_summary = self._place is not None and shown == channel == "summary"
            if is_next_summary and self._block is not None:
                text = "\n\n" + text
            else:
                self._block = OpenBlock(
                    _KINDS[channel], can_close=self._is_over if _KINDS[channel] == "thinking" else None
                )
                blocks.open(events, self._block)
            self._place = (channel, part)
            if self._early and channel == "text":
                self._cite_early(part)
        self._told.add((channel, part))
        if self._block is not None and not blocks.add(events, self._block, text, logprobs):
            # Something else began meanwhile: the text goes on in a block of its own.
            self._block = OpenBlock(_KINDS[channel])
            blocks.open(events, self._block)
            blocks.add(events, self._block, text, logprobs)

    def _message(self, content: Any, events: list[Event]) -> None:
        if isinstance(content, str):
            self._rest("text", 0, content, events)
            return
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, dict):
                continue
            if part.get("type") == "refusal":
                self._rest("refusal", index, _word(part.get("refusal")), events)
                continue
            if (text := _word(part.get("text"))) and ("text", index) not in self._told:
                self._text("text", index, text, events, from_responses(part.get("logprobs")))
            self.cite(index, part.get("annotations"))

    def _reasoning(self, item: Json, events: list[Event]) -> None:
        for channel, member in (("reasoning", "content"), ("summary", "summary")):
            pieces = item.get(member)
            for index, piece in enumerate(pieces if isinstance(pieces, list) else ()):
                if isinstance(piece, dict):
                    self._rest(channel, index, _word(piece.get("text")), events)
        encrypted = _word(item.get("encrypted_content"))
        if not encrypted:
            return
        if self._block is not None:
            self._block.signature = encrypted
            return
        self._block = OpenBlock("redacted")
        self._reading.blocks.open(events, self._block)
        self._reading.blocks.add(events, self._block, encrypted)

    def _image(self, item: Json, events: list[Event]) -> None:
        data = _word(item.get("result"))
        if data and self._block is None:
            self._block = OpenBlock("media", f"image/{_word(item.get('output_format')) or 'png'}")
            self._reading.blocks.open(events, self._block)
            self._reading.blocks.add(events, self._block, data)


def part_index(event: Json) -> int:
    """The place of an event's part in its item; 0 where it tells none."""
    for member in ("content_index", "summary_index"):
        if type(event.get(member)) is int:
            return int(event[member])
    return 0


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
