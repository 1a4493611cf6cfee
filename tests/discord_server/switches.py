"""The faults a test switches on: at the gateway, and in REST. Every method may be called from any thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from discord_server.faults import Fault

if TYPE_CHECKING:
    from discord_server.control import DiscordServer


class GatewaySwitches:
    """What the gateway does to its clients."""

    def __init__(self, server: "DiscordServer") -> None:
        self._server = server
        self._gateway = server.backend.gateway

    @property
    def is_connected(self) -> bool:
        """Whether a client has a session and a connection for it."""
        return any(each.session is not None for each in list(self._gateway.sockets))

    def drop(self, code: int | None = None) -> None:
        """Close every connection with ``code``, or cut it without a word. The sessions can be resumed."""

        def do() -> None:
            for socket in list(self._gateway.sockets):
                socket.hang_up(code)

        self._server.call(do)

    def reconnect(self) -> None:
        """Op 7: ask the clients to come again."""
        self._to_all(7, None)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9. Unless ``resumable`` the sessions are gone."""
        if not resumable:
            self.forget_sessions()
        self._to_all(9, resumable)

    def forget_sessions(self) -> None:
        """The next RESUME will be answered by op 9."""
        self._server.call(self._gateway.sessions.clear)

    def refuse_next(self, count: int) -> None:
        """Answer the next ``count`` connection attempts with HTTP 503."""
        self._server.call(lambda: setattr(self._gateway, "refusals", count))

    def withhold_acks(self, withhold: bool = True) -> None:
        """Leave heartbeats unanswered: to the client the connection is dead."""
        self._server.call(lambda: setattr(self._gateway, "withholds_acks", withhold))

    def pause_events(self) -> None:
        """Hold events back until ``resume_events``."""
        self._server.call(lambda: setattr(self._gateway, "is_paused", True))

    def resume_events(self) -> None:
        """Send what was held back, in order."""

        def do() -> None:
            self._gateway.is_paused = False
            for session in list(self._gateway.sessions.values()):
                session.flush()

        self._server.call(do)

    @contextmanager
    def losing_events(self) -> Iterator[None]:
        """What happens meanwhile is told to nobody, ever."""
        self._server.call(lambda: setattr(self._gateway, "is_losing", True))
        try:
            yield
        finally:
            self._server.call(lambda: setattr(self._gateway, "is_losing", False))

    def limit_full_member_lists(self, every_s: float = 30.0) -> None:
        """Give the full member list once in ``every_s`` seconds, RATE_LIMITED in between; 0 turns it off."""
        self._server.call(lambda: setattr(self._gateway, "full_list_every_s", every_s))

    def limit_identifies(self, every_s: float = 5.0) -> None:
        """Answer an IDENTIFY less than ``every_s`` seconds after another by op 9; 0 turns it off."""
        self._server.call(lambda: setattr(self._gateway, "identify_every_s", every_s))

    def guild_outage(self) -> None:
        """The guild is away (GUILD_DELETE, unavailable), the connection stands; until ``guild_back``."""
        self.dispatch("GUILD_DELETE", {"id": self._server.world.guild_id, "unavailable": True})

    def guild_back(self) -> None:
        """The guild is there again."""
        self._server.call(lambda: self._gateway.broadcast("GUILD_CREATE", self._server.world.guild_create()))

    def heartbeat_every(self, seconds: float) -> None:
        """The interval new connections are told."""
        self._server.call(lambda: setattr(self._gateway, "heartbeat_interval_s", seconds))

    def dispatch(self, event: str, data: dict[str, Any]) -> None:
        """Send an event that the server itself does not know."""
        self._server.call(lambda: self._gateway.broadcast(event, data))

    def _to_all(self, op: int, data: Any) -> None:
        def do() -> None:
            for socket in list(self._gateway.sockets):
                socket.say(op, data)

        self._server.call(do)


class RestSwitches:
    """What REST does to its clients. Patterns are globs over the path, or over "METHOD path"."""

    def __init__(self, server: "DiscordServer") -> None:
        self._server = server
        self._faults = server.backend.faults
        self._limits = server.backend.limits

    def fail(
        self, pattern: str, status: int = 503, *, times: int | None = 1, body: Any = None, after_s: float = 0.0
    ) -> None:
        """Answer the next ``times`` requests (None: all) with ``status``; 0 cuts the connection."""
        self._server.call(lambda: self._faults.add(Fault(pattern, status, body, after_s, times)))

    def slow(self, seconds: float, pattern: str = "*", *, times: int | None = None) -> None:
        """Let requests wait before they are looked at."""
        self._server.call(lambda: self._faults.add(Fault(pattern, None, None, seconds, times)))

    def limit(self, pattern: str, count: int, per_s: float) -> None:
        """Allow ``count`` requests in ``per_s`` seconds to each bucket that fits ``pattern`` ("METHOD path" glob)."""
        self._server.call(lambda: self._limits.set_rule(pattern, count, per_s))

    def limit_global(self, per_s: int = 50) -> None:
        """Allow ``per_s`` requests a second altogether; interactions are outside."""
        self._server.call(lambda: self._limits.set_global(per_s))

    def limit_like_discord(self) -> None:
        """The limits that bots report of Discord."""
        self._server.call(self._limits.be_like_discord)

    def clear(self) -> None:
        """No faults, no limits but the wide default."""
        self._server.call(self._faults.clear)
        self._server.call(self._limits.clear)
