"""What a value may be: each kind reads one value, checks it, and says in words what is wrong with it.

Strategy: a ``Kind`` has two steps. ``from_text`` turns an environment variable into what TOML would have given;
``read`` checks that and makes the setting's own type. Both are given the ``Place`` where the value was written.

Rules:
- a reason never repeats the value: it may be a key in the wrong place;
- a relative path counts from the folder of the file it is written in, from the working directory otherwise.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freetheai.config.secret import Secret

Network = IPv4Network | IPv6Network

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ConfigError(Exception):
    """The configuration can't be used; the text is one line: ``FILE: [section] name: reason``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a value was written. ``is_needed`` False: what it belongs to is off, so its secret may be missing."""

    origin: str
    folder: Path
    environ: Mapping[str, str]
    is_needed: bool = True

    def refuse(self, reason: str) -> ConfigError:
        """The error to raise for this value."""
        return ConfigError(f"{self.origin}: {reason}")

    def inside(self, name: str) -> "Place":
        """The place of one part of this value (``[0]``, ``.connect``)."""
        return replace(self, origin=self.origin + name)


def _as_it_is(text: str, place: Place) -> Any:
    del place
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of value. ``label`` names it in the reference."""

    label: str
    read: Callable[[Any, Place], Any]
    from_text: Callable[[str, Place], Any] = _as_it_is


def _toml_text(text: str, place: Place) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError) as error:
        raise place.refuse(f"not a TOML value: {error}") from None


def _list_text(text: str, place: Place) -> Any:
    if text.lstrip().startswith("["):
        return _toml_text(text, place)
    return [part.strip() for part in text.split(",") if part.strip()]


def text_like(pattern: str, described: str, label: str = "text") -> Kind:
    """Text that a regular expression matches as a whole; ``described`` completes "must be"."""
    compiled = re.compile(pattern)

    def read(value: Any, place: Place) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise place.refuse(f"must be {described}")
        return value

    return Kind(label=label, read=read)


TEXT = text_like(r"[^\x00-\x1f]*", "text")
NAME = text_like(r"[^\x00-\x1f]+", "text that is not empty")


def choice(*options: str) -> Kind:
    """One of a few words."""

    def read(value: Any, place: Place) -> str:
        if not isinstance(value, str) or value not in options:
            raise place.refuse(f"must be one of: {', '.join(options)}")
        return value

    return Kind(label=" or ".join(f'"{option}"' for option in options), read=read)


def _read_boolean(value: Any, place: Place) -> bool:
    if not isinstance(value, bool):
        raise place.refuse("must be true or false")
    return value


def _boolean_text(text: str, place: Place) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise place.refuse("must be true or false (also 1, 0, yes, no, on, off)")
    return word in _TRUE


BOOLEAN = Kind(label="true or false", read=_read_boolean, from_text=_boolean_text)


def whole_number(minimum: int = 0, maximum: int | None = None) -> Kind:
    """A whole number between ``minimum`` and ``maximum``, both included."""
    bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def read(value: Any, place: Place) -> int:
        # A TOML boolean is an int to Python.
        if isinstance(value, bool) or not isinstance(value, int):
            raise place.refuse(f"must be a whole number {bounds}")
        if value < minimum or (maximum is not None and value > maximum):
            raise place.refuse(f"must be a whole number {bounds}")
        return value

    def from_text(text: str, place: Place) -> Any:
        del place
        # 4300 digits is where int() itself gives up; nothing here needs more than twenty.
        is_number = _WHOLE_NUMBER.fullmatch(text.strip()) and len(text) < 32
        return int(text) if is_number else text

    return Kind(label="whole number", read=read, from_text=from_text)


def seconds(*, may_be_zero: bool = False) -> Kind:
    """A duration in seconds, whole or not."""
    bounds = "0 or more" if may_be_zero else "more than 0"

    def read(value: Any, place: Place) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise place.refuse(f"must be a number of seconds, {bounds}")
        if value < 0 or (value == 0 and not may_be_zero):
            raise place.refuse(f"must be a number of seconds, {bounds}")
        return float(value)

    def from_text(text: str, place: Place) -> Any:
        del place
        try:
            return float(text)
        except ValueError:
            return text

    return Kind(label="seconds", read=read, from_text=from_text)


def url(*schemes: str, may_be_empty: bool = False, may_have_query: bool = False) -> Kind:
    """An absolute URL without a user or password in it; a slash at its end is dropped."""
    described = f"must be a URL ({', '.join(f'{scheme}://' for scheme in schemes)})"

    def read(value: Any, place: Place) -> str:
        if value == "" and may_be_empty:
            return ""
        if not isinstance(value, str) or not value.isprintable() or " " in value:
            raise place.refuse(described)
        try:
            parts = urlsplit(value)
            is_whole = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole:
            raise place.refuse(described)
        if "@" in parts.netloc:
            raise place.refuse("must not have a user or password in it")
        if parts.fragment or (parts.query and not may_have_query):
            raise place.refuse("must not have a query or fragment")
        return value if parts.query else value.rstrip("/")

    return Kind(label="URL", read=read)


def _read_path(value: Any, place: Place) -> Path | None:
    if not isinstance(value, str) or "\0" in value:
        raise place.refuse("must be the path of a file, as text")
    try:
        return place.folder / Path(value).expanduser() if value else None
    except RuntimeError:
        raise place.refuse("begins with `~` and a name that has no home folder") from None


def _read_needed_path(value: Any, place: Place) -> Path:
    path = _read_path(value, place)
    if path is None:
        raise place.refuse("must be a path")
    return path


OPTIONAL_PATH = Kind(label="path", read=_read_path)
PATH = Kind(label="path", read=_read_needed_path)


def list_of(kind: Kind, label: str, *, is_not_empty: bool = False) -> Kind:
    """A list of one kind; in the environment with commas between, or as a TOML list."""

    def read(value: Any, place: Place) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise place.refuse("must be a list")
        if is_not_empty and not value:
            raise place.refuse("must not be empty")
        return tuple(kind.read(item, place.inside(f"[{index}]")) for index, item in enumerate(value))

    return Kind(label=label, read=read, from_text=_list_text)


def table(label: str, read: Callable[[Mapping[str, Any], Place], Any]) -> Kind:
    """A TOML table, read by ``read``; in the environment an inline table."""

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            raise place.refuse("must be a table, as in { name = value }")
        return read(value, place)

    return Kind(label=label, read=check, from_text=_toml_text)


def _read_network(value: Any, place: Place) -> Network:
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        reason = "must be an address or a network such as 10.0.0.0/8 (no bits set behind its mask)"
        raise place.refuse(reason) from None


NETWORK = Kind(label="network", read=_read_network)


def secret(pattern: str = r"[^\x00-\x1f]*", described: str = "text") -> Kind:
    """A secret: itself, ``env:NAME`` or ``file:PATH``; what it turns out to be must match ``pattern``."""
    compiled = re.compile(pattern)

    def read(value: Any, place: Place) -> Secret:
        if not isinstance(value, str):
            raise place.refuse("must be text, env:NAME or file:PATH")
        found = _look_up(value, place)
        if found is None:
            return Secret()
        if found and not compiled.fullmatch(found):
            raise place.refuse(f"must be {described}, env:NAME or file:PATH")
        return Secret(found)

    return Kind(label="secret", read=read)


def _look_up(value: str, place: Place) -> str | None:
    """What a secret stands for; None: it is missing, and not needed."""
    try:
        if value.startswith("env:"):
            return _from_environment(value.removeprefix("env:"), place)
        if value.startswith("file:"):
            return _from_file(value.removeprefix("file:"), place)
    except ConfigError:
        if place.is_needed:
            raise
        return None
    return value


def _from_environment(name: str, place: Place) -> str:
    if not _VARIABLE.fullmatch(name):
        raise place.refuse("what follows env: is not the name of an environment variable")
    if not (found := place.environ.get(name, "")):
        raise place.refuse(f"environment variable {name} is not set")
    return found


def _from_file(name: str, place: Place) -> str:
    path = _read_needed_path(name, place)
    try:
        found = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise place.refuse(f"can't read the secret from {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise place.refuse(f"can't read the secret from {path}: not UTF-8 text") from None
    if not found:
        raise place.refuse(f"the secret's file {path} is empty")
    return found
