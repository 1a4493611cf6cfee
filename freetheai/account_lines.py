"""Accounts and keys as lines of JSON: what an export writes and an import reads. Of a key only its hash.

``{"kind": "user", …}`` has the fields of a user, ``{"kind": "key", …}`` those of a key, ``invite`` who was invited by
whom, ``activity`` what made, or will make, a member Verified; times are RFC 3339.

Rules:
- a line is checked whole before it is believed: every field known, of its kind and within its bounds;
- what a field may be left out of, and its default, stands in ``_DEFAULTS``; all others must be there;
- the tables name every field that the collections' documents have (a test holds them to it), so that a backup is whole.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, NamedTuple, get_args

import orjson

from freetheai.accounts import MAX_NAME_CHARS, MAX_NUMBER, MAX_REASON_CHARS, MAX_ROLES, MAX_USER_ID_CHARS
from freetheai.ids import KEY_PREFIX
from freetheai.store.activity import Activity, Pending
from freetheai.store.invites import Invited
from freetheai.store.keys import Key
from freetheai.store.users import Overrides, User

Kind = Literal["user", "key", "invite", "activity"]
# What several of a kind are called, in the order in which they are written: an import refuses a key of nobody.
PLURALS: Final[Mapping[Kind, str]] = {"user": "users", "key": "keys", "invite": "invites", "activity": "activities"}
# No account comes near: what is longer is no line of ours (bytes).
MAX_LINE_BYTES: Final = 1024 * 1024
_MAX_TEXT_CHARS: Final = 10_000
_MAX_DAYS: Final = 10_000
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KEY_PREFIX: Final = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{6}}", re.ASCII)
_JSON_OPTIONS: Final = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


class BadLine(Exception):
    """A line can't be taken: ``field`` ("" for the line as a whole) and the reason, one line."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)


class Line(NamedTuple):
    """One line: what it is of, and its document."""

    kind: Kind
    document: dict[str, Any]


def write_line(kind: Kind, document: Mapping[str, Any]) -> bytes:
    """A document's line, with its end."""
    fields = {name: document[name] for name in _FIELDS[kind] if name in document}
    return orjson.dumps({"kind": kind, **fields}, option=_JSON_OPTIONS) + b"\n"


