"""Who asks for a page, by which address, with which filters: everything a page's content may depend on.

Rules:
- the base URL is the configured one; else the address the page was asked by, with `X-Forwarded-Proto` believed of
  trusted proxies only; a `Host` that is none gives the server's own URL;
- of the query only the named arguments are read, and each only so far.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from tornado.httputil import HTTPServerRequest

from freetheai.addresses import is_within, parse_address
from freetheai.catalog import Model
from freetheai.config import Settings, SiteSettings

if TYPE_CHECKING:
    from handlers.services import Services

_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
# What can stand in a shell's, JSON's and Python's quotes as it is.
_PLAIN_ALIAS: Final = re.compile(r"[A-Za-z0-9][\w./:@+-]*", re.ASCII)
# Shown where the catalog has no model that everyone may use.
NO_ALIAS: Final = "provider/model"
_MAX_ARGUMENT_CHARS: Final = 100


@dataclass(frozen=True, slots=True)
class View:
    """One look at a page: ``root`` is the base URL without `/v1`, ``arguments`` what the query says."""

    services: "Services"
    root: str
    path: str
    arguments: Mapping[str, str]

    @property
    def site(self) -> SiteSettings:
        """Whose gateway it is."""
        return self.services.settings.site

    @property
    def slug(self) -> str:
        """The gateway's name as configuration files spell it: `freetheai`."""
        return re.sub(r"[^a-z0-9]+", "-", self.site.name.lower()).strip("-") or "gateway"

    @property
    def key_variable(self) -> str:
        """The environment variable that the snippets read the key from: `FREETHEAI_API_KEY`."""
        name = self.slug.replace("-", "_").upper()
        return f"{'_' if name[0].isdigit() else ''}{name}_API_KEY"

    @property
    def key(self) -> tuple[str, str, str]:
        """What a rendered page may be kept under."""
        return self.root, self.path, urlencode(sorted(self.arguments.items()))

    @property
    def example_alias(self) -> str:
        """Its alias, or a placeholder."""
        model = self.example_model()
        return model.id if model is not None else NO_ALIAS

    def example_model(self) -> Model | None:
        """The model that the snippets call: one that talks and that everyone may use."""
        shown = [model for model, _ in self.services.catalog.full_rows()]
        suited = [model for model in shown if model.supports_chat and not model.role_groups]
        return next((model for model in suited if _PLAIN_ALIAS.fullmatch(model.id)), None)


def view_of(request: HTTPServerRequest, services: "Services", arguments: Mapping[str, str]) -> View:
    """The look that a request takes; ``arguments`` names what is read of its query, with the defaults."""
    given = {}
    for name, default in arguments.items():
        values = request.query_arguments.get(name, [])
        text = values[-1].decode("utf-8", "replace").strip()[:_MAX_ARGUMENT_CHARS] if values else ""
        if text and text != default:
            given[name] = text
    path = "/" + request.path.strip("/")
    return View(services=services, root=root_url(request, services.settings), path=path, arguments=given)


def root_url(request: HTTPServerRequest, settings: Settings) -> str:
    """The base URL without `/v1`."""
    if settings.site.base_url:
        return settings.site.base_url.removesuffix("/v1")
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        return settings.server.public_url
    peer = parse_address(request.remote_ip or "")
    forwarded = request.headers.get("X-Forwarded-Proto", "").split(",")[-1].strip().lower()
    is_trusted = peer is None or is_within(peer, settings.server.trusted_proxies)
    scheme = forwarded if forwarded in ("http", "https") and is_trusted else "http"
    return f"{scheme}://{host}"
