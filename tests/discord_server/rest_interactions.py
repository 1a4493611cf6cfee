"""First answers to interactions, follow-ups, and what becomes of them."""

from typing import Any

from discord_server.component_rules import check_length, check_modal, with_ids
from discord_server.errors import DiscordError, Problems, unknown
from discord_server.interactions import (
    ANSWERS,
    CHOICES,
    DEFERRED,
    DEFERRED_UPDATE,
    MESSAGE,
    MODAL,
    UPDATE,
    Interaction,
)
from discord_server.message_rules import check_message
from discord_server.routes import Call, new_attachments, route
from discord_server.world import EPHEMERAL, LOADING, Message

CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
FOLLOWUPS = "/webhooks/{webhook_id}/{webhook_token}"
ONE = FOLLOWUPS + "/messages/{message_id}"
ORIGINAL = FOLLOWUPS + "/messages/@original"


@route("POST", CALLBACK, needs_token=False)
def answer(call: Call) -> Any:
    interactions = call.backend.interactions
    found = interactions.open_for_answer(call.params["interaction_id"], call.params["interaction_token"])
    try:
        kind, data = _checked(call, found)
    except DiscordError as error:
        found.refused.append(f"{error.code}: {error.errors or error.message}")
        raise
    found.answer, found.answer_data = kind, data
    found.answered_after_s = call.backend.clock.now_s() - found.created_at_s
    if kind in (MESSAGE, DEFERRED):
        found.original = _new_message(call, found, data or {}, is_deferred=kind == DEFERRED)
    elif kind == UPDATE and found.source is not None:
        change_message(call, found.source, data or {})
        found.original = found.source
    elif kind == DEFERRED_UPDATE:
        found.original = found.source
    elif kind == MODAL:
        found.answer_data = {**data, "components": with_ids(data["components"])}
    found.note("answered", found.original, found.answer_data)
    if kind in (MESSAGE, UPDATE) and found.original is not None:
        _announce(call, found.original, "MESSAGE_CREATE" if kind == MESSAGE else "MESSAGE_UPDATE")
    return _callback_response(call, found) if call.query.get("with_response", "").lower() in ("1", "true") else None


def _checked(call: Call, found: Interaction) -> tuple[int, Any]:
    """The answer's type and data, if it may be given to this interaction."""
    body = call.body if isinstance(call.body, dict) else {}
    kind, data = body.get("type"), body.get("data")
    problems = Problems()
    allowed = ANSWERS[found.type]
    if kind not in allowed or (kind == UPDATE and found.source is None):
        choices = ", ".join(map(str, allowed))
        problems.add(("type",), "BASE_TYPE_CHOICES", f"Value must be one of {{{choices}}}.")
        problems.raise_if_any()
    if kind == MODAL:
        check_modal(data, problems, ("data",))
    if kind == CHOICES:
        _check_choices(data, problems)
    problems.raise_if_any()
    if kind in (MESSAGE, UPDATE):
        check_message(data, ("data",), has_files=bool(call.uploads), is_edit=kind == UPDATE)
    return int(str(kind)), data


