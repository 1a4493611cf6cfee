"""Which handler answers which path, and how much a path may be misspelt.

Rules:
- the path alone decides; a query string changes nothing; nothing is ever redirected;
- every route answers with `/v1`, without it, with it twice, with doubled and with trailing slashes: people paste base
  URLs into clients that append their own;
- an alias in a path keeps its slashes, raw or percent-encoded;
- pages and their files have their own paths, none of which is a route of the API without `/v1`.
"""

from typing import Any, Final
from urllib.parse import unquote

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application, RequestHandler

from freetheai.config import TimeoutSettings
from freetheai.tasks import TaskGroup
from handlers.body import BoundedBody
from handlers.chat import ChatHandler
from handlers.count_tokens import CountTokensHandler
from handlers.deferred import ImageJobHandler, VideoJobHandler
from handlers.early import Place, Refusal, leave, let_in
from handlers.fallback import PreflightHandler, ProbeHandler, UnsupportedRouteHandler
from handlers.full_models import FullModelsHandler
from handlers.health import HealthHandler
from handlers.images import ImageEditsHandler, ImagesHandler
from handlers.leaderboard import LeaderboardHandler
from handlers.messages import MessagesHandler
from handlers.models import ModelHandler, ModelsHandler
from handlers.pages import MissingPageHandler, PageHandler, RootHandler, StaticHandler, is_page, is_static
from handlers.responses import ResponsesHandler
from handlers.services import Services
from handlers.speech import SpeechHandler
from handlers.transcriptions import TranscriptionsHandler
from handlers.videos import VideosHandler

# (method, path without /v1) -> handler
ROUTES: Final[dict[tuple[str, str], type[RequestHandler]]] = {
    ("POST", "chat/completions"): ChatHandler,
    ("POST", "messages"): MessagesHandler,
    ("POST", "messages/count_tokens"): CountTokensHandler,
    ("POST", "responses"): ResponsesHandler,
    ("POST", "images/generations"): ImagesHandler,
    ("POST", "images/edits"): ImageEditsHandler,
    ("POST", "videos/generations"): VideosHandler,
    ("POST", "audio/speech"): SpeechHandler,
    ("POST", "audio/transcriptions"): TranscriptionsHandler,
    ("GET", "models"): ModelsHandler,
    ("GET", "models/full"): FullModelsHandler,
    ("GET", "models/leaderboard"): LeaderboardHandler,
    ("GET", "health"): HealthHandler,
    ("GET", ""): RootHandler,
    ("HEAD", ""): RootHandler,
    ("GET", "favicon.ico"): ProbeHandler,
    ("HEAD", "favicon.ico"): ProbeHandler,
}
# path before the job's id -> handler
JOBS: Final[dict[str, type[RequestHandler]]] = {"images/generations": ImageJobHandler, "videos": VideoJobHandler}
# Known by another method, these are no ids.
_PATHS: Final = frozenset(path for _, path in ROUTES)
_MODEL_PREFIX: Final = "models/"
# How pages and their files are asked for.
_READING: Final = ("GET", "HEAD")


def resolve(method: str, path: str) -> tuple[type[RequestHandler], list[str]]:
    """The handler for a request line's method and path, and what the path carries besides."""
    if method == "OPTIONS":
        return PreflightHandler, []
    if method in _READING and is_page(path):
        return PageHandler, []
    if method in _READING and is_static(path):
        return StaticHandler, []
    handler = ROUTES.get((method, "/".join(_segments(path))))
    if handler is not None:
        return handler, []
    if method == "GET" and (alias := _alias(path)):
        return ModelHandler, [alias]
    if method == "GET" and (job := _job(path)):
        return job
    if method in _READING and not path.startswith("/v1"):
        return MissingPageHandler, []
    return UnsupportedRouteHandler, []


def _segments(path: str) -> list[str]:
    """The path's parts without empty ones and without leading `v1`."""
    parts = [part for part in path.split("/") if part]
    while parts and parts[0] == "v1":
        del parts[0]
    return parts


def _job(path: str) -> tuple[type[RequestHandler], list[str]] | None:
    """The handler and the id of a deferred job's path, None where the path is none of that kind."""
    whole = "/".join(_segments(path))
    parent, _, request_id = whole.rpartition("/")
    return (JOBS[parent], [unquote(request_id)]) if parent in JOBS and whole not in _PATHS else None


def _alias(path: str) -> str:
    """What follows `models/`, decoded; "" where the path is none of that kind."""
    rest = "/".join(_segments(path))
    return unquote(rest[len(_MODEL_PREFIX) :]) if rest.startswith(_MODEL_PREFIX) else ""


class GatewayApplication(Application):
    """Tornado's application with ``resolve`` for a router and a bound on bodies that still lets us answer in JSON."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._tasks = TaskGroup()

    @property
    def max_body_bytes(self) -> int:
        """The bound on a request's body, as configured now."""
        return self._services.settings.server.max_body_bytes

    @property
    def timeouts(self) -> TimeoutSettings:
        """The time-outs, as configured now."""
        return self._services.settings.timeouts

    async def let_in(self, request: HTTPServerRequest) -> Place | Refusal:
        """Whether the body of ``request``, a large one, is read on; a place is given back with ``leave``."""
        return await let_in(request, self._services)

    def leave(self, place: Place) -> None:
        """Give ``place`` back."""
        leave(place, self._services)

    def choose(self, request: HTTPServerRequest) -> tuple[type[RequestHandler], list[str]]:
        """The handler for a request, and what its path carries besides."""
        return resolve(request.method or "", request.path)

    def run(self, handler_class: type[RequestHandler], request: HTTPServerRequest, args: list[str]) -> None:
        """Let a handler answer a request whose body is complete."""
        handler = handler_class(self, request, services=self._services)
        # Tornado's own way to a handler's end: whatever is raised becomes an answer there.
        self._tasks.start(handler._execute([], *(arg.encode() for arg in args)), "request")

    def find_handler(  # type: ignore[override]
        self, request: HTTPServerRequest, **kwargs: Any
    ) -> HTTPMessageDelegate:
        """Choose the handler (Tornado's hook)."""
        del kwargs
        handler, args = self.choose(request)
        delegate = self.get_handler_delegate(
            request, handler, {"services": self._services}, path_args=[arg.encode() for arg in args]
        )
        return BoundedBody(delegate, request, self._services.settings.server.max_body_bytes)

    def log_request(self, handler: RequestHandler) -> None:
        """Keep Tornado silent here: handlers write their own line."""
