"""`POST /v1/chat/completions`."""

from dataclasses import replace
from functools import partial

from freetheai.wire import chat, responses
from freetheai.wire.chat.parse import parse
from handlers.generation import GenerationHandler


class ChatHandler(GenerationHandler):
    """OpenAI Chat Completions. Cursor posts bodies of the Responses format here and expects chat answers."""

    route = "/v1/chat/completions"
    client_format = replace(chat.CLIENT, parse=partial(parse, read_input=responses.read_input))
