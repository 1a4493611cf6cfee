"""The configured providers: their credentials, what is out of service, and how they have been doing.

Rules:
- whose fault it was decides: a verdict's scope takes out one model of a credential, the credential, or the provider;
  a client that left, a bad payload, a context error touch nothing (scope `request`);
- among usable credentials the least busy serves, so a pool shares its load;
- a plan's used-up window rests the credential until its reset and is remembered: once all credentials that could serve
  are in one, the refusal says so (``refusal``), with the time to the first reset;
- the circuit opens after `error_threshold` consecutive failures of the provider, lets one request through when its
  time is over, and closes on a success;
- times are seconds of the monotonic clock, given by the caller.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import adapters
from adapters.base import Adapter, Verdict, for_model
from freetheai import clock, errors
from freetheai.config import ProviderSettings
from freetheai.errors import ErrorSpec
from freetheai.limits.windows import UsedWindow

# Rows that mean a plan's window is used up: only its reset helps, and the member is told so.
WINDOW_ROWS: Final = frozenset({errors.GLM_DEPLETED})
_HEALTH_MINUTES: Final = 60
_CIRCUIT_DEFAULT_S: Final = 30.0
_GENERATING: Final = ("chat", "messages", "responses", "gemini")


@dataclass(slots=True, eq=False)
class Credential:
    """One key of a provider's pool ("" where it needs none) and what it may not do until when.

    ``window``: the row of the quota window it has used up, until ``window_until_s``. Until ``staff_until_s`` it rests
    for what only staff can mend: it is not expected back by itself.
    """

    secret: str
    busy: int = 0
    cooling_until_s: float = 0.0
    models_cooling_until_s: dict[str, float] = field(default_factory=dict)
    window: ErrorSpec | None = None
    window_until_s: float = 0.0
    staff_until_s: float = 0.0

    @property
    def fingerprint(self) -> str:
        """What names the secret without telling it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()[:16]

    def free_at_s(self, model: str) -> float:
        """When this credential may serve ``model`` again."""
        return max(self.cooling_until_s, self.models_cooling_until_s.get(model, 0.0))

    def close_window(self, row: ErrorSpec, until_s: float) -> None:
        """Its plan's window is used up until then; of two reports the later reset counts."""
        self.window = row
        self.window_until_s = max(self.window_until_s, until_s)
        self.cooling_until_s = max(self.cooling_until_s, until_s)

    def is_in_window(self, now_s: float) -> bool:
        """Whether a used-up window keeps it from serving."""
        return self.window is not None and self.window_until_s > now_s


@dataclass(slots=True)
class _Minute:
    number: int
    requests: int = 0
    successes: int = 0
    errors: int = 0


