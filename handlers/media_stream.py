"""A media answer that streams: bytes or events to the client as they come, and the one end of it all.

Rules:
- until the first piece an error keeps its own status and is JSON, whatever was asked for; another provider may serve;
- after it a failure among events is the last event; among bytes the connection is reset, since no status and no mark
  could tell any more, and a cut file must not look whole;
- the answer's end is written after the settlement, and only once the client has taken all that came before.
"""

from typing import Final

from adapters.media import MediaResult
from freetheai.errors import ApiError
from freetheai.routing import MediaAttempt
from freetheai.upstream import UpstreamEnd
from freetheai.wire.audio.streams import error_events
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.media import MediaStream
from handlers.client_stream import STREAM_HEADERS, ClientStream
from handlers.media import MediaExchange, MediaHandler
from handlers.pump import StreamPump, failure_of_head

_KEEP_ALIVE: Final = b": keep-alive\n\n"


class MediaStreamAnswer:
    """The answer of one request. ``wants_events``: the client reads events, so silence is bridged by comments."""

    def __init__(self, handler: MediaHandler, exchange: MediaExchange, *, wants_events: bool) -> None:
        timeouts = handler.services.settings.timeouts
        self.client = ClientStream(
            handler,
            keep_alive=_KEEP_ALIVE if wants_events else b"",
            keepalive_s=timeouts.keepalive,
            stall_s=timeouts.stall,
            started_s=handler.started_s,
            on_drained=handler.release_transfer,
        )
        self._handler = handler
        self._exchange = exchange
        self._wants_events = wants_events
        self._stream: MediaStream | None = None
        self._pump: StreamPump | None = None
        # The answer, where a provider gave it whole.
        self._result: MediaResult | None = None

    async def run(self) -> None:
        """Answer; raises ``ApiError`` when nothing has been sent and nothing can be."""
        metrics = self._handler.services.metrics
        metrics.stream_opened()
        try:
            error = await self._try_all()
            await (self._finish() if error is None else self._break_off(error))
        finally:
            self.client.close()
            metrics.stream_closed()

    async def _try_all(self) -> ApiError | None:
        try:
            return await self._handler.run_attempts(self._exchange, self._run_attempt, lambda: self._has_begun)
        except ApiError as error:
            return error

    @property
    def _has_begun(self) -> bool:
        """Whether the client has got anything of the present attempt."""
        return self._pump is not None and self._pump.has_sent

    async def _run_attempt(self, attempt: MediaAttempt) -> UpstreamFailure | None:
        handler, request = self._handler, self._exchange.request
        with await handler.start(attempt, request) as transfer:
            failure = await failure_of_head(transfer)
            head = await transfer.head()
            if failure is not None or isinstance(head, UpstreamEnd):
                return failure
            stream = self._stream = attempt.adapter.open(request, head.headers)
            if stream is None:
                result = await handler.read_whole(attempt, request, transfer)
                if not isinstance(result, MediaResult):
                    return result
                self._result = result
                return None
            if not self.client.is_open:
                self.client.headers = {**STREAM_HEADERS, "Content-Type": stream.content_type}
            pump = self._pump = StreamPump(stream, self.client, transfer)
            end = await transfer.run(pump.on_data)
        return pump.outcome(end)

    async def _finish(self) -> None:
        """The provider's answer is complete: settle, then let the client see the end."""
        handler, exchange = self._handler, self._exchange
        if self._result is not None and not self.client.is_open:
            await handler.send(exchange, self._result)
            return
        answer = self._result or self._stream
        if answer is None:
            raise LookupError("a complete answer without an attempt")
        handler.note_usage(exchange.request, answer.usage)
        await self.client.drained()
        await handler.settle(exchange.lease, is_success=answer.has_output)
        self._end_with(self._result.body if self._result is not None else self._pump.tail if self._pump else b"")

    async def _break_off(self, error: ApiError) -> None:
        """End with ``error``: as an HTTP error while that is possible, else as the last event, else by a reset."""
        if not self.client.is_open:
            raise error
        handler = self._handler
        await self.client.drained()
        await handler.settle(self._exchange.lease, is_success=False)
        handler.note_error(error)
        if self._wants_events:
            self._end_with(error_events(error))
            return
        self.client.break_off()
        self._end_with(b"")

    def _end_with(self, tail: bytes) -> None:
        if tail and not self.client.is_closed:
            self.client.send(tail)
        self.client.close()
        self._handler.record.ttfb_ms = self.client.first_sent_ms
        self._handler.finish()
