"""Discord's limits one by one, as tables: what is just allowed, and what is just too much."""

from typing import Any

import pytest

from discord_server.command_rules import check_command
from discord_server.component_rules import check_message_components, check_modal, walk, with_ids
from discord_server.errors import DiscordError, Problems
from discord_server.message_rules import check_message

TEXT_INPUT = {"type": 4, "custom_id": "text", "style": 1}
IN = "data.components.0.component."
FIRST = "components.0.components.0."
OPTIONS = [{"label": "One", "value": "1"}, {"label": "Two", "value": "2"}]


def label(component: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"type": 18, "label": "Field", "component": component} | changes


def modal(*components: Any, **changes: Any) -> dict[str, Any]:
    return {"title": "Form", "custom_id": "form", "components": list(components) or [label(TEXT_INPUT)]} | changes


def field(kind: int, **changes: Any) -> dict[str, Any]:
    return modal(label({"type": kind, "custom_id": "field"} | changes))


def options(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [{"label": f"Option {number}", "value": str(number)} | changes for number in range(count)]


def row(*components: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(components)}


def button(custom_id: str = "b", **changes: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Press", "custom_id": custom_id} | changes


def select(**changes: Any) -> dict[str, Any]:
    return {"type": 3, "custom_id": "menu", "options": OPTIONS} | changes


def texts_over(modal_data: Any) -> tuple[str, ...]:
    problems = Problems()
    check_modal(modal_data, problems, ("data",))
    return problems.sentences()


MODALS_ALLOWED = [
    pytest.param(modal(title="t" * 45, custom_id="c" * 100), id="longest title and id"),
    pytest.param(modal(*[label(TEXT_INPUT | {"custom_id": str(number)}) for number in range(5)]), id="five fields"),
    pytest.param(modal(label(TEXT_INPUT, label="l" * 45, description="d" * 100)), id="longest label"),
    pytest.param(modal({"type": 10, "content": "t" * 4000}, label(TEXT_INPUT)), id="longest text display"),
    pytest.param(
        field(4, style=2, min_length=0, max_length=4000, placeholder="p" * 100, value="v" * 4000), id="longest text"
    ),
    pytest.param(modal(row(TEXT_INPUT | {"label": "Old style"})), id="text input in a row"),
    pytest.param(field(3, options=options(25), min_values=0, max_values=25, required=False), id="whole menu"),
    pytest.param(field(21, options=options(10)), id="ten radio options"),
    pytest.param(field(22, options=options(1), required=True), id="a must-tick box"),
    pytest.param(field(22, options=options(10), min_values=2, max_values=10), id="ten checkboxes"),
    pytest.param(field(23, default=True), id="checkbox"),
    pytest.param(field(19, min_values=0, max_values=10, required=False), id="ten files"),
    *[pytest.param(field(kind, min_values=1, max_values=25), id=f"select of type {kind}") for kind in (5, 6, 7, 8)],
]
MODALS_REFUSED = [
    pytest.param(modal(title=""), "data.title", id="no title"),
    pytest.param(modal(title="t" * 46), "data.title", id="title too long"),
    pytest.param(modal(custom_id=None), "data.custom_id", id="no id"),
    pytest.param(modal(custom_id="c" * 101), "data.custom_id", id="id too long"),
    pytest.param(modal(components=[]), "data.components", id="no fields"),
    pytest.param(
        modal(*[label(TEXT_INPUT | {"custom_id": str(number)}) for number in range(6)]),
        "data.components",
        id="six fields",
    ),
    pytest.param(modal(label(TEXT_INPUT), label(TEXT_INPUT)), "data.components", id="an id twice"),
    pytest.param(modal(row(button())), "data.components.0.components.0.type", id="a button"),
    pytest.param(modal(label(button())), IN + "type", id="a button in a label"),
    pytest.param(modal({"type": 12, "items": []}), "data.components.0.type", id="a picture"),
    pytest.param(modal(label(TEXT_INPUT, label="l" * 46)), "data.components.0.label", id="label too long"),
    pytest.param(modal(label(TEXT_INPUT, label=None)), "data.components.0.label", id="no label"),
    pytest.param(
        modal(label(TEXT_INPUT, description="d" * 101)), "data.components.0.description", id="description too long"
    ),
    pytest.param(modal(label(TEXT_INPUT | {"label": "two"})), IN + "label", id="label in label"),
    pytest.param(modal({"type": 10, "content": ""}), "data.components.0.content", id="empty text display"),
    pytest.param(modal(row(TEXT_INPUT)), "data.components.0.components.0.label", id="old style without label"),
    pytest.param(field(4, style=1, placeholder="p" * 101), IN + "placeholder", id="placeholder"),
    pytest.param(field(4, style=1, max_length=4001), IN + "max_length", id="max_length"),
    pytest.param(field(4, style=1, min_length=9, max_length=8), IN + "max_length", id="min over max"),
    pytest.param(field(4, style=1, max_length=3, value="four"), IN + "value", id="value over max"),
    pytest.param(field(4), IN + "style", id="no style"),
    pytest.param(field(3, options=[]), IN + "options", id="empty menu"),
    pytest.param(field(3, options=options(26)), IN + "options", id="26 options"),
    pytest.param(field(3, options=options(2, value="same")), IN + "options", id="a value twice"),
    pytest.param(field(3, options=options(1, label="l" * 101)), IN + "options.0.label", id="option label"),
    pytest.param(
        field(3, options=options(1, description="d" * 101)), IN + "options.0.description", id="option description"
    ),
    pytest.param(field(3, options=OPTIONS, placeholder="p" * 151), IN + "placeholder", id="menu placeholder"),
    pytest.param(field(3, options=OPTIONS, min_values=0), IN + "min_values", id="required, none needed"),
    pytest.param(field(3, options=OPTIONS, disabled=True), IN + "disabled", id="disabled"),
    pytest.param(field(3, options=OPTIONS, max_values=3), IN + "max_values", id="more than there are"),
    pytest.param(field(21, options=options(1)), IN + "options", id="one radio option"),
    pytest.param(field(21, options=options(11)), IN + "options", id="eleven radio options"),
    pytest.param(field(21, options=options(2, default=True)), IN + "options", id="two defaults"),
    pytest.param(field(22, options=options(11)), IN + "options", id="eleven checkboxes"),
    pytest.param(field(22, options=options(2), min_values=0), IN + "min_values", id="boxes, none needed"),
    pytest.param(field(23, required=True), IN + "required", id="required checkbox"),
    pytest.param(field(19, max_values=11), IN + "max_values", id="eleven files"),
]


@pytest.mark.parametrize("data", MODALS_ALLOWED)
def test_a_form_within_the_limits_passes(data: dict[str, Any]):
    assert texts_over(data) == ()


@pytest.mark.parametrize(("data", "where"), MODALS_REFUSED)
def test_a_form_over_a_limit_names_the_field(data: dict[str, Any], where: str):
    assert [sentence.split(":")[0] for sentence in texts_over(data)] == [where]


MESSAGES_ALLOWED = [
    pytest.param({"content": "x" * 2000}, id="longest content"),
    pytest.param({"components": [row(*[button(f"{r}{b}") for b in range(5)]) for r in range(5)]}, id="25 buttons"),
    pytest.param({"components": [row(select(placeholder="p" * 150))]}, id="a menu"),
    pytest.param({"components": [row(button(label="l" * 80, custom_id="c" * 100))]}, id="longest button"),
    pytest.param(
        {"components": [row({"type": 2, "style": 5, "label": "Go", "url": "https://a.example"})]}, id="a link"
    ),
    pytest.param({"components": [row(button(label=None, emoji={"name": "x"}))]}, id="a button with an emoji"),
    pytest.param({"embeds": [{"title": "t" * 256, "description": "d" * 4096}]}, id="longest embed"),
    pytest.param({"embeds": [{"description": "d"}] * 10}, id="ten embeds"),
    pytest.param({"flags": 1 << 15, "components": [{"type": 10, "content": "t" * 4000}]}, id="longest layout"),
    pytest.param(
        {
            "flags": 1 << 15,
            "components": [
                {
                    "type": 17,
                    "components": [
                        {"type": 9, "components": [{"type": 10, "content": "t"}], "accessory": button()},
                        {"type": 12, "items": [{"media": {"url": "attachment://a.png"}, "description": "d"}]},
                        {"type": 14},
                        {"type": 13, "file": {"url": "attachment://a.txt"}},
                        row(select()),
                    ],
                }
            ],
        },
        id="a layout of everything",
    ),
    pytest.param({"content": "x", "allowed_mentions": {"parse": [], "users": ["1"]}}, id="mentions"),
]
MESSAGES_REFUSED = [
    pytest.param({"content": "x" * 2001}, "content", id="content too long"),
    pytest.param({"components": [row(button(str(n))) for n in range(6)]}, "components", id="six rows"),
    pytest.param(
        {"components": [row(*[button(str(n)) for n in range(6)])]}, "components.0.components", id="six buttons"
    ),
    pytest.param({"components": [row()]}, "components.0.components", id="an empty row"),
    pytest.param({"components": [row(select(), button())]}, "components.0.components", id="a menu and a button"),
    pytest.param({"components": [button()]}, "components.0.type", id="a button without a row"),
    pytest.param({"components": [label(TEXT_INPUT)]}, "components.0.type", id="a label"),
    pytest.param({"components": [row(TEXT_INPUT)]}, FIRST + "type", id="a text input"),
    pytest.param({"components": [{"type": 10, "content": "t"}]}, "components.0.type", id="layout without the flag"),
    pytest.param({"components": [row(button(label="l" * 81))]}, FIRST + "label", id="label too long"),
    pytest.param({"components": [row(button(label=None))]}, FIRST + "label", id="no label"),
    pytest.param({"components": [row(button(custom_id=None))]}, FIRST + "custom_id", id="no id"),
    pytest.param({"components": [row(button(custom_id="c" * 101))]}, FIRST + "custom_id", id="id too long"),
    pytest.param({"components": [row(button(style=9))]}, FIRST + "style", id="unknown style"),
    pytest.param({"components": [row(button(url="https://a.example"))]}, FIRST + "url", id="id and url"),
    pytest.param({"components": [row(button(), button())]}, "components", id="an id twice"),
    pytest.param({"components": [row(select(min_values=2, max_values=1))]}, FIRST + "max_values", id="min over max"),
    pytest.param({"embeds": [{"description": "d"}] * 11}, "embeds", id="eleven embeds"),
    pytest.param({"embeds": [{"title": "t" * 257}]}, "embeds.0.title", id="embed title"),
    pytest.param({"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}, "embeds.0.fields", id="26 embed fields"),
    pytest.param(
        {"embeds": [{"fields": [{"name": "", "value": "v"}]}]}, "embeds.0.fields.0.name", id="embed field unnamed"
    ),
    pytest.param(
        {"embeds": [{"fields": [{"name": "n", "value": "v" * 1025}]}]}, "embeds.0.fields.0.value", id="embed field"
    ),
    pytest.param({"embeds": [{"footer": {"text": "f" * 2049}}]}, "embeds.0.footer.text", id="embed footer"),
    pytest.param({"embeds": [{"description": "d" * 3001}] * 2}, "embeds", id="6002 characters of embeds"),
    pytest.param(
        {"flags": 1 << 15, "components": [{"type": 10, "content": "t" * 2001}] * 2},
        "components",
        id="too much layout text",
    ),
    pytest.param({"flags": 1 << 15, "components": [{"type": 14}] * 41}, "components", id="41 components"),
    pytest.param({"content": "x", "flags": 1 << 7}, "flags", id="a flag that cannot be set"),
    pytest.param({"content": "x", "nonce": "n" * 26}, "nonce", id="nonce too long"),
    pytest.param(
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        "allowed_mentions",
        id="mentions twice",
    ),
]


@pytest.mark.parametrize("body", MESSAGES_ALLOWED)
def test_a_message_within_the_limits_passes(body: dict[str, Any]):
    check_message(body, (), has_files=False)


@pytest.mark.parametrize(("body", "where"), MESSAGES_REFUSED)
def test_a_message_over_a_limit_names_the_field(body: dict[str, Any], where: str):
    with pytest.raises(DiscordError) as caught:
        check_message(body, (), has_files=False)
    assert (caught.value.status, caught.value.code, caught.value.is_offence) == (400, 50035, True)
    node = caught.value.errors
    for part in where.split("."):
        assert list(node) == [part]
        node = node[part]
    assert set(node["_errors"][0]) == {"code", "message"}


def test_a_message_needs_something_in_it_unless_it_is_an_edit():
    with pytest.raises(DiscordError, match="50006"):
        check_message({"content": ""}, (), has_files=False)
    check_message({"content": ""}, (), has_files=True)
    check_message({"content": ""}, (), has_files=False, is_edit=True)


def command(**changes: Any) -> dict[str, Any]:
    return {"name": "name", "description": "What it does"} | changes


def option(**changes: Any) -> dict[str, Any]:
    return {"type": 3, "name": "option", "description": "What it is"} | changes


COMMANDS = [
    pytest.param(command(name="n" * 32, description="d" * 100), None, id="longest"),
    pytest.param(command(name="model-names_2"), None, id="digits and dashes"),
    pytest.param(command(options=[option(name=f"o{n}") for n in range(25)]), None, id="25 options"),
    pytest.param(
        command(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(25)])]), None, id="25 choices"
    ),
    pytest.param({"type": 2, "name": "Show Them", "description": ""}, None, id="a menu entry may have capitals"),
    pytest.param(command(name=""), "name", id="no name"),
    pytest.param(command(name="n" * 33), "name", id="name too long"),
    pytest.param(command(name="Upper"), "name", id="a capital"),
    pytest.param(command(name="two words"), "name", id="a space"),
    pytest.param(command(description=""), "description", id="no description"),
    pytest.param(command(description="d" * 101), "description", id="description too long"),
    pytest.param(
        command(default_member_permissions="all"), "default_member_permissions", id="permissions that are no bits"
    ),
    pytest.param(command(options=[option(name=f"o{n}") for n in range(26)]), "options", id="26 options"),
    pytest.param(command(options=[option(), option()]), "options", id="an option twice"),
    pytest.param(
        command(options=[option(), option(name="b", required=True)]), "options.1", id="required after optional"
    ),
    pytest.param(command(options=[option(type=0)]), "options.0.type", id="unknown type"),
    pytest.param(command(options=[option(description="")]), "options.0.description", id="option without description"),
    pytest.param(
        command(options=[option(choices=[{"name": "", "value": "v"}])]), "options.0.choices.0.name", id="unnamed choice"
    ),
    pytest.param(
        command(options=[{"type": 1, "name": "sub", "description": "d", "options": [option(name="Bad")]}]),
        "options.0.options.0.name",
        id="in a subcommand",
    ),
    pytest.param(
        command(
            options=[
                option(name=f"o{n}", description="d" * 100, choices=[{"name": "c" * 100, "value": "v" * 100}] * 2)
                for n in range(25)
            ]
        ),
        "",
        id="over 8000 characters",
    ),
]


@pytest.mark.parametrize(("data", "where"), COMMANDS)
def test_commands_are_held_to_their_limits(data: dict[str, Any], where: str | None):
    problems = Problems()
    check_command(data, problems, ())
    assert [sentence.split(":")[0] for sentence in problems.sentences()] == ([] if where is None else [where])


def test_components_without_a_number_are_given_one():
    numbered = with_ids([label(TEXT_INPUT, id=2), {"type": 10, "content": "t"}])
    assert [each["id"] for each in walk(numbered)] == [2, 1, 3]


def test_rubbish_is_refused_and_not_fallen_over():
    for rubbish in (None, [], "text", 4, {"type": 1}, {"type": 99}):
        problems = Problems()
        check_message_components([rubbish], problems, (), is_layout=False)
        assert problems
        assert texts_over(modal(rubbish))
        check_command(rubbish, problems, ())
