"""One gateway connection: the frames, the compression, the order in which a client may say what.

Close codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from discord_server import intents as intent_bits
from discord_server.gateway import Gateway, Session
from discord_server.member_requests import answer_member_request

FRAMES_PER_MINUTE = 120
FRAME_BYTES = 4096
KNOWN = (("", "json"), ("zlib-stream", "json"))


@dataclass
class Connection:
    """What happened on one connection: ``received`` has each frame as (op, d)."""

    path: str
    opened_at_s: float
    compression: str = ""
    identify: dict[str, Any] | None = None
    has_resumed: bool = False
    close_code: int | None = None
    is_open: bool = True
    received: list[tuple[int, Any]] = field(default_factory=list)

    @property
    def heartbeats(self) -> int:
        return sum(op == 1 for op, _ in self.received)


class GatewaySocket(WebSocketHandler):
    """Speaks for the gateway with one client."""

    # mypy would want these in __init__, which Tornado keeps to itself.
    gateway: Gateway
    session: Session | None = None
    record: Connection

    def initialize(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._compressor: Any = None
        self._arrivals: deque[float] = deque(maxlen=FRAMES_PER_MINUTE + 1)
        self._late: asyncio.TimerHandle | None = None

    def check_origin(self, origin: str) -> bool:
        return True

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if self.gateway.refusals > 0:
            self.gateway.refusals -= 1
            self.gateway.records.refused += 1
            self.set_status(503)
            self.finish("upstream connect error")
            return
        wanted = self.get_query_argument("compress", ""), self.get_query_argument("encoding", "json")
        if wanted not in KNOWN:
            self.gateway.offence(0, f"this server speaks JSON, plain or as zlib-stream, not {wanted}")
            self.set_status(400)
            self.finish("unsupported")
            return
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        gateway = self.gateway
        compression = self.get_query_argument("compress", "")
        self.record = Connection(self.request.path, gateway.world.clock.now_s(), compression)
        gateway.records.connections.append(self.record)
        gateway.sockets.append(self)
        if self.get_query_argument("v", "10") not in ("9", "10"):
            self.hang_up(4012)
            return
        if compression == "zlib-stream":
            self._compressor = zlib.compressobj()
        self._expect_heartbeat()
        self.say(10, {"heartbeat_interval": int(gateway.heartbeat_interval_s * 1000), "_trace": []})

    def say(self, op: int, data: Any = None) -> None:
        """Send anything but an event."""
        self.send_frame(orjson.dumps({"op": op, "d": data, "s": None, "t": None}))

    def send_frame(self, frame: bytes) -> None:
        """Send a JSON text, compressed if the client asked for it; nothing if it has gone."""
        try:
            if self._compressor is None:
                self.write_message(frame.decode())
                return
            packed = self._compressor.compress(frame) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
            self.write_message(packed, binary=True)
        except WebSocketClosedError:
            return

    def hang_up(self, code: int | None, reason: str = "") -> None:
        """Close with ``code``, or without a word (the connection is cut) when it is None."""
        self.record.close_code = code
        if code is not None:
            self.close(code, reason or None)
        elif self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.close()

    def on_message(self, message: str | bytes) -> None:
        if len(message) > FRAME_BYTES:
            self._offend(4002, "a frame over 4096 bytes")
            return
        if self._is_too_fast():
            self._offend(4008, "more than 120 frames in a minute")
            return
        try:
            frame = orjson.loads(message)
            op, data = frame["op"], frame.get("d")
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self._offend(4002, "not a gateway frame")
            return
        self.record.received.append((op, data))
        handle = self._OPS.get(op)
        if handle is None:
            self._offend(4001, f"unknown op code {op!r}")
        elif self.session is None and op not in (1, 2, 6):
            self._offend(4003, f"op code {op} before IDENTIFY")
        else:
            self._handle(handle, data)
        self.gateway.records.changed()

    def _handle(self, handle: Callable[["GatewaySocket", Any], None], data: Any) -> None:
        try:
            handle(self, data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._offend(4002, f"a frame that makes no sense: {error!r}")

    def on_close(self) -> None:
        if self._late is not None:
            self._late.cancel()
        if not hasattr(self, "record"):
            return
        self.record.is_open = False
        if self.record.close_code is None:
            self.record.close_code = self.close_code
        self.gateway.lost(self, self.record.close_code)
        self.gateway.records.changed()

    def _heartbeat(self, data: Any) -> None:
        self._expect_heartbeat()
        if not self.gateway.withholds_acks:
            self.say(11)

    def _identify(self, data: Any) -> None:
        if self.session is not None:
            self._offend(4005, "IDENTIFY twice")
        elif data.get("token") != self.gateway.token:
            self.hang_up(4004, "Authentication failed.")
        elif not isinstance(data.get("intents"), int) or data["intents"] & ~intent_bits.ALL:
            self._offend(4013, f"intents {data.get('intents')!r}")
        elif self.gateway.refused_bits(data["intents"]):
            self.hang_up(4014, "Disallowed intent(s).")
        elif not self._is_shard(data.get("shard") or (0, 1)):
            self._offend(4010, f"shard {data['shard']!r}")
        elif self.gateway.is_too_soon():
            self.say(9, False)
        else:
            self.record.identify = data
            self.gateway.identify(self, data)

    def _resume(self, data: Any) -> None:
        if data.get("token") != self.gateway.token:
            self.hang_up(4004, "Authentication failed.")
        elif data.get("seq") is None or not self.gateway.resume(self, str(data.get("session_id")), data["seq"]):
            self.say(9, False)
        else:
            self.record.has_resumed = True

    def _members(self, data: Any) -> None:
        assert self.session is not None
        answer_member_request(self.gateway, self.session, data)

    def _ignore(self, data: Any) -> None:
        """Presence and voice state: taken note of, nobody is shown it."""

    _OPS: ClassVar[dict[int, Callable[["GatewaySocket", Any], None]]] = {
        1: _heartbeat, 2: _identify, 3: _ignore, 4: _ignore, 6: _resume, 8: _members,
    }  # fmt: skip

    def _offend(self, code: int, what: str) -> None:
        self.gateway.offence(code, what)
        self.hang_up(code, what)

    def _is_too_fast(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        self._arrivals.append(now_s)
        return len(self._arrivals) > FRAMES_PER_MINUTE and now_s - self._arrivals[0] < 60

    def _expect_heartbeat(self) -> None:
        """Hang up on a client that stays silent for well over the interval it was told."""
        if self._late is not None:
            self._late.cancel()
        wait_s = self.gateway.heartbeat_interval_s * 1.5 + self.gateway.patience_s
        self._late = asyncio.get_running_loop().call_later(wait_s, self._offend, 4009, "no heartbeat in time")

    @staticmethod
    def _is_shard(shard: Any) -> bool:
        return len(shard) == 2 and all(isinstance(each, int) for each in shard) and 0 <= shard[0] < shard[1]
