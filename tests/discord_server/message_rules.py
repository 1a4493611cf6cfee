"""Discord's limits of a message: content, embeds, mentions, flags, and that it is not empty.

Limits: https://docs.discord.com/developers/resources/message
"""

from typing import Any

from discord_server.component_rules import Path, check_length, check_message_components
from discord_server.errors import DiscordError, Problems
from discord_server.world import COMPONENTS_V2

SETTABLE_FLAGS = 1 << 2 | 1 << 6 | 1 << 12 | COMPONENTS_V2
EMBED_CHARACTERS = 6000


def check_message(body: Any, path: Path, *, has_files: bool, is_edit: bool = False) -> None:
    """Check what a bot wants to send or, with ``is_edit``, to change.

    Raises:
        DiscordError: 50035 (over a limit), 50006 (nothing in it).
    """
    if not isinstance(body, dict):
        raise DiscordError(400, 50006, "Cannot send an empty message", is_offence=True)
    problems = Problems()
    flags = body.get("flags") or 0
    is_layout = bool(flags & COMPONENTS_V2)
    check_length(body.get("content"), 0, 2000, problems, (*path, "content"))
    check_embeds(body.get("embeds"), problems, (*path, "embeds"))
    if body.get("components") is not None:
        check_message_components(body["components"], problems, (*path, "components"), is_layout=is_layout)
    if flags & ~SETTABLE_FLAGS:
        problems.add((*path, "flags"), "MESSAGE_FLAGS_INVALID", f"Flags that cannot be set: {flags}")
    if is_layout and (body.get("content") or body.get("embeds")):
        problems.add(path, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "No content or embeds in a layout")
    _check_mentions(body.get("allowed_mentions"), problems, (*path, "allowed_mentions"))
    check_length(body.get("nonce"), 0, 25, problems, (*path, "nonce"))
    problems.raise_if_any()
    holds = any(body.get(name) for name in ("content", "embeds", "components", "sticker_ids", "poll"))
    if not is_edit and not holds and not has_files:
        raise DiscordError(400, 50006, "Cannot send an empty message", is_offence=True)


def check_embeds(embeds: Any, problems: Problems, path: Path) -> None:
    """At most ten embeds, each within its limits, and 6000 characters in all."""
    if embeds is None:
        return
    if len(embeds) > 10:
        problems.add(path, "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    for index, embed in enumerate(embeds):
        _check_embed(embed, problems, (*path, index))
    if sum(_characters(embed) for embed in embeds) > EMBED_CHARACTERS:
        problems.add(path, "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _check_embed(embed: dict[str, Any], problems: Problems, path: Path) -> None:
    check_length(embed.get("title"), 0, 256, problems, (*path, "title"))
    check_length(embed.get("description"), 0, 4096, problems, (*path, "description"))
    check_length((embed.get("footer") or {}).get("text"), 0, 2048, problems, (*path, "footer", "text"))
    check_length((embed.get("author") or {}).get("name"), 0, 256, problems, (*path, "author", "name"))
    fields = embed.get("fields") or []
    if len(fields) > 25:
        problems.add((*path, "fields"), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for index, field in enumerate(fields):
        check_length(field.get("name"), 1, 256, problems, (*path, "fields", index, "name"))
        check_length(field.get("value"), 1, 1024, problems, (*path, "fields", index, "value"))


def _characters(embed: dict[str, Any]) -> int:
    texts = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text")]
    texts.append((embed.get("author") or {}).get("name"))
    for field in embed.get("fields") or []:
        texts += [field.get("name"), field.get("value")]
    return sum(len(text) for text in texts if isinstance(text, str))


def _check_mentions(allowed: Any, problems: Problems, path: Path) -> None:
    if allowed is None:
        return
    for name in ("users", "roles"):
        ids = allowed.get(name) or []
        if len(ids) > 100:
            problems.add((*path, name), "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
        if ids and name in (allowed.get("parse") or []):
            text = f"parse:[{name}] and {name}: [ids...] are mutually exclusive."
            problems.add(path, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", text)
