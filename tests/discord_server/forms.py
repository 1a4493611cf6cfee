"""Modals as a person sees them, and what Discord's client sends when one is filled in and submitted.

The client refuses to send what breaks a field's rules (nothing where something is required, too long, too many);
``fill`` does too, with ``FormRefused``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from discord_server.component_rules import (
    CHECKBOX,
    CHECKBOX_GROUP,
    FILE_UPLOAD,
    LABEL,
    RADIO_GROUP,
    ROW,
    TEXT,
    TEXT_INPUT,
)
from discord_server.interactions import Interaction
from discord_server.world import Attachment, World

KINDS = {
    3: "select", TEXT_INPUT: "text", 5: "users", 6: "roles", 7: "mentionables", 8: "channels", FILE_UPLOAD: "files",
    RADIO_GROUP: "radio", CHECKBOX_GROUP: "checkboxes", CHECKBOX: "checkbox",
}  # fmt: skip


class FormRefused(ValueError):
    """Discord's client would not have sent this."""


@dataclass(frozen=True, slots=True)
class Option:
    label: str
    value: str
    description: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in. ``least`` and ``most`` count characters of a text, choices of anything else."""

    label: str
    custom_id: str
    kind: str
    is_required: bool
    description: str = ""
    placeholder: str = ""
    value: str = ""
    least: int = 0
    most: int = 4000
    is_paragraph: bool = False
    options: tuple[Option, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Modal:
    """A form as it was opened. ``texts`` are the paragraphs between the fields, ``components`` all of it as data."""

    title: str
    custom_id: str
    components: list[dict[str, Any]]
    fields: list[Field]
    texts: list[str]
    interaction: Interaction

    def field(self, name: str) -> Field:
        """The field with that label or custom_id.

        Raises:
            KeyError: there is none.
        """
        for each in self.fields:
            if name in (each.label, each.custom_id):
                return each
        raise KeyError(f"no field {name!r}; there are {[each.label for each in self.fields]}")


def read_modal(interaction: Interaction) -> Modal:
    """The modal that answered ``interaction``."""
    data = interaction.answer_data
    fields, texts = [], []
    for component in data["components"]:
        if component["type"] == TEXT:
            texts.append(component["content"])
        elif component["type"] == LABEL:
            fields.append(_field(component["component"], component["label"], component.get("description") or ""))
        else:
            fields += [_field(each, each["label"], "") for each in component["components"]]
    return Modal(data["title"], data["custom_id"], data["components"], fields, texts, interaction)


def fill(modal: Modal, values: Mapping[str, Any], world: World) -> dict[str, Any]:
    """The data of a MODAL_SUBMIT. ``values`` by label or custom_id; what is left out keeps its preset.

    Raises:
        FormRefused: the client would not send it.
        KeyError: there is no such field.
    """
    given = {modal.field(name).custom_id: value for name, value in values.items()}
    resolved: dict[str, Any] = {}
    fields = {each.custom_id: each for each in modal.fields}

    def answered(raw: dict[str, Any]) -> dict[str, Any]:
        each = fields[raw["custom_id"]]
        own = {"type": raw["type"], "id": raw["id"], "custom_id": raw["custom_id"]}
        return own | _answer(each, given.get(each.custom_id), world, resolved)

    components = []
    for component in modal.components:
        shown: dict[str, Any] = {"type": component["type"], "id": component["id"]}
        if component["type"] == LABEL:
            shown["component"] = answered(component["component"])
        elif component["type"] == ROW:
            shown["components"] = [answered(each) for each in component["components"]]
        components.append(shown)
    data: dict[str, Any] = {"custom_id": modal.custom_id, "components": components}
    return data | {"resolved": resolved} if resolved else data


def _field(raw: dict[str, Any], label: str, description: str) -> Field:
    kind = KINDS[raw["type"]]
    options = tuple(
        Option(each["label"], each["value"], each.get("description") or "", bool(each.get("default")))
        for each in raw.get("options") or []
    )
    is_required = raw.get("required")
    if is_required is None:
        is_required = kind not in ("users", "roles", "mentionables", "channels", "checkbox")
    if kind == "text":
        least, most = raw.get("min_length") or 0, raw.get("max_length") or 4000
    else:
        least = 1 if raw.get("min_values") is None else raw["min_values"]
        most = raw.get("max_values") or (len(options) if kind == "checkboxes" else 1)
    return Field(
        label, raw["custom_id"], kind, is_required, description, raw.get("placeholder") or "", raw.get("value") or "",
        least, most, raw.get("style") == 2, options, raw,
    )  # fmt: skip


def _answer(each: Field, value: Any, world: World, resolved: dict[str, Any]) -> dict[str, Any]:
    if each.kind == "text":
        return {"value": _text(each, each.value if value is None else str(value))}
    if each.kind == "checkbox":
        return {"value": bool(each.raw.get("default")) if value is None else bool(value)}
    if value is None:
        chosen = [option.value for option in each.options if option.is_default]
    else:
        # One file is a pair already.
        values = list(value) if isinstance(value, (list, set)) else [value]
        chosen = [chosen_value(each.kind, each.options, one, world, resolved) for one in values]
    if each.kind == "radio":
        if len(chosen) > 1 or (each.is_required and not chosen):
            raise FormRefused(f"{each.label!r}: choose one")
        return {"value": chosen[0] if chosen else None}
    if not chosen and not each.is_required:
        return {"values": []}
    if not each.least <= len(chosen) <= each.most or not chosen:
        raise FormRefused(f"{each.label!r}: choose {each.least} to {each.most}, not {len(chosen)}")
    return {"values": chosen}


def _text(each: Field, text: str) -> str:
    if not text and not each.is_required:
        return text
    if not max(each.least, 1) <= len(text) <= each.most:
        raise FormRefused(f"{each.label!r}: {each.least} to {each.most} characters, not {len(text)}")
    return text


def chosen_value(
    kind: str, options: tuple[Option, ...], value: Any, world: World, resolved: dict[str, Any]
) -> str:  # fmt: skip
    """What is sent for one choice: an option's value, or the id of a person, role, channel or file.

    Raises:
        FormRefused: there is no such option.
    """
    if kind in ("select", "radio", "checkboxes"):
        for option in options:
            if value in (option.value, option.label):
                return option.value
        raise FormRefused(f"no option {value!r}; there are {[option.label for option in options]}")
    if kind == "files":
        name, data = value
        attachment = Attachment(world.new_id(), name, data)
        resolved.setdefault("attachments", {})[attachment.id] = attachment.payload(world.base_url)
        return attachment.id
    return resolve(kind, value, world, resolved)


def resolve(kind: str, value: Any, world: World, resolved: dict[str, Any]) -> str:
    """Put a person, role or channel (an object with an id, a name, or an id) into ``resolved``; its id."""
    wanted = str(getattr(value, "id", value))
    if kind in ("users", "mentionables"):
        user = next((each for each in world.users.values() if wanted in (each.id, each.name)), None)
        if user is not None:
            resolved.setdefault("users", {})[user.id] = user.payload()
            if (member := world.members.get(user.id)) is not None:
                shown = {key: item for key, item in world.interaction_member(member).items() if key != "user"}
                resolved.setdefault("members", {})[user.id] = shown
            return user.id
    things: dict[str, Any] = world.channels if kind == "channels" else world.roles
    thing = next((each for each in things.values() if wanted in (each.id, each.name)), None)
    if thing is None:
        raise FormRefused(f"nobody and nothing called {wanted!r} for {kind}")
    name = "channels" if kind == "channels" else "roles"
    resolved.setdefault(name, {})[thing.id] = thing.payload() | ({"permissions": "0"} if name == "channels" else {})
    return str(thing.id)
