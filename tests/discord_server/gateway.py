"""The gateway's rules: sessions, events, and the faults a test can switch on.

A session outlives its connection: events go into its buffer with a number, and out over the connection it has just
now. RESUME names the last number seen and gets what came after. A session ends when the client says 1000 or 1001,
when it is invalidated, or ``session_life_s`` after its connection was lost.
"""

import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from discord_server import intents as intent_bits
from discord_server.errors import Violation
from discord_server.world import World

if TYPE_CHECKING:
    from discord_server.gateway_socket import GatewaySocket
    from discord_server.records import Records

BUFFERED_EVENTS = 50_000


@dataclass
class Session:
    """What RESUME comes back to. ``sent`` is the number of the last event given to the present connection."""

    id: str
    intents: int
    shard: tuple[int, int] = (0, 1)
    socket: "GatewaySocket | None" = None
    number: int = 0
    sent: int = 0
    lost_at_s: float | None = None
    has_guild: bool = False
    buffer: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=BUFFERED_EVENTS))

    def dispatch(self, event: str, data: Any) -> None:
        """Number an event and keep it; ``flush`` sends it."""
        self.number += 1
        self.buffer.append((self.number, orjson.dumps({"op": 0, "s": self.number, "t": event, "d": data})))

    def flush(self) -> None:
        """Send what the present connection has not had."""
        if self.socket is None:
            return
        # From the newest back: nearly always there is one, and a full buffer is long.
        waiting = []
        for number, frame in reversed(self.buffer):
            if number <= self.sent:
                break
            waiting.append(frame)
        self.sent = self.number
        for frame in reversed(waiting):
            self.socket.send_frame(frame)


class Gateway:
    """All sessions and all switches. Runs on the server's loop."""

    def __init__(self, world: World, records: "Records", token: str) -> None:
        self.world = world
        self.records = records
        self.token = token
        self.url = ""
        self.privileged: set[str] = {"members"}
        self.sessions: dict[str, Session] = {}
        self.sockets: list[GatewaySocket] = []
        self.heartbeat_interval_s = 41.25
        self.patience_s = 2.0
        self.session_life_s = 120.0
        self.refusals = 0
        self.withholds_acks = False
        self.is_paused = False
        self.is_losing = False
        self.identify_every_s = 0.0
        self.identified_at_s: float | None = None
        self.full_list_every_s = 0.0
        self.full_list_asked_at_s: float | None = None

    def broadcast(self, event: str, data: dict[str, Any]) -> None:
        """Tell every session that wants to know; nobody when events are being lost."""
        if self.is_losing:
            return
        bot_id = self.world.bot.id
        for session in self._living_sessions():
            if intent_bits.is_wanted(event, data, session.intents, bot_id):
                session.dispatch(event, intent_bits.tailored(event, data, session.intents, bot_id))
                self.flush(session)

    def flush(self, session: Session) -> None:
        """Send what waits, unless events are being held back."""
        if not self.is_paused:
            session.flush()
        self.records.changed()

    def identify(self, socket: "GatewaySocket", wanted: dict[str, Any]) -> None:
        """Begin a session: READY, then the guild."""
        session = Session(secrets.token_hex(16), wanted["intents"], tuple(wanted.get("shard") or (0, 1)))
        session.socket = socket
        self.sessions[session.id] = session
        socket.session = session
        guild = {"id": self.world.guild_id, "unavailable": True}
        is_mine = (int(self.world.guild_id) >> 22) % session.shard[1] == session.shard[0]
        session.dispatch("READY", {
            "v": 10, "user": self.world.bot.payload() | {"verified": True, "mfa_enabled": True, "email": None},
            "guilds": [guild] if is_mine else [], "session_id": session.id, "resume_gateway_url": self.url + "resume",
            "session_type": "normal", "shard": list(session.shard), "private_channels": [], "presences": [],
            "relationships": [], "user_settings": {}, "_trace": [],
            "application": {"id": self.world.application_id, "flags": self.application_flags()},
        })  # fmt: skip
        if is_mine and session.intents & intent_bits.GUILDS:
            session.dispatch("GUILD_CREATE", self.world.guild_create())
            session.has_guild = True
        self.flush(session)

    def resume(self, socket: "GatewaySocket", session_id: str, seen: int) -> bool:
        """Go on with a session after event number ``seen``; False if it is gone."""
        session = next((each for each in self._living_sessions() if each.id == session_id), None)
        if session is None or seen > session.number:
            return False
        if session.buffer and seen < session.buffer[0][0] - 1:
            return False
        if session.socket is not None and session.socket is not socket:
            session.socket.session = None
            session.socket.hang_up(4000)
        session.socket, session.sent, session.lost_at_s = socket, seen, None
        socket.session = session
        session.dispatch("RESUMED", {"_trace": []})
        self.flush(session)
        return True

    def lost(self, socket: "GatewaySocket", code: int | None) -> None:
        """A connection is gone. After 1000 and 1001 so is its session."""
        if socket in self.sockets:
            self.sockets.remove(socket)
        session = socket.session
        if session is None or session.socket is not socket:
            return
        session.socket = None
        session.lost_at_s = self.world.clock.now_s()
        if code in (1000, 1001):
            self.sessions.pop(session.id, None)

    def is_too_soon(self) -> bool:
        """Whether the last IDENTIFY was less than ``identify_every_s`` ago (Discord: 5 s); notes this one if not."""
        now_s, last_s = self.world.clock.now_s(), self.identified_at_s
        if last_s is not None and now_s - last_s < self.identify_every_s:
            return True
        self.identified_at_s = now_s
        return False

    def application_flags(self) -> int:
        """The application's flags that say which privileged intents it was granted."""
        return sum(intent_bits.APPLICATION_FLAGS[name] for name in self.privileged)

    def refused_bits(self, wanted: int) -> int:
        """The privileged intents asked for without having been granted."""
        granted = sum(intent_bits.PRIVILEGED[name] for name in self.privileged)
        return wanted & sum(intent_bits.PRIVILEGED.values()) & ~granted

    def offence(self, code: int, message: str, *details: str) -> None:
        """Note what a correct client never does."""
        self.records.violation(Violation(code, message, "gateway", details))

    def _living_sessions(self) -> list[Session]:
        now_s = self.world.clock.now_s()
        for session in list(self.sessions.values()):
            if session.lost_at_s is not None and now_s - session.lost_at_s > self.session_life_s:
                del self.sessions[session.id]
        return list(self.sessions.values())
