"""Discord's limits of components, in messages and in modals.

Each check adds what it finds to ``Problems``; nothing stops at the first fault, as with Discord. Limits:
https://docs.discord.com/developers/components/reference
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from discord_server.errors import Problems

Path = tuple[str | int, ...]

ROW, BUTTON, STRING_SELECT, TEXT_INPUT, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR = (
    1,
    2,
    3,
    4,
    9,
    10,
    11,
    12,
    13,
    14,
)
CONTAINER, LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 17, 18, 19, 21, 22, 23
ENTITY_SELECTS = (5, 6, 7, 8)
SELECTS = (STRING_SELECT, *ENTITY_SELECTS)
IN_LABEL = (*SELECTS, TEXT_INPUT, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX)
LINK, PREMIUM = 5, 6
MOST_IN_LAYOUT = 40
LAYOUT_TEXT = 4000


def check_message_components(components: Any, problems: Problems, path: Path, *, is_layout: bool) -> None:
    """The components of a message; ``is_layout``: the message has the flag IS_COMPONENTS_V2."""
    if not _is_list(components, problems, path):
        return
    allowed = (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER) if is_layout else (ROW,)
    if not is_layout and len(components) > 5:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for index, each in enumerate(components):
        _check_of(each, allowed, problems, (*path, index))
    if is_layout:
        everything = list(walk(components))
        if len(everything) > MOST_IN_LAYOUT:
            problems.add(path, "COMPONENT_MAX_TOTAL_COMPONENTS", "The maximum number of components is 40.")
        if sum(len(str(each.get("content", ""))) for each in everything) > LAYOUT_TEXT:
            problems.add(path, "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", "Displayable text is over 4000 characters.")
    _check_unique_ids(components, problems, path)


def check_modal(modal: Any, problems: Problems, path: Path) -> None:
    """A modal as the data of a type 9 answer."""
    if not isinstance(modal, dict):
        problems.add(path, "BASE_TYPE_REQUIRED", "This field is required")
        return
    check_length(modal.get("title"), 1, 45, problems, (*path, "title"))
    check_length(modal.get("custom_id"), 1, 100, problems, (*path, "custom_id"))
    path = (*path, "components")
    components = modal.get("components")
    if not _is_list(components, problems, path):
        return
    assert isinstance(components, list)
    if not 1 <= len(components) <= 5:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for index, each in enumerate(components):
        if _check_type(each, (ROW, TEXT, LABEL), problems, (*path, index)):
            _MODAL_CHECKS[each["type"]](each, problems, (*path, index))
    _check_unique_ids(components, problems, path)


def walk(components: list[Any]) -> Iterator[dict[str, Any]]:
    """All components, the inner ones after the one that holds them."""
    for each in components:
        if not isinstance(each, dict):
            continue
        yield each
        inner = each.get("components")
        yield from walk(inner if isinstance(inner, list) else [])
        yield from walk([each[name] for name in ("accessory", "component") if name in each])


def with_ids(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A copy in which each component has its number, as Discord gives them to those that came without."""
    components = deepcopy(components)
    taken = {each["id"] for each in walk(components) if each.get("id")}
    number = 0
    for each in walk(components):
        if not each.get("id"):
            number += 1
            while number in taken:
                number += 1
            each["id"] = number
    return components


