"""`POST /v1/messages/count_tokens`: how many tokens a request would be, without sending it to a model.

Rules:
- every gate up to the alias and its roles; no lease, and nothing counts against any limit;
- a provider that speaks all of Anthropic's format is asked (once, briefly); whatever goes wrong there, and for every
  other provider, the answer is our estimate: clients steer by the number, and an old one is worse than a rough one;
- how a provider counts says nothing about how it generates: its health is not judged by it.
"""

from dataclasses import replace
from typing import Final

from freetheai import clock
from freetheai.routing import Attempt
from freetheai.upstream import CallTimeouts
from freetheai.wire import messages
from freetheai.wire.messages.count import COUNT_PATH, count_answer, count_body, read_count
from freetheai.wire.request import ChatRequest
from freetheai.wire.tokens import estimate_request
from handlers.big_bodies import BIG_BYTES
from handlers.calls import make_call
from handlers.generation import GenerationHandler

# How long a provider may take to count (seconds): clients ask before every message.
_TIMEOUTS: Final = CallTimeouts(connect_s=3.0, first_byte_s=8.0, idle_s=5.0, total_s=10.0)
_MAX_ANSWER_BYTES: Final = 64 * 1024


class CountTokensHandler(GenerationHandler):
    """Anthropic's token count."""

    route = "/v1/messages/count_tokens"
    served_route = "/v1/messages"
    is_messages = True
    client_format = messages.CLIENT

    async def post(self) -> None:
        """Pass the gates and answer with a count."""
        owner = await self.admit()
        request = await self.parse_request()
        model = self.choose_model(request, owner)
        plan = self.services.router.plan(model, request.format, lambda model: model.allows(owner.roles))
        attempt = next(plan, None)
        counted = await self._ask(attempt, request) if attempt is not None and _counts(attempt) else None
        self.record.estimated = counted is None
        if counted is None:
            # However small: many of these come at once, and other streams go on meanwhile.
            counted = await self.services.big_bodies.run(BIG_BYTES, lambda: estimate_request(request))
        self.record.input_tokens = counted
        self.send_json(count_answer(self.record.input_tokens))

    async def _ask(self, attempt: Attempt, request: ChatRequest) -> int | None:
        """The provider's own count; None if it gave none."""
        call = make_call(attempt, request, self.record.user_id)
        call = replace(
            call,
            url=call.url + COUNT_PATH,
            body=count_body(request, attempt.target, attempt.adapter.quirks),
            timeouts=_TIMEOUTS,
        )
        place = attempt.provider.begin(attempt.credential, clock.monotonic_s())
        try:
            with self.services.upstream.start(call) as transfer:
                body, end = await transfer.collect(_MAX_ANSWER_BYTES)
                return read_count(body) if end.kind == "complete" else None
        finally:
            attempt.provider.end(place)


def _counts(attempt: Attempt) -> bool:
    """Whether the provider has this route: Anthropic, and who speaks all of its format.

    A used-up window is left to a generation to look at: a count would not tell whether it is open again.
    """
    is_open = not attempt.credential.is_in_window(clock.monotonic_s())
    return is_open and attempt.adapter.upstream.name == "messages" and attempt.adapter.quirks.messages_extras
