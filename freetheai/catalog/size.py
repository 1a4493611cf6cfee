"""Whether a prompt is plainly too long for its model, told before anything is taken for it.

Rules:
- what we have is an estimate, within a quarter of the truth for text: only what exceeds the bound by more is refused,
  the rest is the provider's to judge;
- only text counts: what an image, a document or earlier reasoning costs differs too much by provider;
- most requests are so small that not even the estimate is made.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from freetheai import errors
from freetheai.catalog.model import Model
from freetheai.errors import ApiError
from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedPart,
    ThinkingPart,
    ToolResultPart,
)
from freetheai.wire.tokens import estimate_request

# An estimate up to this many times the bound may still be one that fits.
DOUBT: Final = 1.3
# No body is estimated at more than a token for so many of its bytes, whatever is in it.
_BYTES_PER_TOKEN: Final = 1.5


def check_size(request: ChatRequest, model: Model, body_bytes: int) -> None:
    """Refuse a prompt that can't fit ``model``; ``body_bytes`` is the length of the client's JSON.

    Raises:
        ApiError: CONTEXT_LENGTH_EXCEEDED, with the estimate and the bound in tokens.
    """
    bound = prompt_bound(model)
    if bound is None or body_bytes <= bound * DOUBT * _BYTES_PER_TOKEN:
        return
    tokens = estimate_request(
        replace(request, turns=[replace(turn, parts=_text(turn.parts)) for turn in request.turns])
    )
    if tokens > bound * DOUBT:
        raise ApiError(
            errors.CONTEXT_LENGTH_EXCEEDED,
            f"prompt is too long: {tokens} tokens > {bound} maximum."
            " Reduce context, attachments, or message history, or use a model with a larger context.",
        )


def prompt_bound(model: Model) -> int | None:
    """How many tokens a prompt for ``model`` may have; None: unknown, so no bound of ours."""
    return min((bound for bound in (model.max_input_tokens, model.context_window) if bound is not None), default=None)


def _text(parts: Iterable[Part]) -> list[Part]:
    """``parts`` without those whose cost is the provider's secret."""
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, ToolResultPart):
            kept.append(replace(part, parts=_text(part.parts)))
        elif isinstance(part, FilePart):
            kept += [part] if part.is_text else []
        elif not isinstance(part, ImagePart | AudioPart | ThinkingPart | RedactedPart | OpaquePart):
            kept.append(part)
    return kept
