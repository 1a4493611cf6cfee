"""Which handler answers which path, and how much a path may be misspelt.

Rules:
- the path alone decides; a query string changes nothing; nothing is ever redirected;
- every route answers with `/v1`, without it, with it twice, with doubled and with trailing slashes: people paste base
  URLs into clients that append their own;
- an alias in a path keeps its slashes, raw or percent-encoded.
"""

from typing import Any, Final
from urllib.parse import unquote

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application, RequestHandler

from handlers.body import BoundedBody
from handlers.chat import ChatHandler
from handlers.count_tokens import CountTokensHandler
from handlers.fallback import PreflightHandler, ProbeHandler, UnsupportedRouteHandler
from handlers.health import HealthHandler
from handlers.messages import MessagesHandler
from handlers.models import ModelHandler, ModelsHandler
from handlers.responses import ResponsesHandler
from handlers.services import Services

# (method, path without /v1) -> handler
ROUTES: Final[dict[tuple[str, str], type[RequestHandler]]] = {
    ("POST", "chat/completions"): ChatHandler,
    ("POST", "messages"): MessagesHandler,
    ("POST", "messages/count_tokens"): CountTokensHandler,
    ("POST", "responses"): ResponsesHandler,
    ("GET", "models"): ModelsHandler,
    ("GET", "health"): HealthHandler,
    ("GET", ""): ProbeHandler,
    ("HEAD", ""): ProbeHandler,
    ("GET", "favicon.ico"): ProbeHandler,
    ("HEAD", "favicon.ico"): ProbeHandler,
}
_MODEL_PREFIX: Final = "models/"


def resolve(method: str, path: str) -> tuple[type[RequestHandler], list[str]]:
    """The handler for a request line's method and path, and what the path carries besides."""
    if method == "OPTIONS":
        return PreflightHandler, []
    handler = ROUTES.get((method, "/".join(_segments(path))))
    if handler is not None:
        return handler, []
    if method == "GET" and (alias := _alias(path)):
        return ModelHandler, [alias]
    return UnsupportedRouteHandler, []


def _segments(path: str) -> list[str]:
    """The path's parts without empty ones and without leading `v1`."""
    parts = [part for part in path.split("/") if part]
    while parts and parts[0] == "v1":
        del parts[0]
    return parts


def _alias(path: str) -> str:
    """What follows `models/`, decoded; "" where the path is none of that kind."""
    rest = "/".join(_segments(path))
    return unquote(rest[len(_MODEL_PREFIX) :]) if rest.startswith(_MODEL_PREFIX) else ""


class GatewayApplication(Application):
    """Tornado's application with ``resolve`` for a router and a bound on bodies that still lets us answer in JSON."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def find_handler(  # type: ignore[override]
        self, request: HTTPServerRequest, **kwargs: Any
    ) -> HTTPMessageDelegate:
        """Choose the handler (Tornado's hook)."""
        del kwargs
        handler, args = resolve(request.method or "", request.path)
        delegate = self.get_handler_delegate(
            request, handler, {"services": self._services}, path_args=[arg.encode() for arg in args]
        )
        return BoundedBody(delegate, request, self._services.settings.server.max_body_bytes)

    def log_request(self, handler: RequestHandler) -> None:
        """Keep Tornado silent here: handlers write their own line."""
