"""The admin port, on loopback only: is the process alive, may it be sent requests, and its metrics."""

from tornado.web import Application, RequestHandler

from freetheai.metrics import CONTENT_TYPE
from handlers.services import Services


class HealthzHandler(RequestHandler):
    """`GET /healthz`: the process lives and its loop turns."""

    def get(self) -> None:
        """Answer 200."""
        self.finish({"status": "ok"})


class ReadyzHandler(RequestHandler):
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


class MetricsHandler(RequestHandler):
    """`GET /metrics`: Prometheus' text format."""

    def initialize(self, services: Services) -> None:
        """Take the services."""
        self._services = services

    async def get(self) -> None:
        """Answer all figures."""
        await self._services.public.live.fresh()
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(self._services.metrics.render())


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
