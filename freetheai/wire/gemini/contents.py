"""Write turns as Gemini's contents: two roles in turn, each content a list of parts.

Rules:
- neighbours of one role are one content; the first is the user's, and there is always one;
- all results of a model turn stand at the beginning of the user content right after it, in the order of the calls,
  each under the name its call was made with;
- a part keeps its signature and is never joined with another; a signature goes back only where this very model made
  it, and from generation 3 on the first call of a model content has one, the documented dummy where there is none;
- reasoning goes back only signed: as a thought, or, where it had no words, as the empty part it came on; what signed a
  text goes back on that text (``signed.py``);
- what a model can't read is a 400 that names it; inside a result it becomes a visible marker.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import Target
from freetheai.wire.gemini.media import media_part
from freetheai.wire.gemini.models import checks_signatures, reads_media_in_results
from freetheai.wire.gemini.signed import SignedText, with_signed_texts
from freetheai.wire.jsontext import dumps_text, try_loads
from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from freetheai.wire.signature import untag
from freetheai.wire.toolcalls import arguments_object, custom_arguments, flat_name, sent_name
from freetheai.wire.turns import NO_RESULT, marker, paired

Content = dict[str, Any]

# Stands for a signature in history that another model made, or nobody.
DUMMY_SIGNATURE: Final = "skip_thought_signature_validator"
# Where a user's words are demanded and the client has none.
_NOTHING_SAID: Final = "."


def write_contents(request: ChatRequest, target: Target) -> list[Content]:
    """All turns of a request.

    Raises:
        ApiError: INVALID_REQUEST naming a part that Gemini can't read.
    """
    writer = _Writer(target)
    for turn in paired(request.turns):
        writer.turn(turn)
    contents = writer.contents
    if not contents or contents[0]["role"] == "model":
        contents.insert(0, {"role": "user", "parts": [{"text": _NOTHING_SAID}]})
    if checks_signatures(target.model):
        for content in contents:
            _sign_first_call(content)
    return contents


def _sign_first_call(content: Content) -> None:
    first = next((part for part in content["parts"] if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", DUMMY_SIGNATURE)


class _Writer:
    """Writes turn by turn; knows the names of the calls so far."""

    def __init__(self, target: Target) -> None:
        self.contents: list[Content] = []
        self._target = target
        self._names: dict[str, str] = {}

    def turn(self, turn: Turn) -> None:
        if turn.role == "assistant":
            parts = with_signed_texts(turn.parts, self._target.origin)
            self._add("model", [item for part in parts if (item := self._model_part(part)) is not None])
        elif turn.role == "system":
            text = "".join(part.text for part in turn.parts if isinstance(part, TextPart))
            self._add("user", [{"text": f"<system>\n{text}\n</system>"}] if text else [])
        else:
            self._add("user", self._user_parts(turn.parts))

    def _add(self, role: str, parts: list[Content]) -> None:
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"].extend(parts)
        else:
            self.contents.append({"role": role, "parts": parts})

    def _model_part(self, part: Part | SignedText) -> Content | None:
        match part:
            case SignedText():
                return {"text": part.text, "thoughtSignature": part.signature}
            case TextPart() | RefusalPart():
                return {"text": part.text} if part.text else None
            case ThinkingPart():
                return self._thought(part)
            case ToolCallPart():
                return self._call(part)
            case ImagePart() | AudioPart() | FilePart():
                return media_part(part)
        # Hidden reasoning and blocks of other providers' own tools mean nothing here.
        return None

    def _thought(self, part: ThinkingPart) -> Content | None:
        signature = untag(self._target.origin, part.signature)
        if not signature:
            return None
        if not part.text:
            return {"text": "", "thoughtSignature": signature}
        return {"text": part.text, "thought": True, "thoughtSignature": signature}

    def _call(self, part: ToolCallPart) -> Content:
        name = self._names[part.call_id] = sent_name(flat_name(part.name, part.namespace))
        arguments = arguments_object(custom_arguments(part.arguments) if part.custom else part.arguments)
        content: Content = {"functionCall": {"id": part.call_id, "name": name, "args": arguments}}
        if signature := untag(self._target.origin, part.signature):
            content["thoughtSignature"] = signature
        return content

    def _user_parts(self, parts: list[Part]) -> list[Content]:
        results: list[Content] = []
        shown: list[Content] = []
        rest: list[Content] = []
        for part in parts:
            if isinstance(part, ToolResultPart):
                response, media = self._result(part)
                results.append({"functionResponse": response})
                shown += media
            elif (item := _user_part(part)) is not None:
                rest.append(item)
        if shown:
            shown.insert(0, {"text": "Returned by the tools above:"})
        return [*results, *shown, *rest]

    def _result(self, result: ToolResultPart) -> tuple[Content, list[Content]]:
        """The response of a function, and the media that must follow behind all responses."""
        inside = reads_media_in_results(self._target.model)
        texts: list[str] = []
        media: list[Content] = []
        for part in result.parts:
            if isinstance(part, TextPart | RefusalPart):
                texts.append(part.text)
            elif self._can_show(part) and (item := media_part(part)) is not None:
                media.append(item)
                texts.append("" if inside else "[shown below]")
            else:
                texts.append(marker(part))
        response: Content = {
            "id": result.call_id,
            "name": self._names.get(result.call_id) or sent_name(result.name or "tool"),
            "response": _response("\n".join(filter(None, texts)), is_error=result.is_error),
        }
        if inside and media:
            response["parts"] = media
        return response, [] if inside else media

    def _can_show(self, part: Part) -> bool:
        match part:
            case ImagePart():
                return self._target.supports_image_input
            case AudioPart():
                return self._target.supports_audio
            case FilePart(is_text=False):
                return self._target.supports_files
        return False


def _user_part(part: Part) -> Content | None:
    match part:
        case TextPart() | RefusalPart():
            return {"text": part.text} if part.text else None
        case ImagePart() | AudioPart() | FilePart():
            return media_part(part)
        case OpaquePart():
            raise ApiError(errors.INVALID_REQUEST, f"{part.kind[:64]} input is not supported by this model: remove it")
    return None


def _response(text: str, *, is_error: bool) -> Content:
    """What the function gave back: Gemini wants an object, and knows ``output`` and ``error`` by name."""
    if text == NO_RESULT:
        return {"error": "no result"}
    if is_error:
        return {"error": text}
    value = try_loads(text) if text.lstrip()[:1] == "{" else None
    return value if isinstance(value, dict) and dumps_text(value) else {"output": text}