class Health:
    """Requests, successes and errors of the last hour, by minute; in this process."""

    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque(maxlen=_HEALTH_MINUTES)
        self.last_success_s = 0.0
        self.last_error_s = 0.0

    def count(self, *, is_success: bool) -> None:
        """One finished request that this provider is to be judged by."""
        now_s = clock.now_s()
        number = int(now_s // 60)
        if not self._minutes or self._minutes[-1].number != number:
            self._minutes.append(_Minute(number))
        minute = self._minutes[-1]
        minute.requests += 1
        if is_success:
            minute.successes += 1
            self.last_success_s = now_s
        else:
            minute.errors += 1
            self.last_error_s = now_s

    def totals(self, minutes: int) -> tuple[int, int, int]:
        """Requests, successes and errors of the last ``minutes`` minutes (at most 60)."""
        oldest = int(clock.now_s() // 60) - minutes + 1
        recent = [minute for minute in self._minutes if minute.number >= oldest]
        return (
            sum(minute.requests for minute in recent),
            sum(minute.successes for minute in recent),
            sum(minute.errors for minute in recent),
        )


class Provider:
    """One provider: how to speak to it and which of its credentials may serve now."""

    def __init__(self, prefix: str, settings: ProviderSettings) -> None:
        """Raises ``adapters.UnknownAdapterError`` when the adapter or one of its formats does not exist."""
        self.prefix = prefix
        self.settings = settings
        formats = tuple(settings.formats) or adapters.formats_of(settings.adapter)
        self.adapters: Mapping[str, Adapter] = {name: adapters.find(settings.adapter, name) for name in formats}
        self.credentials = [Credential(secret.reveal()) for secret in settings.api_keys] or [Credential("")]
        self.health = Health()
        # Told of each window that a request of this process has run into.
        self.on_window: Callable[[UsedWindow], None] | None = None
        self.consecutive_failures = 0
        self._open_until_s = 0.0
        self._is_probing = False

    @property
    def busy(self) -> int:
        """Requests running now."""
        return sum(credential.busy for credential in self.credentials)

    def adapter_for(self, client_format: str, model: str = "") -> Adapter | None:
        """The client's own format if this provider speaks it (to that upstream model), else its first for generations.

        Where the provider is known to speak none of the configured formats, the configuration is believed.
        """
        base_url = self.settings.base_url
        for name in (model, ""):
            spoken = {key: one for key, one in self.adapters.items() if one.speaks(base_url, name)}
            if adapter := _suitable(spoken, client_format):
                return for_model(adapter, model)
        adapter = _suitable(self.adapters, client_format)
        return adapter and for_model(adapter, model)

    def pick(self, model: str, tried: Iterable[Credential], now_s: float) -> Credential | None:
        """The least busy credential that may serve ``model`` now and is not in ``tried``."""
        if self._is_closed_off(now_s) or self._is_full():
            return None
        exclude = set(map(id, tried))
        usable = [
            credential
            for credential in self.credentials
            if id(credential) not in exclude and credential.free_at_s(model) <= now_s
        ]
        return min(usable, key=lambda credential: credential.busy, default=None)

    def wait_s(self, model: str, now_s: float) -> float:
        """Seconds until some credential may serve ``model`` again; 0 when one may now."""
        soonest_s = min(credential.free_at_s(model) for credential in self.credentials)
        return max(0.0, soonest_s - now_s, self._open_until_s - now_s)

    def refusal(self, model: str, now_s: float) -> tuple[ErrorSpec, float]:
        """The row and wait (seconds) of a request for ``model`` that nothing here can serve now.

        A window's own row only when every credential that could serve, staff's business aside, has used its window up.
        """
        able = [credential for credential in self.credentials if credential.staff_until_s <= now_s]
        rows = [credential.window for credential in able if credential.is_in_window(now_s)]
        if rows and len(rows) == len(able) and rows[0] is not None:
            return rows[0], min(credential.free_at_s(model) for credential in able) - now_s
        return errors.PROVIDER_UNAVAILABLE, self.wait_s(model, now_s)

    def begin(self, credential: Credential) -> None:
        """A request starts on ``credential``."""
        credential.busy += 1
        if self._open_until_s:
            self._is_probing = True

    def end(self, credential: Credential) -> None:
        """That request is over, however it went."""
        credential.busy -= 1
        self._is_probing = False

    def succeeded(self, credential: Credential, model: str) -> None:
        """It answered well: the circuit closes, the credential is fine."""
        self.consecutive_failures = 0
        self._open_until_s = 0.0
        credential.models_cooling_until_s.pop(model, None)
        self.health.count(is_success=True)

    def failed(self, credential: Credential, model: str, verdict: Verdict, now_s: float) -> None:
        """It failed: what ``verdict`` names is out of service for the provider's own wait, else the configured one."""
        if verdict.scope == "request":
            return
        self.health.count(is_success=False)
        wait_s = verdict.retry_after_s
        if verdict.row.status == 429 or verdict.scope == "key":
            wait_s = self.settings.cooldown_seconds if wait_s is None else wait_s
        if verdict.row in WINDOW_ROWS and not wait_s:
            wait_s = verdict.row.retry_after_s
        if wait_s is not None and wait_s > 0:
            self._cool(credential, model, verdict, now_s, now_s + wait_s)
        if verdict.scope == "provider" or verdict.row.status >= 500:
            self._count_failure(now_s)

    def status(self, now_s: float) -> str:
        """`up`, `degraded` (something is out of service), `down` (nothing may serve), `unknown` (nothing tried yet)."""
        if all(credential.cooling_until_s > now_s for credential in self.credentials) or self._open_until_s > now_s:
            return "down"
        requests, _, failures = self.health.totals(30)
        if not requests:
            return "unknown"
        is_limping = any(credential.cooling_until_s > now_s for credential in self.credentials)
        return "degraded" if is_limping or failures * 2 > requests else "up"

    def _report_window(self, credential: Credential, row: ErrorSpec, left_s: float) -> None:
        if self.on_window is not None:
            window = UsedWindow(provider=self.prefix, credential=credential.fingerprint, row=row.type, left_s=left_s)
            self.on_window(window)

    def _cool(self, credential: Credential, model: str, verdict: Verdict, now_s: float, until_s: float) -> None:
        if verdict.scope == "model":
            credential.models_cooling_until_s[model] = until_s
            return
        for one in self.credentials if verdict.scope == "provider" else [credential]:
            one.cooling_until_s = max(one.cooling_until_s, until_s)
        if verdict.row in WINDOW_ROWS:
            credential.close_window(verdict.row, until_s)
            self._report_window(credential, verdict.row, until_s - now_s)
        elif verdict.scope == "key" and verdict.needs_staff:
            credential.staff_until_s = max(credential.staff_until_s, until_s)

    def _count_failure(self, now_s: float) -> None:
        self.consecutive_failures += 1
        if self.consecutive_failures >= self.settings.error_threshold > 0:
            self._open_until_s = now_s + (self.settings.cooldown_seconds or _CIRCUIT_DEFAULT_S)

    def _is_closed_off(self, now_s: float) -> bool:
        """Open circuit: nobody passes before its time, then one at a time until a success."""
        return bool(self._open_until_s) and (now_s < self._open_until_s or self._is_probing)

    def _is_full(self) -> bool:
        bound = self.settings.max_concurrency
        return bool(bound) and self.busy >= bound


def _suitable(known: Mapping[str, Adapter], client_format: str) -> Adapter | None:
    if client_format in known:
        return known[client_format]
    return next((adapter for name, adapter in known.items() if name in _GENERATING), None)


def _made_anew(prefix: str, settings: ProviderSettings, known: Provider | None) -> Provider:
    provider = Provider(prefix, settings)
    if known is not None and (known.settings.adapter, known.settings.base_url) == (settings.adapter, settings.base_url):
        kept = {credential.secret: credential for credential in known.credentials}
        provider.credentials = [kept.pop(one.secret, one) for one in provider.credentials]
    return provider


class Providers:
    """All configured providers by alias prefix."""

    def __init__(self, settings: Mapping[str, ProviderSettings]) -> None:
        """Raises ``adapters.UnknownAdapterError`` naming the provider whose adapter does not exist."""
        self._providers: dict[str, Provider] = {}
        # Told of each window that a request of this process has run into, whatever the provider.
        self.on_window: Callable[[UsedWindow], None] | None = None
        self.update(settings)

    def update(self, settings: Mapping[str, ProviderSettings]) -> None:
        """Take over new settings; a provider whose own have not changed keeps its state, and at the same address each
        credential that is still in the pool keeps its own.
        """
        providers = {}
        for prefix, one in settings.items():
            known = self._providers.get(prefix)
            try:
                providers[prefix] = known if known and known.settings == one else _made_anew(prefix, one, known)
            except adapters.UnknownAdapterError as error:
                raise adapters.UnknownAdapterError(f"[providers.{prefix}] adapter: {error}") from error
        for provider in providers.values():
            provider.on_window = self._window_used_up
        self._providers = providers

    def learn(self, windows: Iterable[UsedWindow], now_s: float) -> None:
        """Take over used-up windows that other processes have run into; unknown credentials are passed over."""
        rows = {row.type: row for row in WINDOW_ROWS}
        for window in windows:
            provider = self._providers.get(window.provider)
            for credential in provider.credentials if provider is not None else ():
                if credential.fingerprint == window.credential and window.row in rows:
                    credential.close_window(rows[window.row], now_s + window.left_s)

    def find(self, prefix: str) -> Provider | None:
        """The provider whose aliases begin with ``prefix``."""
        return self._providers.get(prefix)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def _window_used_up(self, window: UsedWindow) -> None:
        if self.on_window is not None:
            self.on_window(window)
