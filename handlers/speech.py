"""`POST /v1/audio/speech`: text in, audio out as it is made."""

from adapters.media import MediaRequest
from freetheai.wire.audio.speech import read_speech
from handlers.media import MediaExchange, MediaHandler
from handlers.media_stream import MediaStreamAnswer


class SpeechHandler(MediaHandler):
    """OpenAI's speech, whoever makes it."""

    route = "/v1/audio/speech"
    media_format = "speech"

    async def read_request(self) -> MediaRequest:
        """The JSON with its fields checked."""
        request = await super().read_request()
        read_speech(request.fields)
        return request

    def texts(self, request: MediaRequest) -> list[str]:
        """What is spoken, and how it is to sound."""
        speech = read_speech(request.fields)
        return [speech.input, speech.instructions]

    async def answer(self, exchange: MediaExchange) -> None:
        """Audio, or events of it."""
        self.record.stream = True
        wants_events = read_speech(exchange.request.fields).wants_events
        answer = MediaStreamAnswer(self, exchange, wants_events=wants_events)
        self.client_stream = answer.client
        await answer.run()
