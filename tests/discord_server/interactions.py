"""Interactions: their tokens, how long these live, what the bot answered, and what was then shown.

Three seconds for the first answer (10062 afterwards), one first answer (40060 for the second), fifteen minutes for
everything else (50027 afterwards). What happens to an interaction is kept as events, which tests wait for.
"""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from discord_server.clock import ServerClock
from discord_server.errors import DiscordError, unknown
from discord_server.world import Channel, Message, User, World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
# What may answer what: a modal cannot answer a modal, and only a component or the modal it opened has a message.
ANSWERS = {
    COMMAND: (MESSAGE, DEFERRED, MODAL),
    COMPONENT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL),
    AUTOCOMPLETE: (CHOICES,),
    MODAL_SUBMIT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE),
}
FIRST_ANSWER_S = 3.0
TOKEN_S = 900.0


@dataclass(frozen=True, slots=True)
class Event:
    """``kind``: answered, followup, edited, deleted. ``message`` is a copy as it then was."""

    kind: str
    message: Message | None = None
    data: Any = None


@dataclass
class Interaction:
    """One command, press or form on its way.

    ``answer`` is the type of the first answer, None before it; ``refused`` tells of answers that broke a rule.
    """

    id: str
    token: str
    type: int
    user: User
    channel: Channel
    created_at_s: float
    data: dict[str, Any]
    source: Message | None = None
    trigger: "Interaction | None" = None
    answer: int | None = None
    answer_data: Any = None
    answered_after_s: float | None = None
    original: Message | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def note(self, kind: str, message: Message | None = None, data: Any = None) -> None:
        """Keep what happened, with the message as it is now."""
        self.events.append(Event(kind, None if message is None else replace(message), data))

    def metadata(self) -> dict[str, Any]:
        """What a message shows of the interaction it answers."""
        metadata: dict[str, Any] = {
            "id": self.id, "type": self.type, "user": self.user.payload(), "authorizing_integration_owners": {},
        }  # fmt: skip
        if self.type == COMPONENT and self.source is not None:
            metadata["interacted_message_id"] = self.source.id
        if self.type == MODAL_SUBMIT and self.trigger is not None:
            metadata["triggering_interaction_metadata"] = self.trigger.metadata()
        return metadata


class Interactions:
    """All interactions, by token."""

    def __init__(self, world: World, clock: ServerClock) -> None:
        self.world = world
        self.clock = clock
        self.by_token: dict[str, Interaction] = {}
        self.first_answer_s = FIRST_ANSWER_S

    def create(
        self, kind: int, user: User, channel: Channel, data: dict[str, Any], *,
        source: Message | None = None, trigger: Interaction | None = None,
    ) -> Interaction:  # fmt: skip
        """A new interaction of ``user``, not yet told to anybody."""
        made = Interaction(
            self.world.new_id(),
            secrets.token_urlsafe(120),
            kind,
            user,
            channel,
            self.clock.now_s(),
            data,
            source,
            trigger,
        )
        self.by_token[made.token] = made
        return made

    def payload(self, made: Interaction) -> dict[str, Any]:
        """INTERACTION_CREATE: with the member and the roles of this moment, or the user in a DM."""
        world = self.world
        payload: dict[str, Any] = {
            "id": made.id, "application_id": world.application_id, "type": made.type, "token": made.token,
            "version": 1, "data": made.data, "channel_id": made.channel.id, "channel": made.channel.payload(),
            "locale": "en-US", "entitlements": [], "attachment_size_limit": 10 * 1024 * 1024,
            "app_permissions": str(world.permissions_of(world.bot.id)),
            "authorizing_integration_owners": {"0": world.guild_id},
        }  # fmt: skip
        if made.source is not None:
            payload["message"] = world.message_payload(made.source)
        member = world.members.get(made.user.id)
        if made.channel.type == 1 or member is None:
            return payload | {"user": made.user.payload(), "context": 1}
        return payload | {
            "member": world.interaction_member(member), "context": 0, "guild_id": world.guild_id,
            "guild": {"id": world.guild_id, "locale": "en-US", "features": []}, "guild_locale": "en-US",
        }  # fmt: skip

    def open_for_answer(self, interaction_id: str, token: str) -> Interaction:
        """The interaction, if a first answer may still come.

        Raises:
            DiscordError: 10062 (too late, or no such interaction), 40060 (answered before).
        """
        found = self.by_token.get(token)
        if found is None or found.id != interaction_id:
            raise DiscordError(404, 10062, "Unknown interaction", is_offence=True)
        if found.answer is not None:
            raise DiscordError(400, 40060, "Interaction has already been acknowledged.", is_offence=True)
        if self.clock.now_s() - found.created_at_s > self.first_answer_s:
            found.refused.append("10062: too late")
            raise DiscordError(404, 10062, "Unknown interaction", is_offence=True)
        return found

    def open_for_more(self, application_id: str, token: str) -> Interaction:
        """The interaction behind a webhook's token, if it has been answered and the token still lives.

        Raises:
            DiscordError: 50027 (expired), 10015 (not answered yet, or no such webhook).
        """
        found = self.by_token.get(token)
        if found is None or application_id != self.world.application_id:
            raise unknown("Webhook", 10015)
        if self.clock.now_s() - found.created_at_s > TOKEN_S:
            raise DiscordError(401, 50027, "Invalid Webhook Token", is_offence=True)
        if found.answer is None:
            error = unknown("Webhook", 10015)
            error.is_offence = True
            raise error
        return found
