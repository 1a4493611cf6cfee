"""Read a provider's images, and write OpenAI's answer of them.

Rules:
- unknown fields pass; what would tell who served, or what it cost us, is dropped, and ``model`` is the alias;
- an image that the provider's own moderation holds back (``respect_moderation`` false) is none;
- an image's address at the provider is the content and passes as it is.

Format: https://platform.openai.com/docs/api-reference/images; docs.x.ai "Image Generation", read November 2026.
"""

from typing import Any, Final

from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import UpstreamFailure, Usage
from freetheai.wire.jsontext import is_deep

_HIDDEN: Final = frozenset(
    {
        "id", "object", "model", "provider", "request_id", "error", "base_resp", "success", "code", "status", "cost",
        "cost_in_usd_ticks", "content_filter", "service_tier", "system_fingerprint",
    }
)  # fmt: skip
_HIDDEN_OF_IMAGE: Final = frozenset({"respect_moderation", "provider", "cost", "model"})
# As of generations (`usage.py`): beyond it a count is noise, and far beyond it no database takes it.
MAX_COUNT: Final = 10**15
_HIDDEN_OF_USAGE: Final = frozenset({"cost", "cost_in_usd_ticks", "cost_details", "is_byok"})


def read_images(answer: Any, status: int) -> dict[str, Any] | UpstreamFailure:
    """The client's answer without ``model``, from what a provider said with a 2xx; its failure if it is none."""
    if not isinstance(answer, dict) or is_deep(answer):
        return UpstreamFailure(kind="malformed", phase="body", status=status, message="no JSON object")
    if is_error_body(answer):
        return failure_from(error_fields(answer), phase="body", status=status)
    data = answer.get("data")
    images = [item for item in data if is_image(item)] if isinstance(data, list) else []
    if not images:
        return UpstreamFailure(kind="empty", phase="body", status=status, message="no image")
    shown = shown_images(images)
    if not shown:
        return UpstreamFailure(kind="answer", phase="body", status=status, code="content_policy_violation")
    kept = {name: value for name, value in answer.items() if name not in _HIDDEN and value is not None}
    usage = kept.pop("usage", None)
    if isinstance(usage, dict) and (shown_counts := shown_usage(usage)):
        kept["usage"] = shown_counts
    return {**kept, "data": shown}


def is_image(item: Any) -> bool:
    """Whether an object holds an image, or says that one is held back."""
    if not isinstance(item, dict):
        return False
    return bool(item.get("b64_json") or item.get("url")) or item.get("respect_moderation") is False


def shown_images(images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are not held back, without what a member must not see."""
    return [
        {name: value for name, value in image.items() if name not in _HIDDEN_OF_IMAGE}
        for image in images
        if image.get("respect_moderation") is not False
    ]


def shown_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """Without what it cost us."""
    return {name: value for name, value in usage.items() if name not in _HIDDEN_OF_USAGE}


def read_usage(usage: Any) -> Usage | None:
    """Tokens, where the provider counts in tokens."""
    if not isinstance(usage, dict):
        return None
    taken, made = usage.get("input_tokens"), usage.get("output_tokens")
    if type(taken) is not int or type(made) is not int:
        return None
    if not (0 <= taken < MAX_COUNT and 0 <= made < MAX_COUNT):
        return None
    return Usage(in_total=taken, out_total=made)
