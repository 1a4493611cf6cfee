"""`POST /v1/images/generations` and `/v1/images/edits`: images, at once, piece by piece, or deferred.

Rules:
- ``deferred: true`` asks the provider for a job; one that answers at once is answered at once;
- an answer's ``model`` is the alias; an image's address at the provider passes, since it is what was asked for;
- an edit's form is kept in memory, within the bound of all bodies, and goes on as a form or as the adapter wants it.
"""

from typing import Any

import orjson

from adapters.deferral import Accepted
from adapters.images import EDITS, images_of, is_true
from adapters.media import MediaRequest, MediaResult
from freetheai import clock, errors
from freetheai.errors import ApiError
from freetheai.wire import fields
from handlers.deferred import accept
from handlers.media import MediaExchange, MediaHandler
from handlers.media_stream import MediaStreamAnswer
from handlers.upload import UploadHandler


class ImageAnswers(MediaHandler):
    """What both routes do with an admitted request."""

    media_format = "images"

    def texts(self, request: MediaRequest) -> list[str]:
        """The prompt."""
        return [request.fields["prompt"]]

    async def answer(self, exchange: MediaExchange) -> None:
        """Images, a stream of them, or a job."""
        request = exchange.request
        if is_true(request.fields.get("stream")):
            self.record.stream = True
            answer = MediaStreamAnswer(self, exchange, wants_events=True)
            self.client_stream = answer.client
            await answer.run()
            return
        if is_true(request.fields.get("deferred")):
            # A job that could not be kept would be lost: known before anyone begins to work.
            await self.services.jobs.ready()
        attempt, result = await self.ask(exchange)
        if isinstance(result.value, Accepted):
            await accept(self, exchange, attempt, result.value, "image")
            return
        await self.send(exchange, _complete(result, exchange.model.id))


class ImagesHandler(ImageAnswers):
    """Images from a text."""

    route = "/v1/images/generations"

    async def read_request(self) -> MediaRequest:
        """JSON with a model and a prompt."""
        request = await super().read_request()
        check_prompt(request)
        return request


class ImageEditsHandler(UploadHandler, ImageAnswers):
    """Images from images and a text."""

    route = EDITS
    takes_json = True

    async def read_request(self) -> MediaRequest:
        """A form with a model, a prompt and at least one image; JSON goes on as it is."""
        request = await super().read_request()
        check_prompt(request)
        if request.parts and not images_of(request):
            raise ApiError(errors.INVALID_REQUEST, "image: send the image to be edited as a file of the form.")
        return request


def check_prompt(request: MediaRequest) -> None:
    """Raise MISSING_PROMPT where there is none, INVALID_REQUEST where it is no text or the wish contradicts itself."""
    if not fields.text(request.fields, "prompt").strip():
        raise ApiError(errors.MISSING_PROMPT)
    if is_true(request.fields.get("stream")) and is_true(request.fields.get("deferred")):
        raise ApiError(errors.INVALID_REQUEST, "stream: a deferred answer has no pieces; ask for one of the two.")


def _complete(result: MediaResult, alias: str) -> MediaResult:
    value: dict[str, Any] = result.value
    created = value.get("created")
    value["created"] = created if type(created) is int else int(clock.now_s())
    value["model"] = alias
    result.body = orjson.dumps(value)
    return result
