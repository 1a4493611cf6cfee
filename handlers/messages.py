"""`POST /v1/messages`."""

from freetheai.wire import messages
from handlers.generation import GenerationHandler


class MessagesHandler(GenerationHandler):
    """Anthropic Messages."""

    route = "/v1/messages"
    is_messages = True
    client_format = messages.CLIENT
