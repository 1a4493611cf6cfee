"""Write a generateContent request, translated from any client format.

Rules:
- the model and whether it streams stand in the address, not in the body;
- what only tunes is dropped where the model doesn't know it; what changes meaning is a 400 that names it;
- safety settings are the operator's (``Quirks.extra_body``), never the client's;
- nothing of the client's own ids, caches and tiers goes out.

Format: https://ai.google.dev/api/generate-content
"""

from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.gemini import models
from freetheai.wire.gemini.contents import write_contents
from freetheai.wire.gemini.tools import clean_schema, tool_fields
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.outgoing import body_bytes, cap_for, refuse_audio_answer
from freetheai.wire.request import ChatRequest
from freetheai.wire.turns import refuse_unsupported

# More stop strings are refused: the rest is cut here (`gemini/__init__.py`).
MAX_STOP: Final = 5
_MAX_TOP_LOGPROBS: Final = 20
_SEEDS: Final = 2**31
_JSON: Final = "application/json"

Body = dict[str, Any]


def build(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The body for an attempt at ``target``.

    Raises:
        ApiError: INVALID_REQUEST for what this model can't carry; INVALID_JSON for what nests too deep.
    """
    refuse_unsupported(request, target)
    refuse_audio_answer(request)
    if request.n > 1 and request.stream:
        raise ApiError(
            errors.INVALID_REQUEST,
            "n greater than 1 is not supported in streams of this model: leave out stream, or ask n times",
        )
    tools = tool_fields(request, quirks)
    output, told = _output(request, target, has_tools=bool(tools))
    body: Body = {"contents": write_contents(request, target)}
    if system := [{"text": text} for text in (*(part.text for part in request.system), told) if text]:
        body["systemInstruction"] = {"parts": system}
    body |= tools
    if config := _sampling(request, target) | output | _thinking(request, target):
        body["generationConfig"] = config
    return body_bytes(body, quirks)


def _sampling(request: ChatRequest, target: Target) -> Body:
    seed = request.seed
    fields: Body = {
        "temperature": request.temperature,
        "topP": request.top_p,
        # Zero and less mean "off" elsewhere; here they are refused.
        "topK": request.top_k if request.top_k is not None and request.top_k > 0 else None,
        # A 32-bit number here; the same longer seed still gives the same answer.
        "seed": seed if seed is None or -_SEEDS <= seed < _SEEDS else seed % _SEEDS,
        "stopSequences": request.stop[:MAX_STOP] or None,
        "maxOutputTokens": cap_for(request.max_tokens, target),
        "candidateCount": request.n if request.n > 1 else None,
    }
    if models.takes_penalties(target.model):
        fields |= {"presencePenalty": request.presence_penalty, "frequencyPenalty": request.frequency_penalty}
    if request.logprobs:
        fields |= {"responseLogprobs": True, "logprobs": min(request.top_logprobs or 0, _MAX_TOP_LOGPROBS) or None}
    return {name: value for name, value in fields.items() if value is not None}


def _thinking(request: ChatRequest, target: Target) -> Body:
    if not target.supports_reasoning:
        return {}
    config = models.thinking_config(target.model, request.reasoning, cap_for(request.max_tokens, target))
    return {"thinkingConfig": config} if config else {}


def _output(request: ChatRequest, target: Target, *, has_tools: bool) -> tuple[Body, str]:
    """Fields for the structured output wanted, or words for the system text where fields are refused."""
    output = request.output
    if output.kind == "text":
        return {}, ""
    schema = output.schema if output.kind == "json_schema" else None
    if has_tools and not models.takes_json_with_tools(target.model):
        if schema is None:
            return {}, "Respond only with a JSON object."
        return {}, f"Respond only with a JSON object that follows this JSON Schema:\n{dumps_text(schema)}"
    if schema is None:
        return {"responseMimeType": _JSON}, ""
    return {"responseMimeType": _JSON, "responseJsonSchema": clean_schema(schema)}, ""
