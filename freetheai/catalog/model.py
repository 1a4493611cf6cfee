"""One row of the catalog: what it may say, what follows from what it does not say, and how clients see it.

Rules:
- a row may say every field of the catalog that is not computed (contract, section 6) and those of the operator's
  table; a field it does not say has the default below or follows from the others;
- a file's row is checked here before it is written, a document of the database before it is believed;
- what a row says of an unknown number (context, output) is nothing: None, `null` for clients, and no bound.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast, get_args

from freetheai import clock
from freetheai.config.suggest import nearest

Visibility = Literal["site_catalog", "role_gated", "hidden"]

# What each ability is spoken on; a row's own `routes` narrows it.
CHAT_ROUTES: Final = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
IMAGE_ROUTES: Final = ("/v1/images/generations", "/v1/images/edits")
AUDIO_ROUTES: Final = ("/v1/audio/speech", "/v1/audio/transcriptions")
VIDEO_ROUTES: Final = ("/v1/videos/generations",)
ROUTES: Final = (*CHAT_ROUTES, *IMAGE_ROUTES, *AUDIO_ROUTES, *VIDEO_ROUTES)

MAX_ALIAS_CHARS: Final = 200
_MAX_TEXT_CHARS: Final = 4000
_MAX_LIST_ITEMS: Final = 100
# More than any model's window or any date, and whole in every client's numbers.
_MAX_NUMBER: Final = 2**53
# A prefix, a slash, and a name that may hold more slashes and colons; nothing that means something in a path.
_ALIAS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[^\s/%?#]+)+")
_COMPUTED: Final = ("object", "owned_by", "prefix", "access", "status")


class BadRow(Exception):
    """A row can't be taken: ``field`` ("" for the row as a whole) and the reason, one line."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An alias. Tokens are counts, None where unknown; ``created_s`` is in seconds since the epoch.

    ``prefix`` names the provider. ``role_groups``: an owner needs one role out of each. ``max_input_tokens`` and
    ``context_window`` bound the prompt, ``max_output_tokens`` clamps the answer.
    """

    id: str
    prefix: str
    upstream_model: str
    display_name: str
    description: str
    visibility: Visibility
    context_window: int | None
    max_input_tokens: int | None
    max_output_tokens: int | None
    supports_chat: bool
    supports_images: bool
    supports_image_input: bool
    supports_audio: bool
    supports_video: bool
    supports_tools: bool
    supports_reasoning: bool
    supports_structured_outputs: bool
    routes: tuple[str, ...]
    requires_seems_legit: bool
    roles: tuple[str, ...]
    role_groups: tuple[frozenset[str], ...]
    fallbacks: tuple[str, ...]
    enabled: bool
    created_s: int

    @property
    def is_listed(self) -> bool:
        """Whether lists show it."""
        return self.enabled and self.visibility != "hidden"

    def allows(self, roles: frozenset[str]) -> bool:
        """Whether an owner with ``roles`` may use it."""
        return all(not group.isdisjoint(roles) for group in self.role_groups)

    def serves(self, route: str) -> bool:
        """Whether ``route`` (`/v1/…`) is one of its routes."""
        return route in self.routes


def check_row(row: Mapping[str, Any]) -> None:
    """Check what an operator wrote: every field known and sound.

    Raises:
        BadRow: the first field that is not.
    """
    for mistake in mistakes_of(row):
        raise mistake


def mistakes_of(row: Mapping[str, Any]) -> Iterator[BadRow]:
    """All that is wrong with a row, field by field in its own order."""
    if "id" not in row:
        yield BadRow("id", "is missing")
    for name, value in row.items():
        if name in _COMPUTED:
            yield BadRow(name, "is computed, it can't be set")
        elif name not in FIELDS:
            yield BadRow(name, f"is not a field of a model{nearest(name, FIELDS)}")
        elif reason := FIELDS[name](value):
            yield BadRow(name, reason)
    if row.get("visibility") == "role_gated" and not row.get("roles") and not row.get("requires_seems_legit"):
        yield BadRow("visibility", "'role_gated' needs roles, or requires_seems_legit")


def model_of(document: Mapping[str, Any], verified_role: str) -> Model:
    """The model a row or a document of MongoDB describes; fields that are not the catalog's are passed over.

    Raises:
        BadRow: the document was edited into something that is no model.
    """
    row = {name: _plain(document[name]) for name in FIELDS if document.get(name) is not None}
    check_row(row)
    alias, roles = row["id"], tuple(row.get("roles", ()))
    makes_media = any(row.get(name) for name in ("supports_images", "supports_audio", "supports_video"))
    supports = {name: bool(row.get(name)) for name in FIELDS if name.startswith("supports_")}
    supports["supports_chat"] = row.get("supports_chat", not makes_media)
    requires_verified = row.get("requires_seems_legit", roles == (verified_role,))
    groups = ([frozenset(roles)] if roles else []) + ([frozenset((verified_role,))] if requires_verified else [])
    prefix, _, name = alias.partition("/")
    return Model(
        id=alias,
        prefix=prefix,
        upstream_model=row.get("upstream_model", name),
        display_name=row.get("display_name", alias),
        description=row.get("description", ""),
        visibility=row.get("visibility", "role_gated" if groups else "site_catalog"),
        context_window=row.get("context_window"),
        max_input_tokens=row.get("max_input_tokens", row.get("context_window")),
        max_output_tokens=row.get("max_output_tokens"),
        **supports,
        routes=tuple(row["routes"]) if "routes" in row else _routes_of(supports),
        requires_seems_legit=requires_verified,
        roles=roles,
        role_groups=tuple(dict.fromkeys(groups)),
        fallbacks=tuple(row.get("fallbacks", ())),
        enabled=row.get("enabled", True),
        created_s=row.get("created", 0),
    )


def list_row(model: Model) -> dict[str, Any]:
    """The row of `GET /v1/models`: what OpenAI's and Anthropic's clients read, in one object."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created_s,
        "owned_by": "gateway",
        "type": "model",
        "display_name": model.display_name,
        "created_at": clock.iso(datetime.fromtimestamp(model.created_s, UTC)),
    }


