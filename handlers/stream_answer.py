"""A streamed answer: attempts whose bytes go to the client as they come, and the one end of it all.

Rules:
- until the first output an error keeps its own status; after it, or after a keep-alive had to be sent, it is the
  stream's last event;
- the end marker is written after the settlement, and only once the client has taken all that came before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freetheai.errors import ApiError
from freetheai.routing import Attempt
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import ByteStream
from freetheai.wire.translate import open_stream
from handlers.attempts import NothingToTry
from handlers.client_stream import ClientStream
from handlers.exchange import Exchange, note_usage
from handlers.pump import StreamPump, failure_of_head

if TYPE_CHECKING:
    from handlers.generation import GenerationHandler


class StreamAnswer:
    """The streamed answer of one request."""

    def __init__(self, handler: GenerationHandler, exchange: Exchange) -> None:
        timeouts = handler.services.settings.timeouts
        self.client = ClientStream(
            handler,
            keep_alive=handler.client_format.keep_alive,
            keepalive_s=timeouts.keepalive,
            stall_s=timeouts.stall,
            started_s=handler.started_s,
            on_drained=handler.release_transfer,
        )
        self._handler = handler
        self._exchange = exchange
        self._attempt: Attempt | None = None
        self._stream: ByteStream | None = None
        self._pump: StreamPump | None = None

    async def run(self) -> None:
        """Answer; raises ``ApiError`` when nothing has been sent and nothing can be."""
        handler, exchange = self._handler, self._exchange
        handler.services.metrics.stream_opened()
        try:
            error = await handler.attempts(exchange.request).run(
                handler.services.router.plan(exchange.model, exchange.request.format, exchange.may_use),
                self._run_attempt,
                lambda: self._has_begun,
            )
            error = handler.interruption or error
            await (self._finish() if error is None else self._break_off(error))
        except NothingToTry:
            raise handler.services.router.unavailable(exchange.model) from None
        finally:
            self.client.close()
            handler.services.metrics.stream_closed()

    @property
    def _has_begun(self) -> bool:
        """Whether the client has got anything of the present attempt."""
        return self._pump is not None and self._pump.has_sent

    async def _run_attempt(self, attempt: Attempt) -> UpstreamFailure | None:
        self._attempt = attempt
        stream = self._stream = self._open(attempt)
        with await self._handler.start_transfer(attempt, self._exchange.request) as transfer:
            failure = await failure_of_head(transfer)
            if failure is not None:
                return failure
            pump = self._pump = StreamPump(stream, self.client, transfer)
            end = await transfer.run(pump.on_data)
        return pump.outcome(end)

    def _open(self, attempt: Attempt) -> ByteStream:
        exchange = self._exchange
        client_format, adapter = self._handler.client_format, attempt.adapter
        return open_stream(
            client_format, adapter.upstream, exchange.request, exchange.stamp_for(attempt), adapter.quirks
        )

    async def _finish(self) -> None:
        """The provider's answer is complete: settle, then let the client see the end."""
        stream, pump = self._stream, self._pump
        if stream is None or pump is None:
            raise LookupError("a complete answer without an attempt")
        self._note(stream)
        await self.client.drained()
        await self._handler.settle(self._exchange.lease, is_success=stream.has_output)
        self._end_with(pump.tail)

    async def _break_off(self, error: ApiError) -> None:
        """End with ``error``: as an HTTP error while that is possible, else as the stream's last event."""
        if self._stream is not None and self._has_begun:
            self._note(self._stream)
        if not self.client.is_open or self._attempt is None:
            raise error
        await self.client.drained()
        await self._handler.settle(self._exchange.lease, is_success=False)
        self._handler.note_error(error)
        # An attempt that sent nothing leaves no trace in the stream: its codec's state is not the client's.
        stream = self._stream if self._has_begun else None
        self._end_with((stream or self._open(self._attempt)).error(error))

    def _end_with(self, tail: bytes) -> None:
        if not self.client.is_closed:
            self.client.send(tail)
            self.client.close()
        self._handler.record.ttfb_ms = self.client.first_sent_ms
        self._handler.finish()

    def _note(self, stream: ByteStream) -> None:
        note_usage(self._handler.record, self._exchange.request, stream.usage, stream.output_chars)
