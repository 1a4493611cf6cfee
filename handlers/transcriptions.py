"""`POST /v1/audio/transcriptions`: a form with a recording in, its words out."""

from collections.abc import Iterator
from typing import Any

from adapters.media import MediaRequest
from freetheai.wire.audio.transcripts import read_transcription
from handlers.media import MediaExchange
from handlers.media_stream import MediaStreamAnswer
from handlers.upload import UploadHandler, bad_form


class TranscriptionsHandler(UploadHandler):
    """OpenAI's transcriptions, whoever makes them."""

    route = "/v1/audio/transcriptions"
    media_format = "transcriptions"

    async def read_request(self) -> MediaRequest:
        """The form with its file and fields checked."""
        request = await super().read_request()
        file = next((part for part in request.parts if part.name == "file" and part.filename is not None), None)
        if file is None:
            raise bad_form("there is no file: send it as the part `file`, with a file name")
        if not file.size_bytes:
            raise bad_form("the part `file` is empty")
        read_transcription(request.fields)
        return request

    def texts(self, request: MediaRequest) -> list[str]:
        """What the model is told beside the recording."""
        return [text for name in ("prompt", "keywords", "keywords[]") for text in _texts(request.fields.get(name))]

    async def answer(self, exchange: MediaExchange) -> None:
        """The transcript, whole or in events."""
        if not read_transcription(exchange.request.fields).wants_events:
            await super().answer(exchange)
            return
        self.record.stream = True
        answer = MediaStreamAnswer(self, exchange, wants_events=True)
        self.client_stream = answer.client
        await answer.run()


def _texts(value: Any) -> Iterator[str]:
    yield from value if isinstance(value, list) else (value,) if isinstance(value, str) else ()
