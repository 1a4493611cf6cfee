"""A person in the guild, as a test plays them. Every method may be called from any thread."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from discord_server.answers import Answer, SentMessage
from discord_server.clock import snowflake_time_s
from discord_server.command_input import command_data, find_command
from discord_server.component_rules import BUTTON, SELECTS
from discord_server.forms import KINDS, FormRefused, Modal, Option, chosen_value, fill
from discord_server.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from discord_server.world import Channel, Invite, Member, Message, Role, User

if TYPE_CHECKING:
    from discord_server.control import DiscordServer


class Person:
    """One user, member of the guild or not."""

    def __init__(self, server: "DiscordServer", user: User) -> None:
        self._server = server
        self.user = user

    @property
    def id(self) -> str:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    @property
    def created_at_s(self) -> float:
        """When the account was made: its id says so."""
        return snowflake_time_s(self.id)

    @property
    def is_member(self) -> bool:
        return self.id in self._server.world.members

    @property
    def roles(self) -> list[str]:
        """The names of the roles held now."""
        world = self._server.world
        member = world.members.get(self.id)
        return [] if member is None else [world.roles[each].name for each in member.role_ids]

    @property
    def accepts_dms(self) -> bool:
        """Whether the bot may write to them; if not it is refused with 50007."""
        return self.user.accepts_dms

    @accepts_dms.setter
    def accepts_dms(self, does: bool) -> None:
        self.user.accepts_dms = does

    @property
    def dms(self) -> list[SentMessage]:
        """What the bot has written to them privately, the oldest first."""
        messages = list(self._server.world.messages.values())
        mine = [each for each in messages if each.channel.recipient is self.user and each.author.is_bot]
        return [SentMessage(each) for each in mine if not each.is_deleted]

    def command(self, name: str, *, wait: bool = True, timeout_s: float = 5.0, **options: Any) -> Answer:
        """Run a slash command (``"model enable"`` for a subcommand) and wait for the first answer.

        Raises:
            CommandNotVisible: the client would not offer it; FormRefused: an option does not fit; NoAnswer.
        """
        return self._interact(COMMAND, lambda: self._command_data(name, options), wait=wait, timeout_s=timeout_s)

    def autocomplete(self, name: str, option: str, text: str, **options: Any) -> list[dict[str, Any]]:
        """The choices offered while ``option`` of a command is being typed."""

        def data() -> dict[str, Any]:
            made = self._command_data(name, {**options, option: text}, is_partial=True)
            inner = made["options"]
            while inner and inner[0]["type"] in (1, 2):
                inner = inner[0]["options"]
            next(each for each in inner if each["name"] == option)["focused"] = True
            return made

        return self._interact(AUTOCOMPLETE, data).choices

    def submit(
        self, form: Modal | Answer, values: Mapping[str, Any], *, wait: bool = True, timeout_s: float = 5.0
    ) -> Answer:
        """Fill in a form, by label or custom_id, send it and wait for the first answer.

        Raises:
            FormRefused: Discord's client would not send this; NoAnswer.
        """
        modal = form.modal if isinstance(form, Answer) else form
        opened = modal.interaction
        return self._interact(
            MODAL_SUBMIT, lambda: fill(modal, values, self._server.world), wait=wait, timeout_s=timeout_s,
            source=opened.source, trigger=opened,
        )  # fmt: skip

    def press(
        self, where: Answer | SentMessage, button: str, *, wait: bool = True, timeout_s: float = 5.0
    ) -> Answer:  # fmt: skip
        """Press a button, by label or custom_id, and wait for the first answer.

        Raises:
            KeyError: no such button is there now; NoAnswer.
        """
        message = self._visible(where)

        def data() -> dict[str, Any]:
            found = SentMessage(message).component(button, (BUTTON,))
            return {"component_type": BUTTON, "custom_id": found["custom_id"], "id": found["id"]}

        return self._interact(COMPONENT, data, wait=wait, timeout_s=timeout_s, source=message)

    def select(
        self, where: Answer | SentMessage, menu: str, values: Any, *, wait: bool = True, timeout_s: float = 5.0
    ) -> Answer:
        """Choose in a menu of a message (by placeholder or custom_id), by labels or values.

        Raises:
            KeyError: no such menu is there now; FormRefused: too few, too many, or no such option; NoAnswer.
        """
        message = self._visible(where)

        def data() -> dict[str, Any]:
            found = SentMessage(message).component(menu, SELECTS)
            options = tuple(Option(each["label"], each["value"]) for each in found.get("options") or [])
            wanted = values if isinstance(values, (list, set)) else [values]
            resolved: dict[str, Any] = {}
            kind = KINDS[found["type"]]
            chosen = [chosen_value(kind, options, each, self._server.world, resolved) for each in wanted]
            least = 1 if found.get("min_values") is None else found["min_values"]
            if not least <= len(chosen) <= (found.get("max_values") or 1):
                raise FormRefused(f"{menu!r}: {len(chosen)} chosen")
            about = {"component_type": found["type"], "custom_id": found["custom_id"], "values": chosen}
            return about | {"id": found["id"]} | ({"resolved": resolved} if resolved else {})

        return self._interact(COMPONENT, data, wait=wait, timeout_s=timeout_s, source=message)

    def say(self, channel: "str | Channel", text: str) -> SentMessage:
        """Write a message in a channel of the guild (by name or id)."""
        server = self._server
        return server.call(lambda: self._write(server.channel(channel), text))

    def dm(self, text: str) -> SentMessage:
        """Write to the bot privately."""
        return self._server.call(lambda: self._write(self._server.world.dm_channel(self.user), text))

    def leave(self) -> None:
        """Leave the guild; being kicked looks the same to a bot."""
        self._server.call(self._leave)

    def rejoin(self, via: Invite | None = None) -> None:
        """Join again with the same account and no roles."""
        self._server.call(lambda: self._server.join(Member(self.user, self._server.clock.now_s()), via))

    def be_banned(self) -> None:
        """Staff bans them: out of the guild, and a ban besides."""

        def ban() -> None:
            world = self._server.world
            if self.is_member:
                self._leave()
            world.bans[self.id] = None
            event = {"guild_id": world.guild_id, "user": self.user.payload()}
            self._server.backend.gateway.broadcast("GUILD_BAN_ADD", event)

        self._server.call(ban)

    def set_roles(self, roles: "Iterable[str | Role]") -> None:
        """Hold exactly these roles (by name, or themselves), as if staff had given and taken them."""
        held = list(roles)

        def change() -> None:
            world = self._server.world
            member = world.members[self.id]
            member.role_ids = [world.role_named(each).id if isinstance(each, str) else each.id for each in held]
            self._server.backend.gateway.broadcast("GUILD_MEMBER_UPDATE", world.member_event(member))

        self._server.call(change)

    def add_roles(self, *names: str) -> None:
        self.set_roles(dict.fromkeys([*self.roles, *names]))

    def remove_roles(self, *names: str) -> None:
        self.set_roles([each for each in self.roles if each not in names])

    def _command_data(self, name: str, options: dict[str, Any], *, is_partial: bool = False) -> dict[str, Any]:
        world = self._server.world
        visible = self._server.backend.commands.visible(world.guild_id)
        names = {each["name"] for each in visible}
        first, *path = [name] if name in names else name.split()
        found = find_command(world, visible, first, self.id)
        return command_data(world, found, path, options, is_partial=is_partial)

    def _interact(
        self, kind: int, data: Any, *, wait: bool = True, timeout_s: float = 5.0,
        source: Message | None = None, trigger: Interaction | None = None,
    ) -> Answer:  # fmt: skip
        backend = self._server.backend

        def begin() -> Interaction:
            channel = next(iter(backend.world.channels.values())) if source is None else source.channel
            if trigger is not None:
                channel = trigger.channel
            made = backend.interactions.create(kind, self.user, channel, data(), source=source, trigger=trigger)
            backend.gateway.broadcast("INTERACTION_CREATE", backend.interactions.payload(made))
            return made

        answer = Answer(self._server, self._server.call(begin))
        return answer.wait(timeout_s) if wait else answer

    def _visible(self, where: Answer | SentMessage) -> Message:
        shown = where.message if isinstance(where, Answer) else where
        if shown is None:
            raise KeyError("there is no message")
        message = self._server.world.messages[shown.id]
        if message.is_deleted or message.visible_to not in (None, self.id):
            raise KeyError(f"{self.name} does not see that message")
        return message

    def _write(self, channel: Channel, text: str) -> SentMessage:
        world = self._server.world
        message = Message(world.new_id(), channel, self.user, self._server.clock.now_s(), content=text)
        world.add_message(message)
        self._server.backend.gateway.broadcast("MESSAGE_CREATE", world.message_event(message))
        return SentMessage(message)

    def _leave(self) -> None:
        world = self._server.world
        del world.members[self.id]
        event = {"guild_id": world.guild_id, "user": self.user.payload()}
        self._server.backend.gateway.broadcast("GUILD_MEMBER_REMOVE", event)

    def __repr__(self) -> str:
        return f"<Person {self.name} {self.id}>"
