"""Audio inside a chat completion: base64 in one JSON string, decoded while it arrives.

Strategy: what comes before ``"audio":{… "data":"`` is kept as a short head; from there on each piece of the string is
decoded and forgotten, whatever its size; what follows the string is kept as a short tail. Head and tail together are
the JSON without its audio: looked at when the body is over, for an error, tokens, and whether it was whole.

Rules:
- head and tail are bounded; characters that are no base64 end it as malformed;
- the string's end is not the answer's: only JSON that closes is.
"""

import binascii
import re
from typing import Final

from freetheai.wire import usage as counts
from freetheai.wire.audio.streams import stream_failure
from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import UpstreamFailure, Usage
from freetheai.wire.jsontext import try_loads

MAX_AROUND_BYTES: Final = 256 * 1024
# Members of the audio object before its data. In a JSON string every quote is escaped: nothing a model wrote fits.
_MEMBER: Final = rb'\s*"[^"\\]*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[^",{}\[\]]*)\s*,'
_START: Final = re.compile(rb'"audio"\s*:\s*\{(?:' + _MEMBER + rb')*\s*"data"\s*:\s*"', re.DOTALL)


class Base64Decoder:
    """Base64 in pieces."""

    __slots__ = ("_is_padded", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._is_padded = False

    def feed(self, text: bytes) -> bytes:
        """The bytes that ``text`` completed; raises ``binascii.Error`` (a ValueError) for what is no base64."""
        # JSON may escape a slash.
        text = self._rest + text.replace(b"\\", b"")
        usable = len(text) - len(text) % 4
        self._rest = text[usable:]
        if not usable:
            return b""
        if self._is_padded:
            raise binascii.Error("more after the padding")
        self._is_padded = text[usable - 1 : usable] == b"="
        return binascii.a2b_base64(text[:usable], strict_mode=True)

    def end(self) -> bytes:
        """The last bytes, where the padding was left out."""
        return self.feed(b"=" * (-len(self._rest) % 4)) if self._rest else b""


class AudioInJson:
    """The audio of a chat completion, as a stream of bytes."""

    __slots__ = ("_decoder", "_head", "_is_within", "_tail", "content_type", "failure", "has_output", "is_finished",
                 "usage")  # fmt: skip

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self.has_output = False
        self.is_finished = False
        self.failure: UpstreamFailure | None = None
        self.usage: Usage | None = None
        self._head = b""
        self._tail = b""
        self._is_within = False
        self._decoder: Base64Decoder | None = None

    def feed(self, data: bytes) -> bytes:
        """The audio in ``data``."""
        if self.failure is not None:
            return b""
        if self._decoder is None:
            data = self._find_start(data)
        if not self._is_within:
            if self._decoder is not None:
                self._tail += data
            self._check_bounds()
            return b""
        text, quote, rest = data.partition(b'"')
        audio = self._decoded(text, is_last=bool(quote))
        if quote:
            self._is_within = False
            self._tail = rest
            self._check_bounds()
        self.has_output = self.has_output or bool(audio)
        return audio

    def end(self) -> bytes:
        """Whole, if the JSON is, and held audio."""
        if self.failure is not None:
            return b""
        if self._is_within:
            self.failure = stream_failure("cut")
            return b""
        quote = b'"' if self._decoder is not None else b""
        self._judge(try_loads(self._head + quote + self._tail))
        return b""

    def error(self, error: object) -> None:
        """Bytes can't tell."""
        del error

    def _find_start(self, data: bytes) -> bytes:
        """Look for the audio; what follows its opening quote, if it is there."""
        self._head += data
        start = _START.search(self._head)
        if start is None:
            return b""
        head, self._head = self._head, self._head[: start.end()]
        self._decoder = Base64Decoder()
        self._is_within = True
        return head[start.end() :]

    def _decoded(self, text: bytes, *, is_last: bool) -> bytes:
        decoder = self._decoder or Base64Decoder()
        try:
            return decoder.feed(text) + (decoder.end() if is_last else b"")
        except ValueError:
            self.failure = stream_failure("malformed", "the audio is not base64")
            return b""

    def _check_bounds(self) -> None:
        if self.failure is None and max(len(self._head), len(self._tail)) > MAX_AROUND_BYTES:
            self.failure = stream_failure("too_large", "too much around the audio")

    def _judge(self, answer: object) -> None:
        if not isinstance(answer, dict):
            self.failure = stream_failure("cut" if self.has_output else "malformed")
        elif not self.has_output and is_error_body(answer):
            self.failure = failure_from(error_fields(answer), status=200)
        elif not self.has_output:
            self.failure = _no_audio(answer)
        else:
            self.usage = counts.from_chat(answer.get("usage"))


def _no_audio(answer: dict[str, object]) -> UpstreamFailure:
    """A well-formed answer without audio: a filter's, if its finish reason says so."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    if first.get("finish_reason") == "content_filter":
        return UpstreamFailure(kind="answer", phase="stream", status=200, type="content_filter")
    return stream_failure("empty")
