"""What goes into a call and what comes out of it: plain values, no behaviour."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from freetheai.wire.events import UpstreamFailure

# complete: the provider's framing says that all has arrived. failed: see the failure. aborted: we did it.
EndKind = Literal["complete", "failed", "aborted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimeouts:
    """How long a provider may take, in seconds; each must be more than 0.

    ``connect_s``: name look-up, TCP and TLS. ``first_byte_s``: from the start of the call to the whole head (status and
    headers) of the answer. ``idle_s``: without any byte of the body once the head is there; it does not run while we
    hold the transfer. ``total_s``: from start to end, whatever happens.
    """

    connect_s: float
    first_byte_s: float
    idle_s: float
    total_s: float


@dataclass(slots=True, kw_only=True)
class UpstreamCall:
    """One request. ``headers`` are whole lines (``"Name: value"``, ASCII, no line breaks).

    ``method``: any but HEAD. ``body`` is sent as it is, without a copy: give its content type in ``headers``.
    ``pieces`` stand for a body that is never joined: sent one after the other under the length of all.
    """

    method: str
    url: str
    timeouts: CallTimeouts
    headers: list[str] = field(default_factory=list)
    body: bytes = b""
    pieces: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The provider's status and headers: lower-case names, repeated values joined by ``", "``."""

    status: int
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamEnd:
    """How a transfer ended. ``failure`` is set if and only if ``kind`` is ``failed``.

    ``connect_s`` is 0 where a connection was reused, ``first_byte_s`` 0 where no head came; ``duration_s`` the whole.
    A time-out's ``failure.code`` says which: ``connect``, ``first_byte``, ``idle`` or ``total``. Any other is libcurl's
    number (``curl_56``) with its text in ``failure.message``, which is for the log only: it may name the provider.
    """

    kind: EndKind
    failure: UpstreamFailure | None = None
    connect_s: float = 0.0
    first_byte_s: float = 0.0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer: ``head`` is None where none came; ``body`` is what arrived, also when ``end`` is a failure."""

    head: ResponseHead | None
    body: bytes
    end: UpstreamEnd