def read_line(text: bytes) -> Line:
    """The document of a line, as its collection would hold it.

    Raises:
        BadLine: it is none.
    """
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadLine("", f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadLine("", "is no JSON object")
    kind = found.pop("kind", None)
    if kind not in tuple(_FIELDS):
        raise BadLine("kind", f"must be one of {', '.join(_FIELDS)}")
    return Line(kind, _document(kind, found))


def _document(kind: Kind, found: Mapping[str, Any]) -> dict[str, Any]:
    fields = _FIELDS[kind]
    for name in found:
        if name not in fields:
            raise BadLine(name, f"is not a field of {'an' if kind[0] in 'ai' else 'a'} {kind}")
    document = {}
    for name, take in fields.items():
        if name in found:
            document[name] = _taken(take, name, found[name])
        elif name in _DEFAULTS[kind]:
            document[name] = _DEFAULTS[kind][name]()
        elif name not in _OPTIONAL[kind]:
            raise BadLine(name, "is missing")
    if kind == "user" and "updated_at" not in document:
        document["updated_at"] = document["created_at"]
    return document


# Makes the value that is stored of the one that was read, or raises ``ValueError`` with the reason.
_Take = Callable[[Any], Any]


def _taken(take: _Take, name: str, value: Any) -> Any:
    try:
        return take(value)
    except ValueError as error:
        raise BadLine(name, str(error)) from error


def _text(max_chars: int, *, is_line: bool = True) -> _Take:
    def take(value: Any) -> str:
        is_sound = isinstance(value, str) and len(value) <= max_chars and (not is_line or value.isprintable())
        if not is_sound:
            raise ValueError(f"must be a text of at most {max_chars} characters{', in one line' if is_line else ''}")
        return str(value)

    return take


def _user_id(value: Any) -> str:
    is_sound = isinstance(value, str) and 0 < len(value) <= MAX_USER_ID_CHARS and value.isprintable()
    if not is_sound or value != value.strip():
        raise ValueError(f"must be 1 to {MAX_USER_ID_CHARS} printable characters, no space at its ends")
    return str(value)


def _like(pattern: re.Pattern[str], described: str) -> _Take:
    def take(value: Any) -> str:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise ValueError(f"must be {described}")
        return value

    return take


def _number(smallest: int) -> _Take:
    def take(value: Any) -> int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or not smallest <= value <= MAX_NUMBER:
            raise ValueError(f"must be a whole number, {smallest} or more")
        return int(value)

    return take


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _time(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError("must be a time with its zone, as 2026-11-22T13:00:00Z")
    # MongoDB keeps milliseconds: what is compared later must be what is kept now.
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


def _day(value: Any) -> str:
    try:
        return date.fromisoformat(value if isinstance(value, str) and len(value) == 10 else "").isoformat()
    except ValueError:
        raise ValueError("must be a day, as 2026-11-22") from None


def _or_null(take: _Take) -> _Take:
    return lambda value: None if value is None else take(value)


def _roles(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_ROLES:
        raise ValueError(f"must be a list of at most {MAX_ROLES} names")
    return [_text(MAX_NAME_CHARS)(role) for role in value]


def _days(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > _MAX_DAYS:
        raise ValueError(f"must be a list of at most {_MAX_DAYS} days")
    return [_day(day) for day in value]


def _one_of(*names: str) -> _Take:
    def take(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"must be one of {', '.join(map(repr, names))}")
        return value

    return take


def _object(fields: Mapping[str, _Take], *, is_whole: bool) -> _Take:
    def take(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not value.keys() <= fields.keys():
            raise ValueError(f"must be an object with {', '.join(fields)}")
        if is_whole and value.keys() != fields.keys():
            raise ValueError(f"must have all of {', '.join(fields)}")
        return {name: fields[name](item) for name, item in value.items()}

    return take


_USER: Final[Mapping[str, _Take]] = {
    "user_id": _user_id,
    "name": _text(MAX_NAME_CHARS),
    "roles": _roles,
    "invites": _number(0),
    "is_member": _or_null(_flag),
    "paused_reason": _or_null(_text(MAX_REASON_CHARS)),
    "last_checkin_day": _or_null(_day),
    "streak": _number(0),
    "overrides": _object(dict.fromkeys(sorted(Overrides.__optional_keys__), _number(1)), is_whole=False),
    "created_at": _time,
    "updated_at": _time,
    "invites_counted": _number(0),
    "signup": _object(
        {
            "use_case": _text(_MAX_TEXT_CHARS, is_line=False),
            "disclosure": _text(_MAX_TEXT_CHARS, is_line=False),
            "at": _time,
        },
        is_whole=True,
    ),
}
_KEY: Final[Mapping[str, _Take]] = {
    "key_hash": _like(_HASH, "64 hexadecimal digits"),
    "key_prefix": _like(_KEY_PREFIX, f"{KEY_PREFIX} and six characters"),
    "user_id": _user_id,
    "created_at": _time,
    "revoked_at": _or_null(_time),
    "revoked_reason": _text(MAX_REASON_CHARS),
}
_INVITE: Final[Mapping[str, _Take]] = {
    "user_id": _user_id,
    "inviter_id": _text(MAX_USER_ID_CHARS),
    "code": _text(MAX_NAME_CHARS),
    "joined_at": _or_null(_time),
    "left_at": _or_null(_time),
    "is_counted": _flag,
    "reason": _text(MAX_REASON_CHARS),
}
_ACTIVITY: Final[Mapping[str, _Take]] = {
    "user_id": _user_id,
    "days": _days,
    "messages": _number(0),
    "last_at": _time,
    "granted_at": _or_null(_time),
    "is_barred": _flag,
    "by": _text(MAX_NAME_CHARS),
    "pending": _one_of(*get_args(Pending)),
    "expires_at": _time,
}
_FIELDS: Final[Mapping[Kind, Mapping[str, _Take]]] = {
    "user": _USER,
    "key": _KEY,
    "invite": _INVITE,
    "activity": _ACTIVITY,
}
_OPTIONAL: Final[Mapping[Kind, frozenset[str]]] = {
    "user": frozenset(("signup", "updated_at", "invites_counted")),
    "key": frozenset(),
    "invite": frozenset(),
    "activity": frozenset(_ACTIVITY) - {"user_id"},
}
_DEFAULTS: Final[Mapping[Kind, Mapping[str, Callable[[], Any]]]] = {
    "user": {
        "name": str,
        "roles": list,
        "invites": int,
        "is_member": lambda: None,
        "paused_reason": lambda: None,
        "last_checkin_day": lambda: None,
        "streak": int,
        "overrides": dict,
    },
    "key": {"revoked_at": lambda: None, "revoked_reason": str},
    "invite": {},
    "activity": {},
}


def unknown_fields() -> set[str]:
    """Fields that documents have and these tables don't: what a backup would lose."""
    documents: Mapping[Kind, type] = {"user": User, "key": Key, "invite": Invited, "activity": Activity}
    return {
        f"{kind}.{name}" for kind, document in documents.items() for name in document.__annotations__
        if name not in _FIELDS[kind]
    }  # fmt: skip
