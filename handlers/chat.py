"""`POST /v1/chat/completions`."""

from freetheai.wire import chat
from handlers.generation import GenerationHandler


class ChatHandler(GenerationHandler):
    """OpenAI Chat Completions."""

    route = "/v1/chat/completions"
    client_format = chat.CLIENT
