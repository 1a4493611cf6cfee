"""Identifiers: made in one place, from the system's randomness."""

import hashlib
import os
import re
import secrets
import string
import zlib
from typing import Final

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


class _Digits:
    """Hex digits of the system's randomness, fetched many at a time: each request needs some, each fetch is a call."""

    _FETCHED_BYTES: Final = 2048

    def __init__(self) -> None:
        self._fetched, self._at = "", 0
        # Two processes must not give out the same ones.
        os.register_at_fork(after_in_child=self.forget)

    def take(self, count: int) -> str:
        at, self._at = self._at, self._at + count
        if self._at > len(self._fetched):
            self._fetched, at, self._at = secrets.token_hex(self._FETCHED_BYTES), 0, count
        return self._fetched[at : self._at]

    def forget(self) -> None:
        self._fetched, self._at = "", 0


# For names of things. What must stay secret (keys, jobs) is fetched when it is made.
_digits: Final = _Digits()


def request_id() -> str:
    """``req_`` and 24 hex digits: in ``X-Request-Id`` and the log line."""
    return f"req_{_digits.take(24)}"


def error_id(prefix: str) -> str:
    """``PREFIX-xxxxxxxxxxxx`` (twelve hex digits): quoted by members, found in the log. Our own errors use ``gw``."""
    return f"{prefix}-{_digits.take(12)}"


def random_base62(length: int) -> str:
    """``length`` characters of 0-9A-Za-z."""
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def completion_id(prefix: str) -> str:
    """An answer's id: ``chatcmpl-…``, ``msg_…`` or ``resp_…`` by ``prefix``, then 24 hex digits."""
    return prefix + _digits.take(24)


def lease_id() -> str:
    """16 hex digits: names one slot among all that its account holds."""
    return _digits.take(16)


JOB_PREFIX: Final = "fta-"
_JOB_LENGTH: Final = 32
_JOB_SHAPE: Final = re.compile(rf"{JOB_PREFIX}[0-9A-Za-z]{{{_JOB_LENGTH}}}", re.ASCII)


def job_id() -> str:
    """A deferred job's id: ``fta-`` and 32 characters of 0-9A-Za-z (190 bits: not to be guessed)."""
    return JOB_PREFIX + random_base62(_JOB_LENGTH)


def is_job_id(text: str) -> bool:
    """Whether ``text`` can be a job's id at all: anything else is unknown without a database."""
    return _JOB_SHAPE.fullmatch(text) is not None


# Keys of members (contract, section 7): KEY_PREFIX, 34 random characters, 6 of checksum.
KEY_PREFIX: Final = "fta_"
_RANDOM_LENGTH: Final = 34
_CHECKSUM_LENGTH: Final = 6
_DISPLAYED_LENGTH: Final = 6
_KEY_SHAPE: Final = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}", re.ASCII)


def new_key() -> str:
    """A member's key: 202 bits of randomness and a checksum. Shown once, kept only as ``hash_key`` of it."""
    body = random_base62(_RANDOM_LENGTH)
    return f"{KEY_PREFIX}{body}{_checksum(body)}"


def has_key_shape(key: str) -> bool:
    """Whether ``key`` looks like one of ours, whatever its checksum says."""
    return _KEY_SHAPE.fullmatch(key) is not None


def has_valid_checksum(key: str) -> bool:
    """Whether ``key`` can have been issued at all: a mistyped, cut or invented one is refused without a database."""
    if not has_key_shape(key):
        return False
    return secrets.compare_digest(key[-_CHECKSUM_LENGTH:], _checksum(key[len(KEY_PREFIX) : -_CHECKSUM_LENGTH]))


def hash_key(key: str) -> str:
    """SHA-256 of the key in hex: what is stored, cached and looked up instead of it."""
    return hashlib.sha256(key.encode()).hexdigest()


def display_prefix(key: str) -> str:
    """``fta_`` and six characters: enough to tell keys apart in logs and tables, useless to whoever reads them."""
    return key[: len(KEY_PREFIX) + _DISPLAYED_LENGTH]


def _checksum(body: str) -> str:
    # CRC-32 finds every change within four neighbouring characters, so any single typo and any swap of neighbours;
    # 62^6 is more than 2^32, so none of that is lost in the spelling. It is no secret and need not be one.
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
