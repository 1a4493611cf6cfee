"""How single things of Chat Completions are put in order: what the relay of streams and that of plain answers share.

Rules: what is in order is returned as it is (the same object), so that the caller can tell; nothing is changed in
place.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from freetheai.wire.chat.calls import Call, CallTracker
from freetheai.wire.chat.parts import REASONING_KEYS, whole_calls
from freetheai.wire.citations import MAX_CITATIONS
from freetheai.wire.relay import without

# Members of a chunk or answer that tell of the provider, its prices or its account, or are padding.
HIDDEN_FIELDS: Final = frozenset(
    {
        "cost",
        "cost_in_usd_ticks",
        "provider",
        "x_groq",
        "x_opencode",
        "obfuscation",
        "system_fingerprint",
        "service_tier",
        "moderation",
        "request_id",
        "user_id",
        "base_resp",
        "prompt_filter_results",
        "error",
    }
)


@dataclass(slots=True)
class ChoiceState:
    """What has been sent of one choice. ``last_choice`` is its finish, held back; ``last`` the whole chunk it came in
    (data and value), if it came alone and in order.
    """

    index: int
    calls: CallTracker
    has_role: bool = False
    has_output: bool = False
    word: str = ""
    last: tuple[bytes, dict[str, Any]] | None = None
    last_choice: dict[str, Any] | None = None
    seen: set[str] = field(default_factory=set)
    # Annotations that were sent, each as its bytes.
    notes: dict[bytes, int] = field(default_factory=dict)


def numbered_notes(notes: Any, state: ChoiceState) -> Any:
    """The annotations of a delta that were not sent before, each with its number: SDKs join lists by ``index`` and give
    up where an entry of a second list has none.
    """
    if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
        return notes
    sent = []
    for note in notes:
        known = orjson.dumps(without(note, ("index",)))
        if known not in state.notes and len(state.notes) < MAX_CITATIONS:
            state.notes[known] = len(state.notes)
            sent.append({**note, "index": state.notes[known]})
    return sent


def first_filled(delta: dict[str, Any]) -> str:
    """The field that holds this delta's reasoning; "" if none does."""
    return next((key for key in REASONING_KEYS if delta.get(key)), "")


def delta_of(choice: dict[str, Any], state: ChoiceState) -> dict[str, Any]:
    """The delta of a choice that carries none, or a whole message: of that, what has not been sent yet."""
    delta, message = choice.get("delta"), choice.get("message")
    delta = dict(delta) if isinstance(delta, dict) else {}
    if not isinstance(message, dict):
        return delta
    seen = set(state.seen)
    if seen.intersection(REASONING_KEYS):
        seen.update(REASONING_KEYS, ("reasoning_details",))
    if "tool_calls" in seen:
        seen.add("function_call")
    for key, value in message.items():
        if key in seen or key in delta or not value:
            continue
        if key == "tool_calls" and isinstance(value, list):
            value = whole_calls(value)
        delta[key] = value
    return delta


def remade_choice(choice: dict[str, Any], delta: dict[str, Any], state: ChoiceState) -> dict[str, Any]:
    """A choice with another delta and without its finish reason, which is held back."""
    kept = without(choice, ("message", "usage", "error"))
    return {**kept, "index": state.index, "delta": delta, "finish_reason": None}


def ended_choice(index: int, delta: dict[str, Any], word: str | None) -> dict[str, Any]:
    """A choice of our own making."""
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": word}


def first_piece(call: Call, *, is_whole: bool = False) -> dict[str, Any]:
    """The piece that announces a call, with the arguments so far (all of them if ``is_whole``)."""
    text = call.text()
    if is_whole and not call.custom and not text.strip():
        text = "{}"
    piece: dict[str, Any] = {"index": call.number, "id": call.call_id}
    if call.custom:
        piece |= {"type": "custom", "custom": {"name": call.name, "input": text}}
    else:
        piece |= {"type": "function", "function": {"name": call.name, "arguments": text}}
    if call.signature:
        piece["extra_content"] = {"google": {"thought_signature": call.signature}}
    return piece


def later_piece(call: Call, fragment: str) -> dict[str, Any]:
    """A piece that carries on a call."""
    body = {"custom": {"input": fragment}} if call.custom else {"function": {"arguments": fragment}}
    return {"index": call.number, **body}


def is_first_in_order(piece: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether a piece announces its call just as it should (``whole``)."""
    body = "custom" if "custom" in whole else "function"
    return (
        type(piece.get("index")) is int
        and piece["index"] == whole["index"]
        and piece.get("id") == whole["id"]
        and piece.get("type") == body
        and piece.get(body) == whole[body]
    )


def is_later_in_order(piece: dict[str, Any], call: Call, fragment: str) -> bool:
    """Whether a piece carries on its call just as it should."""
    body = piece.get("custom" if call.custom else "function")
    if type(piece.get("index")) is not int or piece["index"] != call.number or piece.get("id"):
        return False
    if not isinstance(body, dict):
        return not fragment
    text = body.get("input" if call.custom else "arguments")
    return not body.get("name") and (text == fragment or (text is None and not fragment))
