"""The configured providers: their credentials and what is out of service. How they do is counted in `freetheai.live`.

Rules:
- whose fault it was decides: a verdict's scope takes out one model of a credential, the credential, or the provider;
  a client that left, a bad payload, a context error touch nothing (scope `request`);
- among usable credentials the least busy serves, so a pool shares its load;
- our own trouble (a credential, a balance, a model that is gone) never counts as the provider's failure;
- a second credential that finds a model overloaded speaks for all of them: the model rests with the whole pool;
- a plan's used-up window rests the credential until its reset and is remembered: once all credentials that could serve
  are in one, the refusal says so (``refusal``), with the time to the first reset. A window may end early (the plan was
  raised): now and then one request is let through to see, and its success ends the window;
- the circuit opens after `error_threshold` consecutive failures of the provider, lets one request through when its
  time is over, and closes on a success;
- times are seconds of the monotonic clock, given by the caller.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import adapters
from adapters.base import Adapter, Verdict, for_model
from adapters.media import MediaAdapter, MediaFormat
from freetheai import errors
from freetheai.config import ProviderSettings
from freetheai.credentials import PROBE_WINDOW_EVERY_S, Credential, Place
from freetheai.errors import ErrorSpec
from freetheai.limits.windows import UsedWindow

# What members are told of a used-up window, by the type that stands for it in Redis.
_WINDOW_ROWS: Final = {row.type: row for row in (errors.GLM_DEPLETED, errors.PROVIDER_UNAVAILABLE, errors.RATE_LIMIT)}
# A window without any known reset is asked again after this (seconds).
_WINDOW_DEFAULT_S: Final = 300.0
_CIRCUIT_DEFAULT_S: Final = 30.0
_MAX_CHOSEN: Final = 4096
_GENERATING: Final = ("chat", "messages", "responses", "gemini")


# Told how a request ended that a provider is to be judged by: provider, alias, whether it answered well.
OnOutcome = Callable[[str, str, bool], None]
# Told of a quota window: used up for ``left_s`` more seconds, or with 0 that it is not.
OnWindow = Callable[[UsedWindow], None]


@dataclass(frozen=True, slots=True)
class Outage:
    """How much of a provider is out of service: nothing (``""``), some of it, all; ``left_s`` until that ends."""

    extent: Literal["", "limping", "down"] = ""
    left_s: float = 0.0


class Provider:
    """One provider: how to speak to it and which of its credentials may serve now."""

    def __init__(self, prefix: str, settings: ProviderSettings) -> None:
        """Raises ``adapters.UnknownAdapterError`` when the adapter or one of its formats does not exist."""
        self.prefix = prefix
        self.settings = settings
        formats = tuple(settings.formats) or adapters.formats_of(settings.adapter)
        found = {name: adapters.find(settings.adapter, name) for name in formats}
        self.adapters: Mapping[str, Adapter] = {
            name: adapter for name, adapter in found.items() if isinstance(adapter, Adapter)
        }
        self.media: Mapping[str, MediaAdapter] = {
            name: adapter for name, adapter in found.items() if isinstance(adapter, MediaAdapter)
        }
        self.credentials = [Credential(secret.reveal()) for secret in settings.api_keys] or [Credential("")]
        self.on_outcome: OnOutcome | None = None
        # Told of each window that a request of this process has run into, or has found open again.
        self.on_window: OnWindow | None = None
        self.consecutive_failures = 0
        self._open_until_s = 0.0
        # The one request that an open circuit has let through.
        self._probe: Place | None = None
        # By model, the credential that found it overloaded last; forgotten on a success.
        self._overloaded: dict[str, Credential] = {}
        # What ``adapter_for`` has found, by client format and model: it never changes.
        self._chosen: dict[tuple[str, str], Adapter | None] = {}

    @property
    def busy(self) -> int:
        """Requests running now."""
        return sum(credential.busy for credential in self.credentials)

    def adapter_for(self, client_format: str, model: str = "") -> Adapter | None:
        """The client's own format if this provider speaks it (to that upstream model), else its first for generations.

        Where the provider is known to speak none of the configured formats, the configuration is believed.
        """
        key = (client_format, model)
        if key not in self._chosen:
            if len(self._chosen) >= _MAX_CHOSEN:
                self._chosen.clear()
            self._chosen[key] = self._choose_adapter(client_format, model)
        return self._chosen[key]

    def _choose_adapter(self, client_format: str, model: str) -> Adapter | None:
        base_url = self.settings.base_url
        for name in (model, ""):
            spoken = {key: one for key, one in self.adapters.items() if one.speaks(base_url, name)}
            if adapter := _suitable(spoken, client_format):
                return for_model(adapter, model)
        adapter = _suitable(self.adapters, client_format)
        return adapter and for_model(adapter, model)

    def media_adapter_for(self, media_format: MediaFormat, model: str = "") -> MediaAdapter | None:
        """The adapter of a media format, if this provider speaks it (to that upstream model)."""
        adapter = self.media.get(media_format)
        return adapter if adapter is not None and adapter.speaks(self.settings.base_url, model) else None

    def pick(self, model: str, tried: Iterable[Credential], now_s: float) -> Credential | None:
        """The least busy credential that may serve ``model`` now and is not in ``tried``."""
        if self._is_closed_off(now_s) or self._is_full():
            return None
        exclude = set(map(id, tried))
        left = [credential for credential in self.credentials if id(credential) not in exclude]
        usable = [credential for credential in left if credential.free_at_s(model) <= now_s]
        if usable:
            return min(usable, key=lambda credential: credential.busy)
        return next((credential for credential in left if credential.may_probe_window(model, now_s)), None)

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

    def begin(self, credential: Credential, now_s: float) -> Place:
        """A request starts on ``credential``; give its place back to ``end``."""
        place = Place(credential, probes_window=credential.is_in_window(now_s))
        credential.busy += 1
        if place.probes_window:
            credential.probe_window_at_s = now_s + PROBE_WINDOW_EVERY_S
        if self._open_until_s:
            self._probe = place
        return place

    def end(self, place: Place) -> None:
        """That request is over, however it went."""
        place.credential.busy -= 1
        # Requests from before the circuit opened may end while the probe runs.
        if self._probe is place:
            self._probe = None

    def succeeded(self, place: Place, model: str, alias: str = "") -> None:
        """It answered well: the circuit closes, the credential is fine. ``alias``: what it was asked as."""
        credential = place.credential
        self.consecutive_failures = 0
        self._open_until_s = 0.0
        self._overloaded.pop(model, None)
        credential.models_cooling_until_s.pop(model, None)
        # An answer that was already running when the window was used up says nothing of it.
        if place.probes_window and credential.window is not None:
            self._report_window(credential, credential.window, 0.0)
            credential.open_window()
        self._tell(alias or f"{self.prefix}/{model}", is_success=True)

    def failed(self, credential: Credential, model: str, verdict: Verdict, now_s: float, alias: str = "") -> None:
        """It failed: what ``verdict`` names is out of service for the provider's own wait, else the configured one."""
        if verdict.scope == "request":
            return
        self._tell(alias or f"{self.prefix}/{model}", is_success=False)
        wait_s = self._wait_s(verdict)
        if wait_s > 0:
            self._cool(credential, model, verdict, now_s, now_s + wait_s)
        if is_providers_fault(verdict):
            self._count_failure(now_s)
            self._note_overload(credential, model, verdict, now_s)

    def outage(self, now_s: float) -> Outage:
        """How much is out of service now: for everyone who asks, requests for all models taken together."""
        waits = [max(0.0, credential.rests_until_s - now_s) for credential in self.credentials]
        left_s = max(min(waits), self._open_until_s - now_s)
        if left_s > 0:
            return Outage("down", left_s)
        # A circuit whose time is over lets one request at a time through until a success.
        return Outage("limping", max(waits)) if any(waits) or self._open_until_s else Outage()

    def models_out(self, now_s: float) -> dict[str, float]:
        """The upstream models that no credential may serve now, and for how long (seconds) yet."""
        resting = {model for one in self.credentials for model in one.models_cooling_until_s}
        waits = {model: min(one.free_at_s(model) for one in self.credentials) - now_s for model in resting}
        return {model: wait_s for model, wait_s in waits.items() if wait_s > 0}

    def _tell(self, alias: str, *, is_success: bool) -> None:
        if self.on_outcome is not None:
            self.on_outcome(self.prefix, alias, is_success)

    def _report_window(self, credential: Credential, row: ErrorSpec, left_s: float) -> None:
        if self.on_window is not None:
            window = UsedWindow(provider=self.prefix, credential=credential.fingerprint, row=row.type, left_s=left_s)
            self.on_window(window)

    def _wait_s(self, verdict: Verdict) -> float:
        """How long what failed rests: as the provider says, else as configured where it asked for a rest; else 0."""
        wait_s = verdict.retry_after_s
        if wait_s is None and (verdict.row.status == 429 or verdict.scope == "key"):
            wait_s = self.settings.cooldown_seconds
        if verdict.is_window and not wait_s:
            wait_s = verdict.row.retry_after_s or _WINDOW_DEFAULT_S
        return wait_s or 0.0

    def _cool(self, credential: Credential, model: str, verdict: Verdict, now_s: float, until_s: float) -> None:
        if verdict.scope == "model":
            credential.models_cooling_until_s[model] = until_s
            return
        if verdict.is_window:
            credential.close_window(verdict.row, until_s, now_s)
            self._report_window(credential, verdict.row, until_s - now_s)
            return
        for one in self.credentials if verdict.scope == "provider" else [credential]:
            one.cooling_until_s = max(one.cooling_until_s, until_s)
        if verdict.scope == "key" and verdict.needs_staff:
            credential.staff_until_s = max(credential.staff_until_s, until_s)

    def _count_failure(self, now_s: float) -> None:
        self.consecutive_failures += 1
        is_open = now_s < self._open_until_s
        if self.consecutive_failures >= self.settings.error_threshold > 0 and not is_open:
            self._open_until_s = now_s + (self.settings.cooldown_seconds or _CIRCUIT_DEFAULT_S)

    def _note_overload(self, credential: Credential, model: str, verdict: Verdict, now_s: float) -> None:
        """Rest the whole pool for ``model`` once two credentials in a row found it overloaded."""
        if verdict.row is not errors.PROVIDER_UNAVAILABLE or verdict.scope != "model":
            return
        last = self._overloaded.get(model)
        self._overloaded[model] = credential
        if last is None or last is credential:
            return
        wait_s = self.settings.cooldown_seconds if verdict.retry_after_s is None else verdict.retry_after_s
        if wait_s > 0:
            for one in self.credentials:
                known_s = one.models_cooling_until_s.get(model, 0.0)
                one.models_cooling_until_s[model] = max(known_s, now_s + wait_s)

    def _is_closed_off(self, now_s: float) -> bool:
        """Open circuit: nobody passes before its time, then one at a time until a success."""
        return bool(self._open_until_s) and (now_s < self._open_until_s or self._probe is not None)

    def _is_full(self) -> bool:
        bound = self.settings.max_concurrency
        return bool(bound) and self.busy >= bound


