"""An OpenAI-compatible moderations endpoint: ``POST {"input": [texts]}`` -> ``{"results": [{"flagged": …}]}``.

Any result that is flagged flags the request. What is no such answer, in time, leaves it undecided; the log says so once
for an outage, never with anything of the texts or of the answer.

Format: https://platform.openai.com/docs/api-reference/moderations
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.moderation.verdict import Undecided
from freetheai.upstream import Answer, CallTimeouts, Upstream, UpstreamCall

_logger = logging.getLogger(__name__)

# A member waits for this before each answer (seconds).
TIMEOUTS: Final = CallTimeouts(connect_s=3.0, first_byte_s=8.0, idle_s=5.0, total_s=10.0)
# Longer texts are cut into pieces: servers refuse inputs beyond some 32,000 tokens.
PIECE_CHARS: Final = 20_000
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024


class ModerationEndpoint:
    """The endpoint at ``url``, asked with ``api_key`` where there is one."""

    def __init__(self, upstream: Upstream, url: str, api_key: str) -> None:
        self._upstream = upstream
        self._url = url
        self._headers = ["Content-Type: application/json", "Accept: application/json"]
        if api_key:
            self._headers.append(f"Authorization: Bearer {api_key}")
        self._is_away = False

    async def is_flagged(self, texts: Sequence[str]) -> bool:
        """Whether it objects to any of ``texts``.

        Raises:
            Undecided: it did not say.
        """
        pieces = list(dict.fromkeys(piece for text in texts for piece in _pieces(text)))
        if not pieces:
            return False
        try:
            answer = await self._upstream.fetch(self._call(pieces), _MAX_ANSWER_BYTES)
        except ApiError:
            raise Undecided("Moderation is busy.") from None  # too many transfers at work here
        flags = _read_flags(answer)
        if flags is None:
            self._note_outage(answer)
            raise Undecided("Moderation is away.")
        if self._is_away:
            self._is_away = False
            _logger.warning("the moderation endpoint answers again")
        return any(flags)

    def _call(self, pieces: Sequence[str]) -> UpstreamCall:
        # Lone surrogates have been replaced by the parser; what is left can be written.
        return UpstreamCall(
            method="POST",
            url=self._url,
            timeouts=TIMEOUTS,
            headers=self._headers,
            body=orjson.dumps({"input": pieces}),
        )

    def _note_outage(self, answer: Answer) -> None:
        if self._is_away:
            return
        self._is_away = True
        failure = answer.end.failure
        status = answer.head.status if answer.head is not None else None
        reason = f"{failure.kind} {failure.code}" if failure is not None else "not a moderations answer"
        _logger.error("the moderation endpoint does not answer", extra={"status": status, "reason": reason})


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE_CHARS):
        piece = text[start : start + PIECE_CHARS]
        if not piece.isspace():
            yield piece


def _read_flags(answer: Answer) -> list[bool] | None:
    """What each result says; None where the answer is none."""
    if answer.head is None or answer.head.status != 200 or answer.end.kind != "complete":
        return None
    try:
        body: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list) or not results:
        return None
    flags = [result.get("flagged") for result in results if isinstance(result, dict)]
    sound = [flag for flag in flags if isinstance(flag, bool)]
    return sound if len(sound) == len(results) else None
