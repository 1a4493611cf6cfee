"""Chat Completions of OpenAI and of every server that speaks it without peculiarities."""

from adapters.base import Adapter
from adapters.openai.codes import CODES
from freetheai.wire import chat

ADAPTER = Adapter(family="openai", upstream=chat.UPSTREAM, path="/chat/completions", codes=CODES)