def check_length(value: Any, low: int, high: int, problems: Problems, path: Path) -> None:
    """A text of ``low`` to ``high`` characters; missing is fine when ``low`` is 0."""
    if value is None:
        if low:
            problems.add(path, "BASE_TYPE_REQUIRED", "This field is required")
    elif not isinstance(value, str):
        problems.add(path, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
    elif not low <= len(value) <= high:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.")


def check_number(value: Any, low: int, high: int, problems: Problems, path: Path) -> None:
    """A whole number between two bounds, or none."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        problems.add(path, "NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
    elif value < low:
        problems.add(path, "NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low}.")
    elif value > high:
        problems.add(path, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.")


def _is_list(value: Any, problems: Problems, path: Path) -> bool:
    if not isinstance(value, list):
        problems.add(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    return isinstance(value, list)


def _check_type(component: Any, allowed: tuple[int, ...], problems: Problems, path: Path) -> bool:
    if isinstance(component, dict) and component.get("type") in allowed:
        return True
    problems.add((*path, "type"), "UNION_TYPE_CHOICES", f'Value of field "type" must be one of {allowed}.')
    return False


def _check_of(component: Any, allowed: tuple[int, ...], problems: Problems, path: Path) -> None:
    if _check_type(component, allowed, problems, path):
        _MESSAGE_CHECKS[component["type"]](component, problems, path)


def _check_unique_ids(components: list[Any], problems: Problems, path: Path) -> None:
    custom_ids = [each["custom_id"] for each in walk(components) if each.get("custom_id")]
    for double in {each for each in custom_ids if custom_ids.count(each) > 1}:
        problems.add(path, "COMPONENT_CUSTOM_ID_DUPLICATED", f"Component custom id cannot be duplicated: {double}")


def _row(row: dict[str, Any], problems: Problems, path: Path) -> None:
    inner = row.get("components")
    path = (*path, "components")
    if not _is_list(inner, problems, path):
        return
    assert isinstance(inner, list)
    is_select = any(isinstance(each, dict) and each.get("type") in SELECTS for each in inner)
    if not 1 <= len(inner) <= (1 if is_select else 5):
        problems.add(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length, and 1 with a select.")
    for index, each in enumerate(inner):
        _check_of(each, (BUTTON, *SELECTS), problems, (*path, index))


def _button(button: dict[str, Any], problems: Problems, path: Path) -> None:
    check_length(button.get("label"), 0, 80, problems, (*path, "label"))
    style = button.get("style")
    if style not in (1, 2, 3, 4, LINK, PREMIUM):
        problems.add((*path, "style"), "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}.")
    elif style == LINK:
        check_length(button.get("url"), 1, 512, problems, (*path, "url"))
        if button.get("custom_id"):
            problems.add(
                path,
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
    elif style != PREMIUM:
        check_length(button.get("custom_id"), 1, 100, problems, (*path, "custom_id"))
        if button.get("url"):
            problems.add((*path, "url"), "BUTTON_COMPONENT_INVALID_URL", "Only a link button has a url")
    if style != PREMIUM and not button.get("label") and not button.get("emoji"):
        problems.add((*path, "label"), "BUTTON_COMPONENT_NO_LABEL", "A button must have a label or an emoji")


def _select(select: dict[str, Any], problems: Problems, path: Path) -> None:
    check_length(select.get("custom_id"), 1, 100, problems, (*path, "custom_id"))
    check_length(select.get("placeholder"), 0, 150, problems, (*path, "placeholder"))
    most = 25
    if select["type"] == STRING_SELECT:
        _options(select, (1, 25), problems, path)
        most = len(select.get("options") or []) or 25
    _counts(select, 0, most, problems, path)


def _options(component: dict[str, Any], bounds: tuple[int, int], problems: Problems, path: Path) -> None:
    options = component.get("options")
    path = (*path, "options")
    if not _is_list(options, problems, path):
        return
    assert isinstance(options, list)
    if not bounds[0] <= len(options) <= bounds[1]:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {bounds[0]} and {bounds[1]} in length.")
    for index, option in enumerate(options):
        check_length(option.get("label"), 1, 100, problems, (*path, index, "label"))
        check_length(option.get("value"), 1, 100, problems, (*path, index, "value"))
        check_length(option.get("description"), 0, 100, problems, (*path, index, "description"))
    values = [option.get("value") for option in options]
    if len(set(values)) < len(values):
        problems.add(path, "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used")


def _counts(component: dict[str, Any], low: int, most: int, problems: Problems, path: Path) -> None:
    least, highest = component.get("min_values"), component.get("max_values")
    check_number(least, low, most, problems, (*path, "min_values"))
    check_number(highest, 1, most, problems, (*path, "max_values"))
    if isinstance(least, int) and least > (1 if highest is None else highest):
        problems.add((*path, "max_values"), "NUMBER_TYPE_MIN", "max_values must not be less than min_values.")


def _text(text: dict[str, Any], problems: Problems, path: Path) -> None:
    check_length(text.get("content"), 1, LAYOUT_TEXT, problems, (*path, "content"))


def _section(section: dict[str, Any], problems: Problems, path: Path) -> None:
    texts = section.get("components") or []
    if not 1 <= len(texts) <= 3:
        problems.add((*path, "components"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 3 in length.")
    for index, each in enumerate(texts):
        _check_of(each, (TEXT,), problems, (*path, "components", index))
    _check_of(section.get("accessory"), (BUTTON, THUMBNAIL), problems, (*path, "accessory"))


def _gallery(gallery: dict[str, Any], problems: Problems, path: Path) -> None:
    items = gallery.get("items") or []
    if not 1 <= len(items) <= 10:
        problems.add((*path, "items"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
    for index, item in enumerate(items):
        _media(item, problems, (*path, "items", index))


def _media(item: dict[str, Any], problems: Problems, path: Path) -> None:
    check_length((item.get("media") or {}).get("url"), 1, 2048, problems, (*path, "media", "url"))
    check_length(item.get("description"), 0, 1024, problems, (*path, "description"))


def _file(file: dict[str, Any], problems: Problems, path: Path) -> None:
    if not str((file.get("file") or {}).get("url", "")).startswith("attachment://"):
        problems.add((*path, "file", "url"), "URL_TYPE_INVALID_SCHEME", "Scheme must be attachment.")


def _container(container: dict[str, Any], problems: Problems, path: Path) -> None:
    for index, each in enumerate(container.get("components") or []):
        _check_of(each, (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR), problems, (*path, "components", index))


def _nothing(component: dict[str, Any], problems: Problems, path: Path) -> None:
    """A separator has nothing that could be wrong."""


def _label(label: dict[str, Any], problems: Problems, path: Path) -> None:
    check_length(label.get("label"), 1, 45, problems, (*path, "label"))
    check_length(label.get("description"), 0, 100, problems, (*path, "description"))
    inner, path = label.get("component"), (*path, "component")
    if not _check_type(inner, IN_LABEL, problems, path):
        return
    assert isinstance(inner, dict)
    check_length(inner.get("custom_id"), 1, 100, problems, (*path, "custom_id"))
    if inner.get("disabled"):
        problems.add((*path, "disabled"), "COMPONENT_DISABLED_IN_MODAL", "A component of a modal cannot be disabled")
    if inner["type"] == TEXT_INPUT and inner.get("label"):
        problems.add((*path, "label"), "COMPONENT_LABEL_IN_LABEL", "A text input in a label has no label of its own")
    _FIELD_CHECKS[inner["type"]](inner, problems, path)
    is_required = inner.get("required", inner["type"] not in ENTITY_SELECTS and inner["type"] != CHECKBOX)
    if is_required and inner.get("min_values") == 0:
        problems.add((*path, "min_values"), "NUMBER_TYPE_MIN", "A required component needs at least one value.")


def _modal_row(row: dict[str, Any], problems: Problems, path: Path) -> None:
    inner = row.get("components")
    path = (*path, "components")
    if not isinstance(inner, list) or len(inner) != 1:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 1 in length.")
    elif _check_type(inner[0], (TEXT_INPUT,), problems, (*path, 0)):
        check_length(inner[0].get("label"), 1, 45, problems, (*path, 0, "label"))
        check_length(inner[0].get("custom_id"), 1, 100, problems, (*path, 0, "custom_id"))
        _text_input(inner[0], problems, (*path, 0))


def _text_input(field: dict[str, Any], problems: Problems, path: Path) -> None:
    if field.get("style") not in (1, 2):
        problems.add((*path, "style"), "BASE_TYPE_CHOICES", "Value must be one of {1, 2}.")
    low, high = field.get("min_length"), field.get("max_length")
    check_number(low, 0, 4000, problems, (*path, "min_length"))
    check_number(high, 1, 4000, problems, (*path, "max_length"))
    if isinstance(low, int) and isinstance(high, int) and low > high:
        problems.add((*path, "max_length"), "NUMBER_TYPE_MIN", "max_length must not be less than min_length.")
    check_length(field.get("placeholder"), 0, 100, problems, (*path, "placeholder"))
    check_length(field.get("value"), 0, high if isinstance(high, int) else 4000, problems, (*path, "value"))


def _radio_group(field: dict[str, Any], problems: Problems, path: Path) -> None:
    _options(field, (2, 10), problems, path)
    if sum(bool(option.get("default")) for option in field.get("options") or []) > 1:
        problems.add((*path, "options"), "RADIO_GROUP_DEFAULTS", "At most one option can be the default")


def _checkbox_group(field: dict[str, Any], problems: Problems, path: Path) -> None:
    _options(field, (1, 10), problems, path)
    _counts(field, 0, len(field.get("options") or []) or 10, problems, path)


def _checkbox(field: dict[str, Any], problems: Problems, path: Path) -> None:
    if field.get("required"):
        problems.add((*path, "required"), "CHECKBOX_REQUIRED", "A checkbox cannot be required")


def _file_upload(field: dict[str, Any], problems: Problems, path: Path) -> None:
    _counts(field, 0, 10, problems, path)


_Check = Callable[[dict[str, Any], Problems, Path], None]
_MESSAGE_CHECKS: dict[int, _Check] = {
    ROW: _row, BUTTON: _button, **dict.fromkeys(SELECTS, _select), TEXT: _text, SECTION: _section, GALLERY: _gallery,
    THUMBNAIL: _media, FILE: _file, SEPARATOR: _nothing, CONTAINER: _container,
}  # fmt: skip
_MODAL_CHECKS: dict[int, _Check] = {ROW: _modal_row, TEXT: _text, LABEL: _label}
_FIELD_CHECKS: dict[int, _Check] = {
    **dict.fromkeys(SELECTS, _select), TEXT_INPUT: _text_input, FILE_UPLOAD: _file_upload, RADIO_GROUP: _radio_group,
    CHECKBOX_GROUP: _checkbox_group, CHECKBOX: _checkbox,
}  # fmt: skip
