"""The shape of a media adapter: how one family makes speech, transcriptions, images or videos.

Media requests have no common vocabulary of blocks and deltas: an adapter writes the provider's call from the client's
OpenAI-shaped fields, and reads the provider's answer as what OpenAI's client expects. Frozen values, pure functions, no
I/O.

Rules:
- ``build`` raises ``ApiError`` (a 400 that names the field) for what this provider can't make; it never answers with
  something else than was asked for;
- of unknown fields: the same format passes them, another drops them;
- ``read`` and streams are total: whatever a provider answers becomes a result or an ``UpstreamFailure``; only where a
  good answer can't be given as it was asked for, ``read`` raises the 400 too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from adapters.base import NO_CODES, AuthStyle, CodeTable, Speaks, anywhere
from adapters.deferral import Deferral
from freetheai.wire.events import UpstreamFailure, Usage
from freetheai.wire.formats import Target
from freetheai.wire.media import MediaStream as MediaStream
from freetheai.wire.multipart import FormPart

MediaFormat = Literal["speech", "transcriptions", "images", "videos"]


@dataclass(slots=True, kw_only=True)
class MediaRequest:
    """A client's request. ``model``: the alias as it was written. ``fields``: the JSON body, or the texts of a form (a
    name that ends in ``[]`` or comes more than once holds a list). ``parts``: all of a form in its order, files
    included; empty for JSON. ``route``: the contract's path it came on. ``boundary``: random, for a form of ours.
    """

    route: str
    model: str
    fields: dict[str, Any]
    parts: Sequence[FormPart] = ()
    boundary: str = ""


@dataclass(slots=True, kw_only=True)
class MediaCall:
    """What goes to the provider. ``path`` is appended to its `base_url`. The body is ``body``, or ``pieces`` one after
    the other (a form, which is never joined). ``headers`` are beyond the credential's.
    """

    path: str
    body: bytes = b""
    pieces: Sequence[bytes] = ()
    content_type: str = "application/json"
    accept: str = "*/*"
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAnswer:
    """A provider's whole answer, status 2xx; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Its type without parameters, lower case."""
        return bare_type(self.headers)


@dataclass(slots=True, kw_only=True)
class MediaResult:
    """What the client gets. ``has_output``: there is at least one piece of media (or text of it). ``value``: whatever
    this format's handler wants to know beyond that.
    """

    body: bytes
    content_type: str = "application/json"
    has_output: bool = True
    usage: Usage | None = None
    value: Any = None


# Writes the call for one attempt.
Build = Callable[[MediaRequest, Target], MediaCall]
# Reads a whole answer. The failure of an error in a good status: `failure_from(read_error(body), status=…)`.
Read = Callable[[MediaRequest, MediaAnswer], MediaResult | UpstreamFailure]
# Opens a streamed answer by the provider's headers; None: this answer is to be read whole, by ``read``.
Open = Callable[[MediaRequest, Mapping[str, str]], MediaStream | None]


def never_streams(request: MediaRequest, headers: Mapping[str, str]) -> MediaStream | None:
    """For formats whose answers are read whole."""
    del request, headers
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAdapter:
    """One family and media format; found by ``adapters.find(family, format)``. ``speaks`` as in ``Adapter``.

    ``deferral``: how it is asked about jobs it has taken; None: it takes none.
    """

    family: str
    format: MediaFormat
    build: Build
    read: Read
    open: Open = never_streams
    auth: AuthStyle = "bearer"
    codes: CodeTable = NO_CODES
    speaks: Speaks = anywhere
    deferral: Deferral | None = None


def bare_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters, lower case; "" where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
