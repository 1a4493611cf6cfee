"""A Discord of one guild, run by a test, for an unmodified discord.py to log in to.

    with DiscordServer.start() as server:
        # the program under test: discord.api_base_url = server.api_base_url, discord.gateway_url = server.gateway_url
        ada = server.add_member("ada")
        server.wait_for_ready()
        answer = ada.command("signup")
        later = ada.submit(answer.modal, {"Use case": "..."})
        assert not server.violations

The server runs on a loop and a thread of its own; everything here may be called from any other thread and waits
until it is done. Nothing is scripted: what the bot does not do does not happen.
"""

import asyncio
import concurrent.futures
import fnmatch
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from discord_server import rest_bot, rest_commands, rest_guild, rest_interactions, rest_messages
from discord_server.answers import Answer, NoAnswer, SentMessage
from discord_server.backend import Backend
from discord_server.clock import ServerClock
from discord_server.command_input import CommandNotVisible
from discord_server.errors import Violation
from discord_server.faults import Faults
from discord_server.forms import Field, FormRefused, Modal
from discord_server.gateway import Gateway
from discord_server.gateway_socket import Connection, GatewaySocket
from discord_server.intents import MEMBERS
from discord_server.interactions import Interactions
from discord_server.limits import Limits
from discord_server.people import Person
from discord_server.records import Records, Request
from discord_server.rest import CdnHandler, RestHandler
from discord_server.switches import GatewaySwitches, RestSwitches
from discord_server.world import ADMINISTRATOR, Channel, Invite, Member, Role, User, World

__all__ = [
    "Answer", "Channel", "CommandNotVisible", "Connection", "DiscordServer", "Field", "FormRefused", "Invite", "Modal",
    "NoAnswer", "Person", "Request", "SentMessage", "Violation",
]  # fmt: skip

DAY_S = 86400.0
ROUTE_MODULES = (rest_bot, rest_commands, rest_guild, rest_interactions, rest_messages)
Result = TypeVar("Result")


