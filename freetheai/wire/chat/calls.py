"""Tell which call each tool-call piece of a stream belongs to, however an upstream numbers and names them.

Used by the decoder and by the relay alike, so that a translated and a relayed stream agree on what was called.

Rules:
- a piece belongs to the call of its ``index``; without one, to that of its id, else to the newest;
- it begins a new call at a known index if it has another id (with a name, or after complete arguments), or repeats a
  name after complete arguments: some upstreams number all calls 0;
- a call can be announced when id and name are known: at once if the name is one of the request's tools, else when the
  arguments begin (names may come in pieces); an id that never comes is made;
- arguments may come as an object, or as all that there is so far (cumulative): only what is new is returned.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from freetheai.wire import finish
from freetheai.wire.blocks import OpenBlock
from freetheai.wire.events import FailureKind
from freetheai.wire.jsontext import dumps_text, is_json
from freetheai.wire.toolcalls import made_call_id

# More calls, or longer arguments (characters) than any model makes: a broken upstream.
MAX_CALLS: Final = 1024
MAX_ARGUMENT_CHARS: Final = 16 * 1024 * 1024
# Arguments that a relay passes on without looking at each piece's place, at most (characters).
MAX_FAST_CHARS: Final = MAX_ARGUMENT_CHARS - 1024 * 1024
# Arguments up to this long are checked for completeness as often as asked, longer ones only after growing by a quarter.
_CHEAP_CHECK_CHARS: Final = 4096


@dataclass(slots=True)
class Call:
    """One call of an answer. ``number`` counts the announced ones from 0; ``block`` is the decoder's."""

    number: int = -1
    call_id: str = ""
    name: str = ""
    custom: bool = False
    signature: str = ""
    is_announced: bool = False
    size: int = 0
    block: OpenBlock | None = None
    upstream_id: str = ""
    _pieces: list[str] = field(default_factory=list)
    _is_cumulative: bool | None = None
    _checked_size: int = 0

    def text(self) -> str:
        """The arguments so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def take(self, arguments: Any) -> str:
        """Add what a piece says of the arguments; the part of it that is new."""
        text = arguments if isinstance(arguments, str) else _object_text(arguments)
        if not text:
            return ""
        if 0 < self.size <= len(text) and not self.custom and self._is_repeated_in(text):
            text = text[self.size :]
        elif self.size and self._is_cumulative is None:
            self._is_cumulative = False
        if text:
            self._pieces.append(text)
            self.size += len(text)
        return text

    def is_complete(self) -> bool:
        """Whether the arguments are whole JSON (free text: whether there is any)."""
        if self.custom:
            return self.size > 0
        if self.size > _CHEAP_CHECK_CHARS and self.size < self._checked_size * 1.25:
            return False
        self._checked_size = self.size
        return self.size > 0 and is_json(self.text())

    def is_broken(self) -> bool:
        """Whether there are arguments and they are no JSON."""
        return not self.custom and bool(self.text().strip()) and not is_json(self.text())

    def _is_repeated_in(self, text: str) -> bool:
        if self._is_cumulative is False:
            # An incremental upstream that says it all once more at the end.
            return len(text) == self.size and text == self.text() and is_json(text)
        whole = self.text()
        if not whole.strip() or not text.startswith(whole):
            return False
        self._is_cumulative = True
        return True


class CallTracker:
    """The calls of one answer (one choice). ``names`` are the tools the request offered, as it offered them."""

    __slots__ = ("_announced", "_by_id", "_by_index", "_ids", "_names", "calls", "is_overflowing", "seed")

    def __init__(self, names: Collection[str], seed: str = "") -> None:
        self._names = names
        self._announced = 0
        self._by_index: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._ids: set[str] = set()
        self.seed = seed
        self.calls: list[Call] = []
        self.is_overflowing = False

    def add(self, piece: Mapping[str, Any], position: int) -> tuple[Call, str]:
        """The call a piece belongs to and the new part of its arguments. ``position``: its place in the chunk."""
        body, arguments, is_custom = _body_of(piece)
        name, piece_id = _word(body.get("name")), _word(piece.get("id"))
        index = piece.get("index")
        call = self._by_index.get(index) if type(index) is int else None
        if call is None or piece_id or name:
            call = self._resolve(call, index if type(index) is int else None, piece_id, name, bool(arguments), position)
            self._tell(call, piece_id, name)
            call.custom = call.custom or is_custom
        if signature := call_signature(piece):
            call.signature = signature
        fragment = call.take(arguments)
        if call.size > MAX_ARGUMENT_CHARS:
            self.is_overflowing = True
        return call, fragment

    def known(self, index: int) -> Call | None:
        """The call that a piece with this index and nothing else but arguments goes on with, once it was announced."""
        call = self._by_index.get(index)
        return call if call is not None and call.is_announced and not call.custom else None

    def can_announce(self, call: Call) -> bool:
        """Whether id and name are known and final."""
        return bool(call.name) and (call.size > 0 or (bool(call.call_id) and call.name in self._names))

    def announce(self, call: Call) -> None:
        """From now on id and name are fixed; an id that never came is made."""
        call.number = self._announced
        self._announced += 1
        call.call_id = call.call_id or made_call_id(self.seed, call.number)
        call.is_announced = True

    def _resolve(
        self, call: Call | None, index: int | None, piece_id: str, name: str, has_arguments: bool, position: int
    ) -> Call:
        if call is None and piece_id:
            call = self._by_id.get(piece_id)
            if call is not None and index is not None and name:
                call = None  # the same id at another index: another call of an upstream that gives all one id
            if call is None:
                return self._new(index)
        elif call is None and index is None and self.calls:
            call = self.calls[-1]
            if name and position > 0:
                return self._new(index)
        if call is None or self._is_another(call, piece_id, name, has_arguments):
            return self._new(index)
        return call

    def _is_another(self, call: Call, piece_id: str, name: str, has_arguments: bool) -> bool:
        if piece_id and call.upstream_id:
            return piece_id != call.upstream_id and (bool(name) or call.is_complete())
        if not name or not call.name:
            return False
        if not call.size:
            return name != call.name and call.name in self._names and name in self._names
        return has_arguments and call.is_complete()

    def _new(self, index: int | None) -> Call:
        call = Call()
        if len(self.calls) >= MAX_CALLS:
            self.is_overflowing = True
            return call
        self.calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _tell(self, call: Call, piece_id: str, name: str) -> None:
        if call.is_announced:
            return
        if piece_id and not call.upstream_id:
            call.upstream_id = piece_id
            # Two calls with one id could not be told apart in the results.
            call.call_id = made_call_id(self.seed + piece_id, len(self._ids)) if piece_id in self._ids else piece_id
            self._ids.add(call.call_id)
            self._ids.add(piece_id)
            self._by_id[piece_id] = call
        if name and name != call.name:
            # Names come whole, whole again, or in pieces.
            call.name = name if name.startswith(call.name) else call.name + name


def end_fault(word: str, calls: Iterable[Call], *, is_marked: bool) -> tuple[FailureKind, str] | None:
    """What is wrong with an end: with this finish word ("" if none came), after ``[DONE]`` or not, with these calls."""
    if not word and not is_marked:
        return "cut", "the stream ended without a finish reason"
    if finish.FROM_CHAT.get(word, "stop") in finish.CUTTING:
        return None
    for call in calls:
        if call.size and not call.name:
            return "malformed", "a tool call has no name"
        if call.is_broken():
            return ("malformed" if word else "cut"), "the arguments of a tool call are not JSON"
    return None


def _body_of(piece: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any, bool]:
    function = piece.get("function")
    if isinstance(function, dict):
        return function, function.get("arguments"), False
    custom = piece.get("custom")
    if isinstance(custom, dict):
        return custom, custom.get("input"), True
    return {}, None, False


def call_signature(piece: Mapping[str, Any]) -> str:
    """Gemini's OpenAI-compatible face signs calls in ``extra_content``."""
    extra = piece.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return _word(google.get("thought_signature")) if isinstance(google, dict) else ""


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object_text(arguments: Any) -> str:
    return dumps_text(arguments) if isinstance(arguments, dict | list) else ""
