"""The configured providers: their credentials, what is out of service, and how they have been doing.

Rules:
- whose fault it was decides: a verdict's scope takes out one model of a credential, the credential, or the provider;
  a client that left, a bad payload, a context error touch nothing (scope `request`);
- among usable credentials the least busy serves, so a pool shares its load;
- the circuit opens after `error_threshold` consecutive failures of the provider, lets one request through when its
  time is over, and closes on a success;
- times are seconds of the monotonic clock, given by the caller.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import adapters
from adapters.base import Adapter, Verdict
from freetheai import clock
from freetheai.config import ProviderSettings

_HEALTH_MINUTES: Final = 60
_CIRCUIT_DEFAULT_S: Final = 30.0


@dataclass(slots=True, eq=False)
class Credential:
    """One key of a provider's pool ("" where it needs none) and what it may not do until when."""

    secret: str
    busy: int = 0
    cooling_until_s: float = 0.0
    models_cooling_until_s: dict[str, float] = field(default_factory=dict)

    def free_at_s(self, model: str) -> float:
        """When this credential may serve ``model`` again."""
        return max(self.cooling_until_s, self.models_cooling_until_s.get(model, 0.0))


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
        self.consecutive_failures = 0
        self._open_until_s = 0.0
        self._is_probing = False

    @property
    def busy(self) -> int:
        """Requests running now."""
        return sum(credential.busy for credential in self.credentials)

    def adapter_for(self, client_format: str) -> Adapter | None:
        """The client's own format if this provider speaks it, else its first for generations."""
        generating = ("chat", "messages", "responses", "gemini")
        if client_format in self.adapters:
            return self.adapters[client_format]
        return next((adapter for name, adapter in self.adapters.items() if name in generating), None)

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
        if wait_s is not None and wait_s > 0:
            self._cool(credential, model, verdict, now_s + wait_s)
        if verdict.scope == "provider" or verdict.row.status >= 500:
            self._count_failure(now_s)

    def status(self, now_s: float) -> str:
        """`up`, `degraded` (something is out of service), `down` (nothing may serve), `unknown` (nothing tried yet)."""
        if all(credential.cooling_until_s > now_s for credential in self.credentials) or self._open_until_s > now_s:
            return "down"
        requests, _, errors = self.health.totals(30)
        if not requests:
            return "unknown"
        is_limping = any(credential.cooling_until_s > now_s for credential in self.credentials)
        return "degraded" if is_limping or errors * 2 > requests else "up"

    def _cool(self, credential: Credential, model: str, verdict: Verdict, until_s: float) -> None:
        if verdict.scope == "model":
            credential.models_cooling_until_s[model] = until_s
            return
        for one in self.credentials if verdict.scope == "provider" else [credential]:
            one.cooling_until_s = max(one.cooling_until_s, until_s)

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


class Providers:
    """All configured providers by alias prefix."""

    def __init__(self, settings: Mapping[str, ProviderSettings]) -> None:
        """Raises ``adapters.UnknownAdapterError`` naming the provider whose adapter does not exist."""
        self._providers: dict[str, Provider] = {}
        self.update(settings)

    def update(self, settings: Mapping[str, ProviderSettings]) -> None:
        """Take over new settings; a provider whose own have not changed keeps its state."""
        providers = {}
        for prefix, one in settings.items():
            known = self._providers.get(prefix)
            try:
                providers[prefix] = known if known and known.settings == one else Provider(prefix, one)
            except adapters.UnknownAdapterError as error:
                raise adapters.UnknownAdapterError(f"[providers.{prefix}] adapter: {error}") from error
        self._providers = providers

    def find(self, prefix: str) -> Provider | None:
        """The provider whose aliases begin with ``prefix``."""
        return self._providers.get(prefix)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())
