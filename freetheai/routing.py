"""From an alias to attempts: which provider, which credential, in which format, and what comes next when one fails.

Rules:
- the next attempt is chosen when it is asked for, so what the last failure took out of service is left out;
- a credential is tried once a request for each alias; an alias' fallbacks follow in their order, not theirs in turn;
- a credential that turns out to have used up its plan's window does not count as an attempt;
- a fallback the member may not use, or that is switched off, is passed over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from adapters.base import Adapter, joined_url
from freetheai import clock, errors
from freetheai.catalog import Catalog, Model
from freetheai.errors import ApiError
from freetheai.providers import Credential, Provider, Providers
from freetheai.wire.formats import Target

# One first attempt and two more: enough to step over a bad credential, few enough not to double a member's wait.
MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: everything that is needed to call the provider."""

    model: Model
    provider: Provider
    credential: Credential
    adapter: Adapter
    target: Target

    def url(self, *, stream: bool) -> str:
        """Where to post: some providers have the model in the path, and another path for streams."""
        path = (stream and self.adapter.stream_path) or self.adapter.path
        return joined_url(self.provider.settings.base_url, path.replace("{model}", quote(self.target.model, safe="")))


class Router:
    """Plans attempts over the catalog and the providers as they are at that moment."""

    def __init__(self, catalog: Catalog, providers: Providers) -> None:
        self._catalog = catalog
        self._providers = providers

    def plan(self, model: Model, client_format: str, may_use: Callable[[Model], bool]) -> Iterator[Attempt]:
        """Attempts in order, at most three that count; none at all when nothing can serve now (see ``unavailable``)."""
        made = 0
        for candidate in self._candidates(model, may_use):
            provider = self._providers.find(candidate.prefix)
            adapter = provider.adapter_for(client_format, candidate.upstream_model) if provider else None
            if provider is None or adapter is None:
                continue
            tried: list[Credential] = []
            while made < MAX_ATTEMPTS:
                credential = provider.pick(candidate.upstream_model, tried, clock.monotonic_s())
                if credential is None:
                    break
                tried.append(credential)
                yield Attempt(
                    model=candidate,
                    provider=provider,
                    credential=credential,
                    adapter=adapter,
                    target=_target(candidate, adapter),
                )
                # To learn that a plan's window is used up costs the member no time: the next credential is free.
                made += not credential.is_in_window(clock.monotonic_s())

    def unavailable(self, model: Model) -> ApiError:
        """The refusal when nothing can serve ``model`` now, with the time until something may."""
        provider = self._providers.find(model.prefix)
        if provider is None:
            return ApiError(errors.PROVIDER_UNAVAILABLE)
        row, wait_s = provider.refusal(model.upstream_model, clock.monotonic_s())
        return ApiError(row, retry_after_s=wait_s or None)

    def _candidates(self, model: Model, may_use: Callable[[Model], bool]) -> Iterator[Model]:
        yield model
        for alias in model.fallbacks:
            fallback = self._catalog.find(alias)
            if fallback is not None and may_use(fallback):
                yield fallback


def _target(model: Model, adapter: Adapter) -> Target:
    return Target(
        model=model.upstream_model,
        origin=f"{adapter.family}:{model.upstream_model}",
        max_output_tokens=model.max_output_tokens,
        context_window=model.context_window,
        supports_image_input=model.supports_image_input,
    )
