"""The admin port, on loopback only: is the process alive, may it be sent requests, and its metrics.

Rules:
- loopback keeps other machines out, not the browsers of this one: a page whose name its owner points at 127.0.0.1 could
  read the answers as its own. Such a name is one of the public name system, so requests must be addressed to an IP
  address, this machine's name, or a name that nobody can register;
- HEAD is answered as GET, without a body: probes use both.
"""

import socket
from typing import Final

from tornado.httputil import split_host_and_port
from tornado.web import Application, RequestHandler

from freetheai.metrics import CONTENT_TYPE
from handlers.services import Services

# Names under which nothing can be registered (RFC 2606, 6761, 6762, 8375; ICANN for `internal`).
_OURS_ALONE: Final = (".localhost", ".local", ".internal", ".test", ".home.arpa")


class AdminHandler(RequestHandler):
    """What every route here does first."""

    def prepare(self) -> None:
        """Refuse whoever asks for a name that may be somebody else's."""
        if not is_own_name(self.request.headers.get("Host", "")):
            self.set_status(403)
            self.finish({"error": "ask for an IP address or this machine's name"})


def is_own_name(host: str) -> bool:
    """Whether ``host``, with or without a port, can only mean this machine; "" (HTTP/1.0) says nothing against it."""
    name = split_host_and_port(host.lower())[0].rstrip(".")
    is_address = name.startswith("[") or name.replace(".", "").isdigit()
    return is_address or "." not in name or name.endswith(_OURS_ALONE) or name == socket.gethostname().lower()


class HealthzHandler(AdminHandler):
    """`GET /healthz`: the process lives and its loop turns."""

    def get(self) -> None:
        """Answer 200."""
        self.finish({"status": "ok"})

    head = get


class ReadyzHandler(AdminHandler):
    """`GET /readyz`: dependencies answer and the process is not draining; else 503."""

    def initialize(self, services: Services) -> None:
        """Take the services."""
        self._services = services

    def get(self) -> None:
        """Answer whether requests may come."""
        services = self._services
        is_ready = services.dependencies.are_up and not services.is_draining
        self.set_status(200 if is_ready else 503)
        self.finish(
            {
                "status": "ready" if is_ready else "not ready",
                "draining": services.is_draining,
                "dependencies": services.dependencies.states(),
            }
        )

    head = get


class MetricsHandler(AdminHandler):
    """`GET /metrics`: Prometheus' text format."""

    def initialize(self, services: Services) -> None:
        """Take the services."""
        self._services = services

    async def get(self) -> None:
        """Answer all figures."""
        await self._services.public.live.fresh()
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(self._services.metrics.render())

    head = get


def make_admin_application(services: Services) -> Application:
    """The admin port's routes; metrics only if switched on."""
    arguments = {"services": services}
    routes: list[tuple[str, type[RequestHandler], dict[str, Services]]] = [
        ("/readyz", ReadyzHandler, arguments),
    ]
    if services.settings.server.metrics:
        routes.append(("/metrics", MetricsHandler, arguments))
    return Application([("/healthz", HealthzHandler), *routes], log_function=_stay_silent)


def _stay_silent(handler: RequestHandler) -> None:
    """Probes come every few seconds: they are not logged."""
    del handler
