"""The values a challenge is made of: what a member sees, what is kept for grading, and what a family is.

Rules:
- a `Challenge` holds no answer outside `secret`, which is plain JSON: it is kept elsewhere between drawing and grading;
- fields and text together take at most three of a modal's five top-level components: a command may ask two more things;
- every size is within Discord's limits (text of a label 45, description and placeholder 100, 25 options in a list,
  10 in a group, 4000 characters of text): https://discord.com/developers/docs/components/reference
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Kind = Literal["worded", "picture"]
FieldKind = Literal["text", "select", "radio", "checkboxes"]
PictureFormat = Literal["png", "gif"]

MAX_LABEL = 45
MAX_SHORT_TEXT = 100
MAX_OPTIONS = 25
MAX_GROUP_OPTIONS = 10
MAX_DISPLAY = 4000
MAX_COMPONENTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One component of the modal. ``options`` are (value, label); the values are random and say nothing."""

    id: str
    kind: FieldKind
    label: str
    description: str = ""
    placeholder: str = ""
    options: tuple[tuple[str, str], ...] = ()
    min_values: int = 1
    max_values: int = 1
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One drawn question. ``display`` is markdown for the modal ("" if none); ``picture`` is a whole file's bytes."""

    family: str
    fields: tuple[Field, ...]
    display: str = ""
    picture: bytes | None = field(default=None, repr=False)
    picture_format: PictureFormat = "png"
    alt_text: str = ""
    secret: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of question. ``weight`` is its default share among families of its kind; 0 retires it."""

    name: str
    kind: Kind
    weight: float
    draw: Callable[[Random], Challenge]
    grade: Callable[[Mapping[str, Any], Mapping[str, str | list[str]]], bool]
