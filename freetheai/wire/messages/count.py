"""Ask an upstream that counts tokens itself, and read its answer.

Format: https://platform.claude.com/docs/en/api/messages-count-tokens
"""

from typing import Any, Final

import orjson

from freetheai.wire.formats import Quirks, Target
from freetheai.wire.jsontext import try_loads
from freetheai.wire.messages.rewrite import rewrite
from freetheai.wire.request import ChatRequest

# Appended to the path of the messages themselves.
COUNT_PATH: Final = "/count_tokens"
# What only steers an answer: the counting route refuses it.
_NOT_COUNTED: Final = frozenset(
    {"max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "container", "inference_geo"}
)


def count_body(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The body that asks for a Messages client's request to be counted.

    Raises:
        ApiError: as ``rewrite``.
    """
    body = orjson.loads(rewrite(request, target, quirks))
    return orjson.dumps({key: value for key, value in body.items() if key not in _NOT_COUNTED})


def read_count(data: bytes) -> int | None:
    """Input tokens as the upstream counted them; None if that is no count."""
    body: Any = try_loads(data)
    count = body.get("input_tokens") if isinstance(body, dict) else None
    return count if type(count) is int and count >= 0 else None


def count_answer(input_tokens: int) -> dict[str, int]:
    """The answer of the route."""
    return {"input_tokens": input_tokens}