def full_row(model: Model) -> dict[str, Any]:
    """The row of `GET /v1/models/full` without what depends on the asker and the moment: ``access`` and ``status``."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created_s,
        "owned_by": "gateway",
        **{name: getattr(model, name) for name in _SHOWN},
        "routes": list(model.routes),
        "requires_seems_legit": model.requires_seems_legit,
    }


def access_of(model: Model, roles: frozenset[str]) -> dict[str, Any]:
    """The ``access`` of a full row for an owner with ``roles``; for the public view give none."""
    required = sorted(frozenset().union(*model.role_groups))
    return {
        "available": model.allows(roles),
        "required_discord_roles": required,
        "requires_seems_legit": model.requires_seems_legit,
    }


def _routes_of(supports: Mapping[str, bool]) -> tuple[str, ...]:
    offered = (
        ("supports_chat", CHAT_ROUTES),
        ("supports_images", IMAGE_ROUTES),
        ("supports_audio", AUDIO_ROUTES),
        ("supports_video", VIDEO_ROUTES),
    )
    return tuple(route for ability, routes in offered if supports[ability] for route in routes)


def _plain(value: Any) -> Any:
    # A MongoDB shell writes whole numbers as floating point or in a class of its own.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


# A check answers the reason why a value can't be taken, or "".
_Check = Callable[[Any], str]


def _is_flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _is_count(value: Any) -> str:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return "" if is_whole and 0 < value <= _MAX_NUMBER else "must be a whole number above 0"


def _is_time(value: Any) -> str:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    # To the end of the year 9999: the last that can be written as a date.
    return "" if is_whole and 0 <= value <= 253_402_300_799 else "must be a time in whole seconds since 1970"


def _is_alias(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ALIAS_CHARS:
        return f"must be a text of 1 to {MAX_ALIAS_CHARS} characters"
    is_sound = value.isprintable() and _ALIAS.fullmatch(value) is not None
    return "" if is_sound else f"must be prefix/name without spaces, '%', '?', '#' or empty parts, not {value!r}"


def _is_text(value: Any) -> str:
    is_sound = isinstance(value, str) and len(value) <= _MAX_TEXT_CHARS and _is_encodable(value)
    return "" if is_sound else f"must be a text of at most {_MAX_TEXT_CHARS} characters"


def _is_name(value: Any) -> str:
    is_sound = isinstance(value, str) and 0 < len(value) <= MAX_ALIAS_CHARS and value.isprintable() and value.strip()
    return "" if is_sound else f"must be a printable text of 1 to {MAX_ALIAS_CHARS} characters"


def _one_of(known: tuple[str, ...]) -> _Check:
    def check(value: Any) -> str:
        return "" if value in known else f"must be one of {', '.join(known)}, not {value!r}"

    return check


def _list_of(check_item: _Check) -> _Check:
    def check(value: Any) -> str:
        if not isinstance(value, list) or len(value) > _MAX_LIST_ITEMS:
            return f"must be a list of at most {_MAX_LIST_ITEMS}"
        return next((f"each {reason}" for item in value if (reason := check_item(item))), "")

    return check


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


_SHOWN: Final = (
    "prefix",
    "display_name",
    "description",
    "visibility",
    "context_window",
    "max_input_tokens",
    "max_output_tokens",
    "supports_chat",
    "supports_images",
    "supports_image_input",
    "supports_audio",
    "supports_video",
    "supports_tools",
    "supports_reasoning",
    "supports_structured_outputs",
)

# Everything a row may say.
FIELDS: Final[Mapping[str, _Check]] = {
    "id": _is_alias,
    "upstream_model": _is_name,
    "display_name": _is_name,
    "description": _is_text,
    "visibility": _one_of(cast("tuple[str, ...]", get_args(Visibility))),
    "context_window": _is_count,
    "max_input_tokens": _is_count,
    "max_output_tokens": _is_count,
    "supports_chat": _is_flag,
    "supports_images": _is_flag,
    "supports_image_input": _is_flag,
    "supports_audio": _is_flag,
    "supports_video": _is_flag,
    "supports_tools": _is_flag,
    "supports_reasoning": _is_flag,
    "supports_structured_outputs": _is_flag,
    "routes": _list_of(_one_of(ROUTES)),
    "requires_seems_legit": _is_flag,
    "roles": _list_of(_is_name),
    "fallbacks": _list_of(_is_alias),
    "enabled": _is_flag,
    "created": _is_time,
}
