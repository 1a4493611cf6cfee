"""`POST /v1/responses`."""

from freetheai.wire import responses
from handlers.generation import GenerationHandler


class ResponsesHandler(GenerationHandler):
    """OpenAI Responses."""

    route = "/v1/responses"
    client_format = responses.CLIENT
