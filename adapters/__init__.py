"""What is particular to a provider: one folder a family, one module a format it speaks; no I/O.

``find(family, format)`` imports ``adapters.<family>.<format>`` and returns its ``ADAPTER``: an ``Adapter`` where a
model generates, a ``MediaAdapter`` for speech, transcriptions, images and videos.
"""

from importlib import import_module

from adapters.base import Adapter
from adapters.media import MediaAdapter

# Imported by name below: a one-file build must be told of each (and its self-check walks this table).
FAMILIES: dict[str, tuple[str, ...]] = {
    "openai": ("chat", "responses", "speech", "transcriptions", "images", "videos"),
    "anthropic": ("messages",),
    "opencode": ("chat", "messages", "responses", "gemini"),
    "zai": ("chat", "messages", "images", "videos"),
    "xai": ("chat", "responses", "speech", "transcriptions", "images", "videos"),
    "mimo": ("chat", "messages", "speech"),
    "openrouter": ("chat", "messages", "responses"),
    "llamacpp": ("chat", "messages", "responses"),
    "gemini": ("gemini", "images"),
}


class UnknownAdapterError(LookupError):
    """No such family, or the family does not speak that format; the text says which there are."""


def formats_of(family: str) -> tuple[str, ...]:
    """The formats a family speaks, in its order of preference."""
    if family not in FAMILIES:
        raise UnknownAdapterError(f"unknown adapter {family!r}; known: {', '.join(sorted(FAMILIES))}")
    return FAMILIES[family]


def find(family: str, format_name: str) -> Adapter | MediaAdapter:
    """The adapter of ``family`` for ``format_name``."""
    if format_name not in formats_of(family):
        raise UnknownAdapterError(
            f"adapter {family!r} does not speak {format_name!r}; it speaks: {', '.join(formats_of(family))}"
        )
    adapter = import_module(f"adapters.{family}.{format_name}").ADAPTER
    if not isinstance(adapter, Adapter | MediaAdapter):
        raise TypeError(f"adapters.{family}.{format_name}.ADAPTER is not an Adapter")
    return adapter
