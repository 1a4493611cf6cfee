"""The shape of an adapter, and of a judgement on an upstream failure: frozen values without behaviour."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from freetheai.errors import ErrorSpec
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Quirks, UpstreamFormat
from freetheai.wire.request import ChatRequest

AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key", "none"]

# What a failure takes out of service: request nothing; model this upstream model with this credential; key the
# credential; provider all of it.
Scope = Literal["request", "model", "key", "provider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an upstream failure means: the row the client may see, and what it says of the provider's health.

    ``retry_after_s``: the provider's own wait in seconds, None if it named none (the cool-down is then configured).
    ``retry_elsewhere``: another credential, provider or alias may serve it while nothing was sent. ``text``: words for
    the client beyond the row's own (numbers of a context error; never the provider's sentence). ``needs_staff``: only
    the operator can mend it (credential, balance, model gone). ``is_window``: a quota window of the credential's plan
    is used up (see ``CodeRule``).
    """

    row: ErrorSpec
    scope: Scope
    retry_elsewhere: bool = True
    retry_after_s: float | None = None
    text: str = ""
    needs_staff: bool = False
    is_window: bool = False


RetryAfter = Callable[[UpstreamFailure, float], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRule:
    """One provider code and what it means; ``retry_after(failure, now_s)`` reads a wait that only this code carries.

    ``is_window`` declares a quota window (five hours, a week, a day): only its reset helps. All processes remember it
    for the credential, and ``row`` is what members are told once all credentials are in one. Needs the scope ``key``.
    """

    row: ErrorSpec
    scope: Scope
    retry_elsewhere: bool = True
    needs_staff: bool = False
    is_window: bool = False
    retry_after: RetryAfter | None = None
    default_retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRule:
    """A provider's message pattern, for what it gives no code for; ``statuses`` empty means any."""

    pattern: re.Pattern[str]
    rule: CodeRule
    statuses: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTable:
    """A family's own failure rules: looked up by ``code``, then by ``type``, then its patterns in order.

    ``special`` is asked before all: for what only several fields together tell.
    """

    codes: Mapping[str, CodeRule] = field(default_factory=dict)
    types: Mapping[str, CodeRule] = field(default_factory=dict)
    patterns: Sequence[PatternRule] = ()
    special: Callable[[UpstreamFailure], CodeRule | None] | None = None


NO_CODES = CodeTable()


def no_headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """Most providers need none."""
    del request, conversation
    return {}


_CREDENTIAL_HEADERS: Final[Mapping[AuthStyle, str]] = {
    "bearer": "Authorization: Bearer ",
    "x-api-key": "x-api-key: ",
    "x-goog-api-key": "x-goog-api-key: ",
}


def credential_headers(style: AuthStyle, secret: str) -> list[str]:
    """The header line that carries ``secret``; none where there is no secret, or it is not to be sent."""
    return [_CREDENTIAL_HEADERS[style] + secret] if secret and style in _CREDENTIAL_HEADERS else []


# Whether a format is spoken at a base address, for an upstream model ("" for any).
Speaks = Callable[[str, str], bool]


def anywhere(base_url: str, model: str) -> bool:
    """Most providers have one address for all formats, and all models in each."""
    del base_url, model
    return True


def joined_url(base_url: str, path: str) -> str:
    """``path`` on ``base_url``; a `/v1` at the end of the one and the beginning of the other counts once."""
    base = base_url.rstrip("/")
    if path.startswith("/v1/"):
        base = base.removesuffix("/v1")
    return base + path


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One family and format. ``path`` is appended to the provider's `base_url`, ``{model}`` in it filled in (Gemini);
    ``stream_path`` is the path of streams where it is another. ``headers(request, conversation)`` adds what the
    provider demands: ``conversation`` is an opaque stable id of the member's conversation.

    ``speaks(base_url, model)`` is False where the provider is known not to speak this format: at that address of its
    own, or for that model. ``variants``: the adapter of upstream models that are spoken to otherwise; the first
    whose expression is found in the model's name counts (see ``for_model``).
    """

    family: str
    upstream: UpstreamFormat
    path: str
    stream_path: str = ""
    auth: AuthStyle = "bearer"
    quirks: Quirks = field(default_factory=Quirks)
    codes: CodeTable = NO_CODES
    headers: Callable[[ChatRequest, str], Mapping[str, str]] = no_headers
    speaks: Speaks = anywhere
    variants: "Sequence[tuple[re.Pattern[str], Adapter]]" = ()


def for_model(adapter: Adapter, model: str) -> Adapter:
    """The adapter as this upstream model wants it."""
    name = model.lower()
    return next((variant for pattern, variant in adapter.variants if pattern.search(name)), adapter)


def with_quirks(adapter: Adapter, *by_model: tuple[re.Pattern[str], Quirks]) -> Adapter:
    """The adapter with variants that differ in their quirks alone."""
    return replace(adapter, variants=tuple((pattern, replace(adapter, quirks=quirks)) for pattern, quirks in by_model))
