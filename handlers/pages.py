"""The web pages, their static files, `llms.txt` and `/openapi.json`: served by this process, for readers.

Strategy: a page is values from ``site_content`` in a template of ``freetheai.web``, rendered at most once in a moment
and sent compressed with a tag. Scripts only add comfort: everything can be read without them.

Rules:
- nothing comes from elsewhere: the policy below allows this origin alone, no inline script and no inline style;
- no cookie is set, none is read;
- a page never depends on who asks; what people type in the playground never leaves their tab but for the API;
- on a path of both worlds (`/`, or one that is nothing) who asks for HTML gets a page, everyone else JSON.
"""

from typing import Final

import orjson
from tornado.httputil import HTTPServerRequest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.web import STATIC_PREFIX
from handlers import openapi
from handlers.base import BaseHandler
from handlers.fallback import ProbeHandler, UnsupportedRouteHandler
from handlers.guides import GUIDES
from handlers.site import Rendered
from handlers.site_content import PAGES, reference
from handlers.site_view import View, view_of

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HTML: Final = "text/html; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"
# Whatever is no page of ours but lies where pages lie.
_DOCUMENTS: Final = ("/llms.txt", "/openapi.json", "/robots.txt")
_A_YEAR: Final = "public, max-age=31536000, immutable"


def is_page(path: str) -> bool:
    """Whether ``path`` (as it was sent) is a page or one of the documents beside them."""
    path = "/" + path.strip("/")
    return path != "/" and (path in PAGES or path in _DOCUMENTS)


def is_static(path: str) -> bool:
    """Whether ``path`` is where static files lie."""
    return path.startswith(f"/{STATIC_PREFIX}/")


def wants_html(request: HTTPServerRequest) -> bool:
    """Whether a browser asks: clients of the API take anything, or JSON."""
    return "text/html" in request.headers.get("Accept", "")


class SiteHandler(BaseHandler):
    """What pages, files and documents have in common: the policy, compression, tags, errors that can be read."""

    route = "page"

    def set_default_headers(self) -> None:
        """Headers of every answer of the site."""
        super().set_default_headers()
        self._headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        self._headers["X-Content-Type-Options"] = "nosniff"
        self._headers["Referrer-Policy"] = "same-origin"
        self._headers["Cross-Origin-Opener-Policy"] = "same-origin"
        self._headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"

    async def head(self, *args: str) -> None:
        """The same without a body."""
        await self.get(*args)

    async def get(self, *args: str) -> None:
        """Answer; each kind its own way."""
        raise NotImplementedError

    def send(self, rendered: Rendered, content_type: str, cache: str = "no-cache") -> None:
        """Finish with ``rendered``, or with 304 where the browser has it."""
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", cache)
        self.set_header("Vary", "Accept, Accept-Encoding")
        self.set_header("ETag", rendered.etag)
        if rendered.etag in self.request.headers.get("If-None-Match", ""):
            self.clear_header("Content-Type")
            self.set_status(304)
            self.finish()
            return
        body = rendered.body
        if rendered.compressed and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            body = rendered.compressed
        self.finish(body)

    async def send_page(self, view: View) -> None:
        """Finish with a page, rendered a moment ago or now."""
        site = self.services.site
        rendered = site.kept(view)
        if rendered is None:
            page = PAGES[view.path]
            values = await page.fill(view)
            rendered = site.keep(view, site.render(page.template, view, page=page, **values))
        self.send(rendered, _HTML)

    def refuse(self, error: ApiError) -> None:
        """Finish with ``error``: as a page for people, else in the one envelope."""
        if not wants_html(self.request):
            super().refuse(error)
            return
        self.note_error(error)
        view = view_of(self.request, self.services, {})
        try:
            text = self.services.site.render("error.html", view, page=PAGES["/"], error=error)
        except Exception:  # the error page's own fault must not hide the error
            super().refuse(error)
            return
        for name, value in error.headers().items():
            self.set_header(name, value)
        self.set_header("Content-Type", _HTML)
        self.set_header("Cache-Control", "no-store")
        self.set_status(error.status)
        self.finish(text)


class PageHandler(SiteHandler):
    """`GET` of a page, `llms.txt`, `/openapi.json` or `/robots.txt`."""

    async def get(self, *args: str) -> None:
        """Answer the page that the path names."""
        del args
        path = "/" + self.request.path.strip("/")
        if path in PAGES:
            await self.send_page(view_of(self.request, self.services, PAGES[path].arguments))
            return
        view = view_of(self.request, self.services, {})
        site = self.services.site
        rendered = site.kept(view) or site.keep(view, self._document(view))
        self.send(rendered, "application/json" if path.endswith(".json") else _TEXT)

    def _document(self, view: View) -> str:
        if view.path == "/openapi.json":
            return orjson.dumps(openapi.document(view.site.name, view.root, view.example_alias)).decode()
        values = reference(view) | {"guides": GUIDES}
        return self.services.site.render_text(view.path.strip("/"), view, **values)


class RootHandler(ProbeHandler, SiteHandler):
    """`GET /`: the landing page for a browser, the probe's answer for everything else."""

    async def get(self, *args: str) -> None:  # type: ignore[override]
        """Answer the landing page, or the probe."""
        self.set_header("Vary", "Accept")
        if wants_html(self.request) and not self.request.path.strip("/"):
            await self.send_page(view_of(self.request, self.services, PAGES["/"].arguments))
            return
        ProbeHandler.get(self)

    async def head(self, *args: str) -> None:  # type: ignore[override]
        """The same without a body."""
        await self.get(*args)


class StaticHandler(SiteHandler):
    """`GET /static/HASH/NAME`: kept for a year under its own hash; under an old one the file as it is now."""

    route = "static"

    async def get(self, *args: str) -> None:
        """Answer the file."""
        del args
        asset = self.services.site.asset(self.request.path, self.services.settings.site)
        if asset is None:
            raise ApiError(errors.UNSUPPORTED_ROUTE, "unsupported route: there is no such file.")
        cache = _A_YEAR if asset.path == self.request.path else "no-cache"
        self.send(Rendered(asset.body, asset.compressed or b"", asset.etag, 0.0), asset.content_type, cache)


class MissingPageHandler(SiteHandler, UnsupportedRouteHandler):
    """Any other path outside `/v1`: a page that says so for a browser, the usual 400 for everything else."""

    route = "unsupported"

    def prepare(self) -> None:
        """Refuse; Tornado's hook."""
        if not wants_html(self.request):
            UnsupportedRouteHandler.prepare(self)
            return
        SiteHandler.prepare(self)

    async def get(self, *args: str) -> None:
        """Answer 404 with the way back."""
        del args
        view = view_of(self.request, self.services, {})
        self.set_status(404)
        self.set_header("Content-Type", _HTML)
        self.set_header("Cache-Control", "no-store")
        self.finish(self.services.site.render("missing.html", view, page=PAGES["/"]))