def is_providers_fault(verdict: Verdict) -> bool:
    """Whether the provider as such failed: not the request, and nothing of ours there (credential, balance, model)."""
    if verdict.scope == "provider":
        return True
    return verdict.scope == "model" and verdict.row.status >= 500 and not verdict.needs_staff


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
        self.on_window: OnWindow | None = None
        # Told of each outcome, whatever the provider.
        self.on_outcome: OnOutcome | None = None
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
            provider.on_outcome = self._ended
        self._providers = providers

    def learn(self, windows: Iterable[UsedWindow], now_s: float) -> None:
        """Take over used-up windows that other processes have run into; unknown credentials are passed over."""
        for window in windows:
            for credential in self._named(window.provider, window.credential):
                if window.row in _WINDOW_ROWS:
                    credential.close_window(_WINDOW_ROWS[window.row], now_s + window.left_s, now_s)

    def open_window(self, prefix: str, fingerprint: str) -> None:
        """Take over that another process has found a window open again."""
        for credential in self._named(prefix, fingerprint):
            credential.open_window()

    def _named(self, prefix: str, fingerprint: str) -> Iterator[Credential]:
        provider = self._providers.get(prefix)
        for credential in provider.credentials if provider is not None else ():
            if credential.fingerprint == fingerprint:
                yield credential

    def find(self, prefix: str) -> Provider | None:
        """The provider whose aliases begin with ``prefix``."""
        return self._providers.get(prefix)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def _ended(self, prefix: str, alias: str, is_success: bool) -> None:
        if self.on_outcome is not None:
            self.on_outcome(prefix, alias, is_success)

    def _window_used_up(self, window: UsedWindow) -> None:
        if self.on_window is not None:
            self.on_window(window)
