"""One attempt's bytes from the provider, through its codec, to the client's stream.

Rules:
- one decode and one write for each upstream read: no task, queue or await a piece;
- nothing of an attempt is sent before its first output, so a failure before it can be served by another;
- what came before a failure in the same read is sent all the same: where a stream breaks does not depend on how TCP
  cut it;
- the last events are not written here but kept in ``tail``: the lease is given back first, so that a client which
  calls again at once finds its slot free.
"""

import asyncio
from typing import Final, Protocol

from freetheai.upstream import Transfer, UpstreamEnd
from freetheai.wire.error_body import failure_from, read_error
from freetheai.wire.events import UpstreamFailure
from handlers.client_stream import ClientStream

# What may be held before the first output: a role, a start, pings. More than that is no mere opening.
MAX_HELD_BYTES: Final = 256 * 1024
MAX_ERROR_BODY_BYTES: Final = 64 * 1024
# After the provider's end marker its connection may take this long (seconds) to end by itself and be used again.
LINGER_S: Final = 0.1


class Codec(Protocol):
    """What is pumped through: a ``ByteStream``, or a media answer; see there."""

    @property
    def has_output(self) -> bool: ...  # noqa: D102 - told there
    @property
    def is_finished(self) -> bool: ...  # noqa: D102
    @property
    def failure(self) -> UpstreamFailure | None: ...  # noqa: D102

    def feed(self, data: bytes) -> bytes: ...  # noqa: D102
    def end(self) -> bytes: ...  # noqa: D102


class StreamPump:
    """Feeds the codec and writes what comes out; made for one attempt."""

    def __init__(self, stream: Codec, client: ClientStream, transfer: Transfer) -> None:
        self.has_sent = False
        self.tail = b""
        self._stream = stream
        self._client = client
        self._transfer = transfer
        self._held: list[bytes] = []
        self._held_bytes = 0

    def on_data(self, data: bytes) -> None:
        """Take one upstream read."""
        stream = self._stream
        if _is_over(stream):
            return
        out = stream.feed(data)
        if stream.is_finished:
            self.tail = self._release_held() + out
            asyncio.get_running_loop().call_later(LINGER_S, self._transfer.abort)
        elif stream.failure is not None:
            self._send_rest(out)
            self._transfer.abort()
        elif out:
            self._forward(out)

    def outcome(self, end: UpstreamEnd) -> UpstreamFailure | None:
        """How the attempt ended, once its transfer is over: the provider's failure, or None (also when we stopped it).

        A body that is over has said its last word; whether that was the answer's end, the codec knows.
        """
        stream = self._stream
        if end.kind == "complete" and not _is_over(stream):
            out = stream.end()
            if stream.failure is None:
                self.tail = self._release_held() + out
            else:
                self._send_rest(out)
        return stream.failure if _is_over(stream) else end.failure

    def _forward(self, out: bytes) -> None:
        if not self.has_sent:
            self._held.append(out)
            self._held_bytes += len(out)
            if not self._stream.has_output and self._held_bytes < MAX_HELD_BYTES:
                return
            out = self._release_held()
        if not self._client.send(out):
            self._transfer.hold()

    def _send_rest(self, out: bytes) -> None:
        if self._stream.has_output and (rest := self._release_held() + out):
            self._client.send(rest)

    def _release_held(self) -> bytes:
        self.has_sent = True
        held = b"".join(self._held)
        self._held.clear()
        return held


def _is_over(stream: Codec) -> bool:
    return stream.is_finished or stream.failure is not None


async def failure_of_head(transfer: Transfer) -> UpstreamFailure | None:
    """What an answer that is no 2xx says, its body read within a bound; None for a 2xx, or when we stopped it."""
    head = await transfer.head()
    if isinstance(head, UpstreamEnd):
        return head.failure
    if 200 <= head.status < 300:
        return None
    body, _ = await transfer.collect(MAX_ERROR_BODY_BYTES)
    return failure_from(read_error(body), phase="body", status=head.status, headers=head.headers)
