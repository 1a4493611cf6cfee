"""Everything that is no route of ours: preflights, probes, and the answer for the rest."""

from freetheai import errors
from freetheai.errors import ApiError
from handlers.base import BaseHandler

ALLOWED_METHODS = "GET, POST, HEAD, OPTIONS"

# `*` does not cover Authorization in browsers, so names are always listed.
DEFAULT_ALLOWED_HEADERS = (
    "authorization, content-type, x-api-key, api-key, anthropic-version, anthropic-beta,"
    " anthropic-dangerous-direct-browser-access, openai-beta, openai-organization, openai-project,"
    " http-referer, x-title, idempotency-key, x-stainless-lang, x-stainless-package-version, x-stainless-os,"
    " x-stainless-arch, x-stainless-runtime, x-stainless-runtime-version, x-stainless-retry-count,"
    " x-stainless-timeout, x-stainless-read-timeout, x-stainless-async, x-stainless-helper,"
    " x-stainless-helper-method, x-stainless-raw-response"
)
_MAX_HEADER_CHARS = 4096


class PreflightHandler(BaseHandler):
    """`OPTIONS` anything: any origin, our methods, the headers that were asked for. No key, no gate, no count."""

    route = "preflight"

    def prepare(self) -> None:
        """Nothing refuses a preflight: its answer without CORS headers would hide every other error."""

    def options(self) -> None:
        """Answer 204 with what the browser may send."""
        asked = self.request.headers.get("Access-Control-Request-Headers", "")
        is_sane = len(asked) <= _MAX_HEADER_CHARS and asked.isprintable()
        self.set_header("Access-Control-Allow-Methods", ALLOWED_METHODS)
        self.set_header("Access-Control-Allow-Headers", asked if asked and is_sane else DEFAULT_ALLOWED_HEADERS)
        self.set_header("Access-Control-Max-Age", "86400")
        self.set_header("Vary", "Origin, Access-Control-Request-Headers")
        if self.request.headers.get("Access-Control-Request-Private-Network") == "true":
            self.set_header("Access-Control-Allow-Private-Network", "true")
        self.clear_header("Content-Type")
        self.set_status(204)
        self.finish()


class ProbeHandler(BaseHandler):
    """`GET` or `HEAD` of `/`, `/v1`, `/favicon.ico`: cheap, without a key; clients try these at their start."""

    route = "probe"

    def get(self) -> None:
        """Say what this is and where to go."""
        settings = self.services.settings
        base_url = settings.server.public_url.rstrip("/")
        self.send_json({"name": settings.site.name, "base_url": f"{base_url}/v1", "health": f"{base_url}/v1/health"})

    def head(self) -> None:
        """The same without a body."""
        self.set_status(200)
        self.finish()


class UnsupportedRouteHandler(BaseHandler):
    """Any other path, and any other method on a path that we have."""

    route = "unsupported"
    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS", "TRACE", "CONNECT")

    def prepare(self) -> None:
        """Refuse, with the way to what exists."""
        super().prepare()
        raise ApiError(
            errors.UNSUPPORTED_ROUTE,
            f"unsupported route: {(self.request.method or '')[:16]} {self.request.path[:200]!r} does not exist here."
            " Chat is POST /v1/chat/completions, /v1/messages or /v1/responses; models are GET /v1/models.",
        )
