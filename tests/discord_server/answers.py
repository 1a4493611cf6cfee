"""What a person sees of the bot: messages with their buttons and files, and how an interaction was answered."""

from typing import TYPE_CHECKING, Any

from discord_server.component_rules import BUTTON, walk
from discord_server.forms import Field, Modal, read_modal
from discord_server.interactions import CHOICES, DEFERRED, DEFERRED_UPDATE, MESSAGE, MODAL, UPDATE, Event, Interaction
from discord_server.world import EPHEMERAL, Attachment, Message

if TYPE_CHECKING:
    from discord_server.control import DiscordServer

KINDS = {
    MESSAGE: "message", DEFERRED: "deferred", DEFERRED_UPDATE: "deferred_update", UPDATE: "update",
    CHOICES: "choices", MODAL: "modal",
}  # fmt: skip


class NoAnswer(TimeoutError):
    """The person sees "the application did not respond"."""


class SentMessage:
    """A message as it was at one moment; ``press`` and ``select`` work on what it is now."""

    def __init__(self, message: Message) -> None:
        self._message = message

    @property
    def id(self) -> str:
        return self._message.id

    @property
    def content(self) -> str:
        return self._message.content

    @property
    def embeds(self) -> list[dict[str, Any]]:
        return self._message.embeds

    @property
    def attachments(self) -> list[Attachment]:
        """Files with ``name``, ``data`` (bytes), ``description`` (the alt text), ``content_type``."""
        return self._message.attachments

    @property
    def components(self) -> list[dict[str, Any]]:
        return self._message.components

    @property
    def ephemeral(self) -> bool:
        return bool(self._message.flags & EPHEMERAL)

    @property
    def channel_id(self) -> str:
        return self._message.channel.id

    @property
    def author_id(self) -> str:
        return self._message.author.id

    @property
    def buttons(self) -> list[str]:
        """The labels of the buttons that can be pressed."""
        return [
            str(each.get("label"))
            for each in walk(self.components)
            if each["type"] == BUTTON and not each.get("disabled")
        ]

    @property
    def text(self) -> str:
        """All that can be read in it: content, embeds, components, file names and alt texts."""
        parts = [self.content, str(self.embeds), str(self.components)]
        parts += [f"{each.name} {each.description or ''}" for each in self.attachments]
        return "\n".join(parts)

    def component(self, name: str, types: tuple[int, ...]) -> dict[str, Any]:
        """The button or select with that label, placeholder or custom_id.

        Raises:
            KeyError: there is none that can be used.
        """
        usable = [each for each in walk(self.components) if each["type"] in types and not each.get("disabled")]
        for each in usable:
            if name in (each.get("label"), each.get("placeholder"), each.get("custom_id")) and "custom_id" in each:
                return each
        raise KeyError(f"no {name!r} in {[each.get('label') or each.get('placeholder') for each in usable]}")

    def __repr__(self) -> str:
        return f"<SentMessage {self.content!r} files={[each.name for each in self.attachments]} buttons={self.buttons}>"


class Answer:
    """How the bot answered one interaction. ``kind``: modal, message, deferred, deferred_update, update, choices."""

    def __init__(self, server: "DiscordServer", interaction: Interaction) -> None:
        self._server = server
        self._interaction = interaction
        self._read = 0

    def wait(self, timeout_s: float = 5.0) -> "Answer":
        """Wait for the first answer.

        Raises:
            NoAnswer: none came.
        """
        try:
            self._server.records.wait_for(lambda: self._interaction.events, timeout_s, "a first answer")
        except TimeoutError:
            made = self._interaction
            text = f"the application did not respond within {timeout_s} s: {made.data}; refused: {made.refused}"
            raise NoAnswer(text) from None
        self._read = max(self._read, 1)
        return self

    @property
    def is_answered(self) -> bool:
        return self._interaction.answer is not None

    @property
    def kind(self) -> str:
        assert self._interaction.answer is not None, "not answered"
        return KINDS[self._interaction.answer]

    @property
    def modal(self) -> Modal:
        """The form that was opened."""
        assert self.kind == "modal", f"a {self.kind} is no modal: {self.message}"
        return read_modal(self._interaction)

    @property
    def message(self) -> SentMessage | None:
        """The message of the first answer, as it was then."""
        first = self._interaction.events[0].message if self._interaction.events else None
        return None if first is None else SentMessage(first)

    @property
    def content(self) -> str:
        return self._shown.content

    @property
    def embeds(self) -> list[dict[str, Any]]:
        return self._shown.embeds

    @property
    def attachments(self) -> list[Attachment]:
        return self._shown.attachments

    @property
    def components(self) -> list[dict[str, Any]]:
        return self._shown.components

    @property
    def buttons(self) -> list[str]:
        return self._shown.buttons

    @property
    def ephemeral(self) -> bool:
        return self._shown.ephemeral

    @property
    def text(self) -> str:
        return self._shown.text

    @property
    def choices(self) -> list[dict[str, Any]]:
        """What an autocomplete was answered with."""
        assert self.kind == "choices"
        return list(self._interaction.answer_data["choices"])

    @property
    def latency_s(self) -> float:
        """Seconds from the interaction to its first answer, by the server's clock."""
        assert self._interaction.answered_after_s is not None
        return self._interaction.answered_after_s

    @property
    def fields(self) -> list[Field]:
        return self.modal.fields

    @property
    def id(self) -> str:
        """The interaction's id."""
        return self._interaction.id

    @property
    def token(self) -> str:
        """The interaction's token."""
        return self._interaction.token

    def followup(self, timeout_s: float = 10.0) -> SentMessage:
        """The next follow-up that was not read yet (of a deferred answer the first one fills it).

        Raises:
            TimeoutError: there was none.
        """
        return self._next(("followup",), timeout_s)

    def edited(self, timeout_s: float = 10.0) -> SentMessage:
        """The next edit that was not read yet, as it left the message."""
        return self._next(("edited",), timeout_s)

    def deleted(self, timeout_s: float = 10.0) -> SentMessage:
        """The next deletion that was not read yet."""
        return self._next(("deleted",), timeout_s)

    def result(self, timeout_s: float = 10.0) -> SentMessage:
        """The message the person ends up with: the first answer, or what a deferred one became."""
        if self.kind in ("message", "update"):
            return self._shown
        return self._next(("followup", "edited"), timeout_s)

    def _next(self, kinds: tuple[str, ...], timeout_s: float) -> SentMessage:
        events = self._interaction.events

        def found() -> Event | None:
            for index in range(self._read, len(events)):
                if events[index].kind in kinds:
                    self._read = index + 1
                    return events[index]
            return None

        event: Event = self._server.records.wait_for(
            found, timeout_s, f"{kinds} after {[each.kind for each in events]}"
        )
        assert event.message is not None
        return SentMessage(event.message)

    @property
    def _shown(self) -> SentMessage:
        message = self.message
        assert message is not None, f"{self.kind} has no message"
        return message

    def __repr__(self) -> str:
        return f"<Answer {self.kind if self.is_answered else 'none'} {self.message}>"
