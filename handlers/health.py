"""`GET /v1/health`: how the gateway, its providers and its dependencies are doing; for everyone, on every page view."""

from handlers.base import BaseHandler


class HealthHandler(BaseHandler):
    """No key, no gate; the answer is a second old at most."""

    route = "/v1/health"

    async def get(self) -> None:
        """Answer 200 with the state of everything."""
        public = self.services.public
        truth = await public.live.fresh()
        self.set_header("Cache-Control", "public, max-age=1")
        self.send_json(public.health.get(self.services, truth))
