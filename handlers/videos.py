"""`POST /v1/videos/generations`: a video, always a job; `GET /v1/videos/{request_id}` (`deferred.py`) asks for it."""

from adapters.deferral import Accepted
from adapters.media import MediaRequest
from handlers.deferred import accept
from handlers.images import check_prompt
from handlers.media import MediaExchange, MediaHandler


class VideosHandler(MediaHandler):
    """A video from a text, and from images where the model takes them."""

    route = "/v1/videos/generations"
    media_format = "videos"

    async def read_request(self) -> MediaRequest:
        """JSON with a model and a prompt."""
        request = await super().read_request()
        check_prompt(request)
        return request

    def texts(self, request: MediaRequest) -> list[str]:
        """The prompt."""
        return [request.fields["prompt"]]

    async def answer(self, exchange: MediaExchange) -> None:
        """The job that a provider took."""
        # A job that could not be kept would be lost: known before anyone begins to work.
        await self.services.jobs.ready()
        attempt, result = await self.ask(exchange)
        if not isinstance(result.value, Accepted):
            raise LookupError("a video's adapter answered without a job")
        await accept(self, exchange, attempt, result.value, "video")