def _check_choices(data: Any, problems: Problems) -> None:
    choices = (data or {}).get("choices")
    if not isinstance(choices, list) or len(choices) > 25:
        problems.add(("data", "choices"), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        return
    for index, choice in enumerate(choices):
        check_length(choice.get("name"), 1, 100, problems, ("data", "choices", index, "name"))


def _callback_response(call: Call, found: Interaction) -> dict[str, Any]:
    about: dict[str, Any] = {"id": found.id, "type": found.type}
    resource: dict[str, Any] = {"type": found.answer}
    if found.original is not None:
        flags = found.original.flags
        about |= {
            "response_message_id": found.original.id, "response_message_loading": bool(flags & LOADING),
            "response_message_ephemeral": bool(flags & EPHEMERAL),
        }  # fmt: skip
        if found.answer in (MESSAGE, UPDATE):
            resource["message"] = call.backend.world.message_payload(found.original)
    return {"interaction": about, "resource": resource}


@route("POST", FOLLOWUPS, needs_token=False)
def follow_up(call: Call) -> Any:
    found = _opened(call)
    check_message(call.body, (), has_files=bool(call.uploads))
    original = found.original
    if found.answer == DEFERRED and original is not None and original.flags & LOADING:
        if original.is_deleted:
            raise unknown("Message", 10008)
        # The first follow-up takes the place of "is thinking", and is as visible as that was.
        original.flags &= ~LOADING
        fill_message(call, original, call.body)
        found.note("followup", original)
        _announce(call, original, "MESSAGE_UPDATE")
        return call.backend.world.message_payload(original)
    message = _new_message(call, found, call.body, is_deferred=False)
    found.note("followup", message)
    _announce(call, message, "MESSAGE_CREATE")
    return call.backend.world.message_payload(message)


@route("GET", ORIGINAL, needs_token=False)
@route("GET", ONE, needs_token=False)
def read_answer(call: Call) -> Any:
    return call.backend.world.message_payload(_message(call, _opened(call)))


@route("PATCH", ORIGINAL, needs_token=False)
@route("PATCH", ONE, needs_token=False)
def edit_answer(call: Call) -> Any:
    found = _opened(call)
    message = _message(call, found)
    check_message(call.body, (), has_files=bool(call.uploads), is_edit=True)
    message.flags &= ~LOADING
    change_message(call, message, call.body)
    found.note("edited", message)
    _announce(call, message, "MESSAGE_UPDATE")
    return call.backend.world.message_payload(message)


@route("DELETE", ORIGINAL, needs_token=False)
@route("DELETE", ONE, needs_token=False)
def delete_answer(call: Call) -> None:
    found = _opened(call)
    message = _message(call, found)
    message.is_deleted = True
    found.note("deleted", message)
    if not message.flags & EPHEMERAL:
        gone = {"id": message.id, "channel_id": message.channel.id, "guild_id": call.backend.world.guild_id}
        call.backend.gateway.broadcast("MESSAGE_DELETE", gone)


def change_message(call: Call, message: Message, body: dict[str, Any]) -> None:
    """Edit: what ``body`` names is replaced, the rest stays. Attachments not listed any more are dropped."""
    if "content" in body:
        message.content = body["content"] or ""
    if "embeds" in body:
        message.embeds = body["embeds"] or []
    if "components" in body:
        message.components = with_ids(body["components"] or [])
    listed = body.get("attachments")
    if "attachments" in body or call.uploads:
        kept = message.attachments
        if "attachments" in body:
            ids = {str(each.get("id")) for each in listed or []}
            kept = [each for each in message.attachments if each.id in ids]
        message.attachments = kept + new_attachments(call, listed)
    message.edited_at_s = call.backend.clock.now_s()


def fill_message(call: Call, message: Message, body: dict[str, Any]) -> None:
    """Give a message its whole content."""
    message.content = body.get("content") or ""
    message.embeds = body.get("embeds") or []
    message.components = with_ids(body.get("components") or [])
    message.attachments = new_attachments(call, body.get("attachments"))


def _new_message(call: Call, found: Interaction, data: dict[str, Any], *, is_deferred: bool) -> Message:
    world = call.backend.world
    flags = data.get("flags") or 0
    message = Message(world.new_id(), found.channel, world.bot, call.backend.clock.now_s(), interaction=found)
    message.flags = (flags & EPHEMERAL) | LOADING if is_deferred else flags
    message.visible_to = found.user.id if flags & EPHEMERAL else None
    message.webhook_id = world.application_id
    if not is_deferred:
        fill_message(call, message, data)
    world.add_message(message)
    found.messages[message.id] = message
    return message


def _announce(call: Call, message: Message, event: str) -> None:
    """Ephemeral messages are shown to one person and told to no session."""
    if not message.flags & EPHEMERAL:
        call.backend.gateway.broadcast(event, call.backend.world.message_event(message))


def _opened(call: Call) -> Interaction:
    return call.backend.interactions.open_for_more(call.params["webhook_id"], call.params["webhook_token"])


def _message(call: Call, found: Interaction) -> Message:
    message_id = call.params.get("message_id")
    message = found.original if message_id is None else found.messages.get(message_id)
    if message is None and found.source is not None and message_id == found.source.id:
        message = found.source
    if message is None or message.is_deleted:
        raise unknown("Message", 10008)
    return message
