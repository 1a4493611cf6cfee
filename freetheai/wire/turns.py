"""Put a request's turns into the order upstreams demand, and refuse what a model can't read: for every builder.

Rules:
- every call has exactly one result, in the turn right after it: missing ones are made up, second ones and those without
  a call become text; clients that cut their history break this daily, and upstreams answer with 400;
- ids are unique in a conversation; a call without one gets one, its result the same;
- what a model can't read is a 400 that names it, never silence; inside a tool result, or in an answer of another model,
  it becomes a visible marker: nobody can take that back.
"""

from dataclasses import replace
from typing import Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import Target
from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)

NO_RESULT: Final = "[no result]"


def is_paired(turns: list[Turn]) -> bool:
    """Whether calls and results already stand as ``paired`` would put them."""
    waiting: set[str] = set()
    for turn in turns:
        results = [part.call_id for part in turn.parts if isinstance(part, ToolResultPart)]
        if set(results) != waiting or len(results) != len(waiting):
            return False
        calls = [part.call_id for part in turn.parts if isinstance(part, ToolCallPart)]
        waiting = set(calls)
        if len(calls) != len(waiting) or "" in waiting or (calls and turn.role != "assistant"):
            return False
    return not waiting


def paired(turns: list[Turn]) -> list[Turn]:
    """The turns with each call's result right after it; the turns given are not changed."""
    out: list[Turn] = []
    used: set[str] = set()
    waiting: dict[str, ToolCallPart] = {}
    for turn in turns:
        if turn.role == "assistant" and not any(isinstance(part, ToolResultPart) for part in turn.parts):
            if waiting:
                out.append(Turn("user", _results({}, waiting)))
            turn, waiting = _with_ids(turn, used)
            out.append(turn)
            continue
        if turn.role == "system":
            # Between a call and its result nothing may stand: it moves behind.
            out.append(turn)
            continue
        results = {part.call_id: part for part in reversed(turn.parts) if isinstance(part, ToolResultPart)}
        rest: list[Part] = []
        for part in turn.parts:
            if isinstance(part, ToolCallPart):
                continue  # only an assistant calls: no format lets a client send this
            if not isinstance(part, ToolResultPart):
                rest.append(part)
            elif part.call_id not in waiting or results[part.call_id] is not part:
                rest.append(TextPart(f"[result of an earlier tool call] {result_text(part)}"))
        parts = [*_results(results, waiting), *rest]
        waiting = {}
        if parts:
            out.append(replace(turn, role="user", parts=parts))
    if waiting:
        out.append(Turn("user", _results({}, waiting)))
    return _system_behind_results(out)


def _with_ids(turn: Turn, used: set[str]) -> tuple[Turn, dict[str, ToolCallPart]]:
    """The turn with an own id for each call, and the calls by the id their results name."""
    waiting: dict[str, ToolCallPart] = {}
    parts: list[Part] = []
    for part in turn.parts:
        if isinstance(part, ToolCallPart):
            asked = part.call_id
            call_id = asked or f"call_{len(used)}"
            while call_id in used:
                call_id = f"{call_id}_{len(used)}"
            used.add(call_id)
            part = replace(part, call_id=call_id)
            waiting.setdefault(asked, part)
            if waiting[asked] is not part:
                waiting[call_id] = part
        parts.append(part)
    return replace(turn, parts=parts), waiting


def _results(given: dict[str, ToolResultPart], waiting: dict[str, ToolCallPart]) -> list[Part]:
    """One result for each waiting call, in the order of the calls."""
    made: list[Part] = []
    for asked, call in waiting.items():
        result = given.get(asked)
        if result is None:
            result = ToolResultPart(call.call_id, [TextPart(NO_RESULT)], custom=call.custom)
        made.append(replace(result, call_id=call.call_id, name=result.name or call.name))
    return made


def _system_behind_results(turns: list[Turn]) -> list[Turn]:
    out: list[Turn] = []
    held: list[Turn] = []
    for turn in turns:
        is_calling = bool(out) and out[-1].role == "assistant" and _has_calls(out[-1])
        if turn.role == "system" and is_calling:
            held.append(turn)
            continue
        out.append(turn)
        out.extend(held)
        held.clear()
    return [*out, *held]


def _has_calls(turn: Turn) -> bool:
    return any(isinstance(part, ToolCallPart) for part in turn.parts)


def result_text(result: ToolResultPart) -> str:
    """All of a tool result as text, with a visible marker for what is not text."""
    texts = [part.text if isinstance(part, TextPart | RefusalPart) else marker(part) for part in result.parts]
    return "\n".join(filter(None, texts))


def marker(part: Part) -> str:
    """What stands for a part that a model can't read, inside a tool result or an earlier answer."""
    match part:
        case ImagePart():
            return "[image: this model can't read images]"
        case AudioPart():
            return "[audio: this model can't read audio]"
        case FilePart(is_text=True):
            return f"[{part.name}]\n{part.data}" if part.name else part.data
        case FilePart():
            return f"[document {part.name or part.media_type}: this model can't read documents]"
        case OpaquePart():
            return f"[{part.kind}]"
    return ""


def split_system(parts: list[Part]) -> list[Turn]:
    """A system message behind the leading text as turns: what is no text is shown by the user, where all can see it."""
    texts: list[Part] = [part for part in parts if isinstance(part, TextPart | RefusalPart)]
    others: list[Part] = [part for part in parts if not isinstance(part, TextPart | RefusalPart)]
    return [*([Turn("system", texts)] if texts else []), *([Turn("user", others)] if others else [])]


def merged(turns: list[Turn]) -> list[Turn]:
    """The turns with neighbours of the same role joined."""
    out: list[Turn] = []
    for turn in turns:
        if out and out[-1].role == turn.role:
            out[-1] = replace(out[-1], parts=[*out[-1].parts, *turn.parts])
        else:
            out.append(turn)
    return out


def refuse_unsupported(request: ChatRequest, target: Target) -> None:
    """Make sure that the target can read what the client sent.

    Raises:
        ApiError: INVALID_REQUEST naming an image, audio or document part, or the tools.
    """
    if request.tools and not target.supports_tools:
        raise ApiError(errors.INVALID_REQUEST, "tools are not supported by this model: remove tools and tool_choice")
    if target.supports_image_input and target.supports_audio and target.supports_files:
        return
    for number, turn in enumerate(request.turns):
        for part in turn.parts if turn.role != "assistant" else ():
            if (kind := _unsupported(part, target)) is not None:
                raise ApiError(
                    errors.INVALID_REQUEST,
                    f"{kind} input is not supported by this model (turn {number + 1}): remove it or use another model",
                )


def refuse_unknown(request: ChatRequest) -> None:
    """Make sure that a user's message holds no block that only the client's own format knows.

    Raises:
        ApiError: INVALID_REQUEST naming the block.
    """
    for number, turn in enumerate(request.turns):
        for part in turn.parts if turn.role == "user" else ():
            if isinstance(part, OpaquePart):
                raise ApiError(
                    errors.INVALID_REQUEST,
                    f"{part.kind[:64]} input is not supported by this model (turn {number + 1}): remove it",
                )


def _unsupported(part: Part, target: Target) -> str | None:
    if isinstance(part, ImagePart) and not target.supports_image_input:
        return "image"
    if isinstance(part, AudioPart) and not target.supports_audio:
        return "audio"
    if isinstance(part, FilePart) and not part.is_text and not target.supports_files:
        return "document"
    return None