class DiscordServer:
    """One guild with a REST side and a gateway on one port of 127.0.0.1. See the README in this folder."""

    def __init__(self, token: str = "MTIz.test.token") -> None:
        self.clock = ServerClock()
        self.records = Records()
        self.world = World(self.clock)
        self.token = token
        gateway = Gateway(self.world, self.records, token)
        interactions = Interactions(self.world, self.clock)
        self.backend = Backend(
            self.clock, self.world, gateway, self.records, Limits(self.clock), Faults(), interactions
        )  # fmt: skip
        self.port = 0
        self._codes = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="discord-server", daemon=True)
        self.gateway = GatewaySwitches(self)
        self.rest = RestSwitches(self)
        self.world.add_channel("general")
        self._add_role("staff", ADMINISTRATOR)
        self._add_role("seems_legit", 0)
        self.owner = Person(self, self.world.owner)

    @classmethod
    def start(cls, token: str = "MTIz.test.token") -> Self:
        """A running server with the roles ``staff`` (administrator) and ``seems_legit`` and the channel ``general``."""
        server = cls(token)
        server._thread.start()
        server._started.result(10)
        return server

    def stop(self) -> None:
        """Cut all connections and end the thread."""
        if self._thread.is_alive():
            self.call(self._ending.set)
            self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        self.stop()

    @property
    def api_base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def guild_id(self) -> int:
        return int(self.world.guild_id)

    @property
    def bot_id(self) -> str:
        return self.world.bot.id

    @property
    def requests(self) -> list[Request]:
        """Every REST request so far."""
        return list(self.records.requests)

    @property
    def violations(self) -> list[Violation]:
        """What the bot did that a correct bot never does: limits, late and second answers, unknown routes, frames."""
        return list(self.records.violations)

    @property
    def connections(self) -> list[Connection]:
        """Every gateway connection so far."""
        return list(self.records.connections)

    @property
    def commands(self) -> dict[str, dict[str, Any]]:
        """The registered commands of the guild and the global ones, by name."""
        return {each["name"]: each for each in self.call(lambda: self.backend.commands.visible(self.world.guild_id))}

    @property
    def privileged_intents(self) -> set[str]:
        """Those the application was granted, of members, presences, message_content. Change the set itself."""
        return self.backend.gateway.privileged

    def requests_to(self, pattern: str) -> list[Request]:
        """The requests that fit a glob over "METHOD path": ``"PUT /guilds/*/members/*/roles/*"``."""
        return [each for each in self.requests if fnmatch.fnmatchcase(f"{each.method} {each.path}", pattern)]

    def messages(self, channel: "str | Channel" = "general") -> list[SentMessage]:
        """What stands in a channel of the guild for all to see, the oldest first."""
        found = self.channel(channel)
        standing = [
            each for each in list(self.world.messages.values()) if each.channel is found and not each.is_deleted
        ]
        return [SentMessage(each) for each in standing if each.visible_to is None]

    def add_member(
        self, name: str, *, roles: Iterable[str] = (), account_age_days: float = 400.0, joined_days_ago: float = 30.0,
        joined: datetime | None = None, via: Invite | None = None, user_id: str | None = None, bot: bool = False,
    ) -> Person:  # fmt: skip
        """Somebody joins, by ``via`` if they came by an invite; sessions that want to know are told."""

        def do() -> User:
            now_s = self.clock.now_s()
            new_id = user_id or self.world.new_id(now_s - account_age_days * DAY_S)
            user = self.world.users.setdefault(new_id, User(new_id, name, is_bot=bot))
            joined_s = now_s - joined_days_ago * DAY_S if joined is None else joined.timestamp()
            self.join(Member(user, joined_s, [self.world.role_named(each).id for each in roles]), via)
            return user

        return Person(self, self.call(do))

    def add_user(self, name: str, *, account_age_days: float = 400.0) -> Person:
        """An account that is in no guild; it may ``rejoin``."""

        def do() -> User:
            user = User(self.world.new_id(self.clock.now_s() - account_age_days * DAY_S), name)
            self.world.users[user.id] = user
            return user

        return Person(self, self.call(do))

    def add_members(self, count: int, *, prefix: str = "extra") -> list[Person]:
        """Many members at once."""
        return [self.add_member(f"{prefix}{number}") for number in range(count)]

    def person(self, user_id: "str | int") -> Person:
        return Person(self, self.world.users[str(user_id)])

    def add_role(self, name: str, *, permissions: int = 0, above_bot: bool = False) -> Role:
        """A new role, beneath the bot's own unless ``above_bot``: the bot can then not give it."""

        def do() -> Role:
            role = self._add_role(name, permissions, above_bot=above_bot)
            event = {"guild_id": self.world.guild_id, "role": role.payload()}
            self.backend.gateway.broadcast("GUILD_ROLE_CREATE", event)
            return role

        return self.call(do)

    def delete_role(self, name: str) -> None:
        """The role is gone, from its members too; Discord sends the one event only."""

        def do() -> None:
            role = self.world.role_named(name)
            for member in self.world.members.values():
                member.role_ids = [each for each in member.role_ids if each != role.id]
            del self.world.roles[role.id]
            self.backend.gateway.broadcast("GUILD_ROLE_DELETE", {"guild_id": self.world.guild_id, "role_id": role.id})

        self.call(do)

    def add_channel(self, name: str) -> Channel:
        """A new text channel."""

        def do() -> Channel:
            channel = self.world.add_channel(name)
            event = channel.payload() | {"guild_id": self.world.guild_id}
            self.backend.gateway.broadcast("CHANNEL_CREATE", event)
            return channel

        return self.call(do)

    def channel(self, channel: "str | Channel") -> Channel:
        """A channel by name or id.

        Raises:
            KeyError: there is none.
        """
        for each in self.world.channels.values():
            if channel is each or channel in (each.name, each.id):
                return each
        raise KeyError(f"no channel {channel!r}")

    def invite(self, by: Person | None = None, *, channel: str = "general", max_uses: int = 0) -> Invite:
        """An invite made by ``by`` (the owner); its ``uses`` counts those who came by it."""

        def do() -> Invite:
            code, inviter = f"inv{next(self._codes):05}", (by or self.owner).user
            made = Invite(code, self.channel(channel), inviter, self.clock.now_s(), max_uses)
            self.world.invites[code] = made
            event = self.world.invite_payload(made) | {"guild_id": self.world.guild_id, "channel_id": made.channel.id}
            self.backend.gateway.broadcast("INVITE_CREATE", event)
            return made

        return self.call(do)

    def delete_invite(self, invite: Invite) -> None:
        """The invite is revoked, and its count of uses with it."""
        self.call(lambda: self._delete_invite(invite))

    def wait_for(self, predicate: Callable[[], Any], timeout_s: float = 10.0, what: str = "what was waited for") -> Any:
        """Wait until ``predicate()`` is true and return it.

        Raises:
            TimeoutError: it was not in time.
        """
        return self.records.wait_for(predicate, timeout_s, what)

    def wait_for_ready(self, timeout_s: float = 20.0) -> None:
        """Wait until a bot is connected, has the guild, and the member list if it asks for that."""
        gateway = self.backend.gateway

        def has_guild() -> Any:
            return [each for each in list(gateway.sockets) if each.session is not None and each.session.has_guild]

        socket = self.wait_for(has_guild, timeout_s, "a bot that has identified")[-1]
        if socket.session.intents & MEMBERS:
            # Bots that want the list ask at once; those that never do are not waited for.
            try:
                self.wait_for(lambda: any(op == 8 for op, _ in socket.record.received), 1.0)
            except TimeoutError:
                return

    def wait_for_commands(self, *names: str, timeout_s: float = 20.0) -> None:
        """Wait until these commands are registered."""
        self.wait_for(lambda: set(names) <= set(self.commands), timeout_s, f"the commands {names}")

    def wait_for_request(self, pattern: str, *, count: int = 1, timeout_s: float = 10.0) -> list[Request]:
        """Wait until ``count`` requests that fit a "METHOD path" glob were answered."""
        return list(self.wait_for(lambda: self._answered(pattern, count), timeout_s, f"{count} of {pattern}"))

    @contextmanager
    def outage(self, status: int = 503) -> Iterator[None]:
        """Discord is down: REST answers ``status``, connections are cut and refused."""
        self.rest.fail("*", status, times=None)
        self.gateway.refuse_next(1_000_000)
        self.gateway.drop()
        try:
            yield
        finally:
            self.rest.clear()
            self.gateway.refuse_next(0)

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Nothing listens on the port: connections are cut, new ones are refused by the system."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._stop_listening(), self._loop).result(10)
        try:
            yield
        finally:
            self.call(self._listen)

    def call(self, function: Callable[[], Result]) -> Result:
        """Run ``function`` on the server's loop and return what it returned."""
        if self._loop is None or threading.current_thread() is self._thread:
            return function()
        done: concurrent.futures.Future[Result] = concurrent.futures.Future()

        def run() -> None:
            try:
                done.set_result(function())
            except BaseException as error:
                done.set_exception(error)
            self.records.changed()

        self._loop.call_soon_threadsafe(run)
        return done.result(30)

    def join(self, member: Member, via: Invite | None) -> None:
        """Put a member into the guild and say so (on the server's loop; tests use ``add_member`` and ``rejoin``)."""
        self.world.members[member.user.id] = member
        if via is not None:
            via.uses += 1
            if via.max_uses and via.uses >= via.max_uses:
                self._delete_invite(via)
        self.backend.gateway.broadcast("GUILD_MEMBER_ADD", self.world.member_event(member))

    def _delete_invite(self, invite: Invite) -> None:
        self.world.invites.pop(invite.code, None)
        event = {"code": invite.code, "channel_id": invite.channel.id, "guild_id": self.world.guild_id}
        self.backend.gateway.broadcast("INVITE_DELETE", event)

    def _add_role(self, name: str, permissions: int, *, above_bot: bool = False) -> Role:
        top = self.world.bot_role.position
        role = Role(self.world.new_id(), name, top + 1 if above_bot else top, permissions)
        if not above_bot:
            for each in self.world.roles.values():
                if each.position >= top:
                    each.position += 1
        self.world.roles[role.id] = role
        return role

    def _answered(self, pattern: str, count: int) -> list[Request]:
        found = [each for each in self.requests_to(pattern) if each.status]
        return found if len(found) >= count else []

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        self._listen()
        self._loop = asyncio.get_running_loop()
        self._started.set_result(None)
        await self._ending.wait()
        await self._stop_listening()

    def _listen(self) -> None:
        routes: list[Any] = [
            (r"/api/v(?:9|10)(/.*)", RestHandler, {"backend": self.backend}),
            (r"/attachments/(\d+)/.*", CdnHandler, {"backend": self.backend}),
            (r"/|/resume", GatewaySocket, {"gateway": self.backend.gateway}),
        ]
        application = Application(routes, log_function=lambda handler: None)
        self._http = HTTPServer(application, max_body_size=30 * 1024 * 1024)
        sockets = bind_sockets(self.port, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self.world.base_url = f"http://127.0.0.1:{self.port}"
        self.backend.gateway.url = self.gateway_url
        self._http.add_sockets(sockets)

    async def _stop_listening(self) -> None:
        self._http.stop()
        for socket in list(self.backend.gateway.sockets):
            socket.hang_up(None)
        await self._http.close_all_connections()
