"""PCM out of a WAV file that arrives in pieces: everything before its samples is left out.

Rules: chunks before `data` are stepped over by their length; what does not begin as WAV passes as it is; the length of
`data` is not believed (files made while they are spoken have none), so chunks after it would pass too.
"""

from typing import Final

from freetheai.errors import ApiError
from freetheai.wire.audio.streams import stream_failure
from freetheai.wire.events import UpstreamFailure, Usage
from freetheai.wire.media import MediaStream

MAX_HEAD_BYTES: Final = 64 * 1024


class PcmOfWav:
    """The samples of another stream's WAV."""

    __slots__ = ("_head", "_inner", "_is_open", "_own_failure", "content_type", "is_finished")

    def __init__(self, inner: MediaStream, content_type: str) -> None:
        self._inner = inner
        self._head = b""
        self._is_open = False
        self._own_failure: UpstreamFailure | None = None
        self.content_type = content_type
        self.is_finished = False

    @property
    def has_output(self) -> bool:
        """Whether any samples came."""
        return self._is_open

    @property
    def failure(self) -> UpstreamFailure | None:
        """The provider's fault."""
        return self._inner.failure or self._own_failure

    @property
    def usage(self) -> Usage | None:
        """Tokens, where the provider counts them."""
        return self._inner.usage

    def feed(self, data: bytes) -> bytes:
        """The samples in what came."""
        audio = self._inner.feed(data)
        if self._is_open or not audio:
            return audio
        self._head += audio
        start = _samples_at(self._head)
        if start < 0 or start >= len(self._head):
            if len(self._head) > MAX_HEAD_BYTES:
                self._own_failure = stream_failure("malformed", "a WAV without samples")
            return b""
        self._is_open = True
        samples, self._head = self._head[start:], b""
        return samples

    def end(self) -> bytes:
        """A file that ended before its samples held none."""
        rest = self._inner.end()
        if not self._is_open and self.failure is None:
            self._own_failure = stream_failure("empty")
        return rest

    def error(self, error: ApiError) -> None:
        """Bytes can't tell."""
        del error


def _samples_at(head: bytes) -> int:
    """Where the samples begin; -1 while that can't be told."""
    if len(head) < 12:
        return -1 if b"RIFF".startswith(head[:4]) else 0
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return 0
    at = 12
    while at + 8 <= len(head):
        size = int.from_bytes(head[at + 4 : at + 8], "little")
        if head[at : at + 4] == b"data":
            return at + 8
        at += 8 + size + size % 2
    return -1
