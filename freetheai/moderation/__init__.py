"""Gate 9's second half: a prompt that the operator's patterns or a moderations endpoint object to is refused.

Strategy: ``texts`` gathers all that a model would read of a request; ``matchers`` searches it for the patterns of a
file, in processes of their own, since Python's expressions can't be interrupted within ours; ``endpoint`` asks an
OpenAI-compatible server. Patterns come first: they are ours and cost nothing elsewhere.

Rules:
- what could not be judged (a pattern without end, an endpoint that is away) is refused as our own trouble, 503: neither
  let through nor held against the member;
- a file of patterns that can't be used stops the start; later it changes nothing, and the log says why;
- nothing of a text is kept or logged: of a match only the pattern's line in its file.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.moderation.endpoint import ModerationEndpoint
from freetheai.moderation.matchers import Matchers
from freetheai.moderation.patterns import FileStamp, PatternsError, load_patterns, stamp_of
from freetheai.moderation.texts import texts_of
from freetheai.moderation.verdict import Undecided
from freetheai.upstream import Upstream
from freetheai.wire.request import ChatRequest

__all__ = ["Moderation", "ModerationSettingsLike", "PatternsError", "texts_of"]

_logger = logging.getLogger(__name__)

# How often the file of patterns is looked at (seconds).
LOOK_EVERY_S: Final = 1.0


class SecretLike(Protocol):
    """A secret of the configuration."""

    def reveal(self) -> str: ...


class ModerationSettingsLike(Protocol):
    """`[moderation]` of the configuration."""

    @property
    def patterns_file(self) -> Path | None: ...  # noqa: D102 - the settings say it
    @property
    def endpoint(self) -> str: ...  # noqa: D102
    @property
    def api_key(self) -> SecretLike: ...  # noqa: D102


class Moderation:
    """What prompts are checked against; nothing where neither patterns nor an endpoint are configured."""

    def __init__(self, upstream: Upstream, settings: ModerationSettingsLike) -> None:
        """Read the patterns.

        Raises:
            PatternsError: they can't be used; one line says what is wrong.
        """
        self._upstream = upstream
        self._matchers: Matchers | None = None
        self._endpoint: ModerationEndpoint | None = None
        self._path: Path | None = None
        self._stamp: FileStamp = None
        self._take(settings)

    async def check(self, request: ChatRequest) -> None:
        """Let a clean request pass.

        Raises:
            ApiError: CONTENT_POLICY_VIOLATION, or DEPENDENCY_UNAVAILABLE when it could not be judged.
        """
        if self._matchers is not None or self._endpoint is not None:
            await self.check_texts(texts_of(request))

    async def check_texts(self, texts: Sequence[str]) -> None:
        """Let clean texts pass; raises as ``check`` does."""
        try:
            is_flagged = await self._is_flagged(texts)
        except Undecided as reason:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE, f"{errors.DEPENDENCY_UNAVAILABLE.text} {reason}") from None
        if is_flagged:
            raise ApiError(errors.CONTENT_POLICY_VIOLATION)

    def update(self, settings: ModerationSettingsLike) -> None:
        """Take over new settings and read the patterns again; patterns that can't be used change nothing."""
        try:
            self._take(settings)
        except PatternsError as error:
            _logger.error("moderation patterns not reloaded", extra={"reason": str(error)})

    async def run(self) -> None:
        """Read the patterns again whenever their file has changed, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._path is not None and stamp_of(self._path) != self._stamp:
                self._reread(self._path)

    async def prove(self) -> None:
        """Start a matching process where patterns are configured.

        Raises:
            PatternsError: it does not work here.
        """
        if self._matchers is not None:
            try:
                await self._matchers.find("")
            except Undecided as reason:
                raise PatternsError(f"moderation.patterns_file: the matching process does not run: {reason}") from None

    async def close(self) -> None:
        """End the matching processes."""
        if self._matchers is not None:
            await self._matchers.close()

    async def _is_flagged(self, texts: Sequence[str]) -> bool:
        if self._matchers is not None:
            line = await self._matchers.find("\n".join(texts))
            if line is not None:
                _logger.info("a moderation pattern matched", extra={"line": line})
                return True
        return self._endpoint is not None and await self._endpoint.is_flagged(texts)

    def _take(self, settings: ModerationSettingsLike) -> None:
        url = settings.endpoint
        self._endpoint = ModerationEndpoint(self._upstream, url, settings.api_key.reveal()) if url else None
        if settings.patterns_file is None:
            self._path = None
            self._use(None)
            return
        self._load(settings.patterns_file)
        self._path = settings.patterns_file

    def _reread(self, path: Path) -> None:
        try:
            self._load(path)
        except PatternsError as error:
            _logger.error("moderation patterns not reloaded", extra={"reason": str(error)})
        else:
            _logger.info("moderation patterns reloaded")

    def _load(self, path: Path) -> None:
        # Before the reading: what changes meanwhile is seen at the next look.
        self._stamp = stamp_of(path)
        patterns = load_patterns(path)
        self._use(Matchers(patterns) if patterns else None)

    def _use(self, matchers: Matchers | None) -> None:
        former, self._matchers = self._matchers, matchers
        if former is not None:
            former.retire()
