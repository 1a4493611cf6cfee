"""From an alias to attempts: which provider, which credential, in which format, and what comes next when one fails.

Rules:
- the next attempt is chosen when it is asked for, so what the last failure took out of service is left out;
- a credential is tried once a request for each alias; an alias' fallbacks follow in their order, not theirs in turn;
- a failure of the provider itself is believed the second time (at once when nobody was there): its other credentials
  are spared, the fallbacks are next;
- a credential that turns out to have used up its plan's window does not count as an attempt;
- a fallback the member may not use, that is switched off, or that can't carry this request, is passed over.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from adapters.base import Adapter, CodeTable, Verdict, joined_url
from adapters.media import MediaAdapter, MediaFormat
from freetheai import clock, errors, ids
from freetheai.catalog import Catalog, Model
from freetheai.credentials import Credential
from freetheai.errors import ApiError
from freetheai.providers import Provider, Providers, is_providers_fault
from freetheai.wire.formats import Target

# One first attempt and two more: enough to step over a bad credential, few enough not to double a member's wait.
MAX_ATTEMPTS = 3
# So many failures of the provider itself are not its credentials' fault.
_ENOUGH_FAULTS: Final = 2
_MAX_KNOWN: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyAttempt:
    """One try, whatever is asked for: the alias, who serves it, and with which credential."""

    model: Model
    provider: Provider
    credential: Credential
    target: Target

    @property
    def format(self) -> str:
        """How the provider is spoken to."""
        raise NotImplementedError

    @property
    def codes(self) -> CodeTable:
        """What its failures mean."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(AnyAttempt):
    """One try at a generation: everything that is needed to call the provider."""

    adapter: Adapter

    @property
    def format(self) -> str:
        """How the provider is spoken to."""
        return self.adapter.upstream.name

    @property
    def codes(self) -> CodeTable:
        """What its failures mean."""
        return self.adapter.codes

    def url(self, *, stream: bool) -> str:
        """Where to post: some providers have the model in the path, and another path for streams."""
        path = (stream and self.adapter.stream_path) or self.adapter.path
        return _url(self.provider.settings.base_url, path, self.target.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAttempt(AnyAttempt):
    """One try at speech, a transcription, images or a video."""

    adapter: MediaAdapter

    @property
    def format(self) -> str:
        """How the provider is spoken to."""
        return self.adapter.format

    @property
    def codes(self) -> CodeTable:
        """What its failures mean."""
        return self.adapter.codes

    def url(self, path: str) -> str:
        """Where ``path`` is at this provider."""
        return joined_url(self.provider.settings.base_url, path)


MayUse = Callable[[Model], bool]
Made = TypeVar("Made", bound=AnyAttempt)
# Makes the attempt with a credential.
_Make = Callable[[Credential], Made]


# A candidate: the alias, its provider, and how an attempt is made of a credential.
_Candidate = tuple[Model, Provider, _Make[Made]]


class Plan(Generic[Made]):
    """The attempts of one request. Tell it of each that failed before asking for the next.

    No generator that knows its plan: the cycle would keep the request, an upload with it, until the next collection.
    """

    def __init__(self, candidates: Iterator[_Candidate[Made]]) -> None:
        self._candidates = candidates
        self._candidate: _Candidate[Made] | None = None
        self._tried: list[Credential] = []
        self._made = 0
        self._faults = 0
        self._last: Credential | None = None

    def __iter__(self) -> Iterator[Made]:
        return self

    def __next__(self) -> Made:
        # To learn that a plan's window is used up costs the member no time: the next credential is free.
        if self._last is not None and not self._last.is_in_window(clock.monotonic_s()):
            self._made += 1
        self._last = None
        while self._made < MAX_ATTEMPTS:
            if self._candidate is None:
                self._candidate = next(self._candidates)
                self._tried.clear()
                self._faults = 0
            model, provider, make = self._candidate
            credential = provider.pick(model.upstream_model, self._tried, clock.monotonic_s())
            if credential is not None:
                self._tried.append(credential)
                self._last = credential
                return make(credential)
            self._candidate = None
        raise StopIteration

    def failed(self, verdict: Verdict) -> None:
        """The last attempt came to this."""
        self._faults += is_providers_fault(verdict)
        if verdict.scope == "provider" or self._faults >= _ENOUGH_FAULTS:
            self._candidate = None

    def refused(self) -> None:
        """The last attempt's alias can't carry this request, with whatever credential: it was none."""
        self._candidate = self._last = None


class Router:
    """Plans attempts over the catalog and the providers as they are at that moment."""

    def __init__(self, catalog: Catalog, providers: Providers) -> None:
        self._catalog = catalog
        self._providers = providers
        # What was worked out of a catalog row, by alias: good as long as the row is the same object.
        self._targets: dict[str, tuple[Model, str, Target]] = {}

    def plan(self, model: Model, client_format: str, may_use: MayUse) -> Plan[Attempt]:
        """Attempts in order, at most three that count; none at all when nothing can serve now (see ``unavailable``)."""

        def maker(candidate: Model, provider: Provider) -> _Make[Attempt] | None:
            adapter = provider.adapter_for(client_format, candidate.upstream_model)
            if adapter is None:
                return None
            target = self._target(candidate, adapter.family)
            return lambda credential: Attempt(
                model=candidate, provider=provider, credential=credential, adapter=adapter, target=target
            )

        return self._plan(model, may_use, maker)

    def plan_media(self, model: Model, media_format: MediaFormat, route: str, may_use: MayUse) -> Plan[MediaAttempt]:
        """The same for media; a fallback counts only if it serves ``route`` too."""

        def maker(candidate: Model, provider: Provider) -> _Make[MediaAttempt] | None:
            adapter = provider.media_adapter_for(media_format, candidate.upstream_model)
            if adapter is None:
                return None
            target = self._target(candidate, adapter.family)
            return lambda credential: MediaAttempt(
                model=candidate, provider=provider, credential=credential, adapter=adapter, target=target
            )

        return self._plan(model, lambda fallback: fallback.serves(route) and may_use(fallback), maker)

    def _plan(
        self, model: Model, may_use: MayUse, maker: Callable[[Model, Provider], _Make[Made] | None]
    ) -> Plan[Made]:
        def candidates() -> Iterator[_Candidate[Made]]:
            for candidate in self._candidates(model, may_use):
                provider = self._providers.find(candidate.prefix)
                make = maker(candidate, provider) if provider is not None else None
                if provider is not None and make is not None:
                    yield candidate, provider, make

        return Plan(candidates())

    def unavailable(self, model: Model) -> ApiError:
        """The refusal when nothing can serve ``model`` now, with the time until something may."""
        provider = self._providers.find(model.prefix)
        row, wait_s = errors.PROVIDER_UNAVAILABLE, 0.0
        if provider is not None:
            row, wait_s = provider.refusal(model.upstream_model, clock.monotonic_s())
        return ApiError(
            row, retry_after_s=wait_s or None, error_id=ids.error_id(model.prefix) if row.has_error_id else ""
        )

    def _target(self, model: Model, family: str) -> Target:
        known = self._targets.get(model.id)
        if known is not None and known[0] is model and known[1] == family:
            return known[2]
        if len(self._targets) >= _MAX_KNOWN:
            self._targets.clear()
        target = _target(model, family)
        self._targets[model.id] = model, family, target
        return target

    def _candidates(self, model: Model, may_use: MayUse) -> Iterator[Model]:
        yield model
        for alias in model.fallbacks:
            fallback = self._catalog.find(alias)
            if fallback is not None and may_use(fallback):
                yield fallback


@functools.lru_cache(maxsize=_MAX_KNOWN)
def _url(base_url: str, path: str, model: str) -> str:
    return joined_url(base_url, path.replace("{model}", quote(model, safe="")))


def _target(model: Model, family: str) -> Target:
    return Target(
        model=model.upstream_model,
        origin=f"{family}:{model.upstream_model}",
        max_output_tokens=model.max_output_tokens,
        context_window=model.context_window,
        supports_image_input=model.supports_image_input,
    )
