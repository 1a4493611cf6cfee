"""How Discord refuses: a status, a code, a sentence, and for forms a tree of errors under the field's path.

Codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
"""

from dataclasses import dataclass
from typing import Any


class DiscordError(Exception):
    """One refusal. ``is_offence`` marks those that only a fault in the bot can cause."""

    def __init__(self, status: int, code: int, message: str, *, errors: Any = None, is_offence: bool = False) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.is_offence = is_offence

    def body(self) -> dict[str, Any]:
        """The JSON Discord answers with."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


@dataclass(frozen=True, slots=True)
class Violation:
    """Something a bot must never do. ``code`` is Discord's (50035: a form's limits; 4000 and up: a close code)."""

    code: int
    message: str
    where: str
    details: tuple[str, ...] = ()


class Problems:
    """The faults of one form, collected before it is refused as a whole."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[str, ...], str, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        """Note that what stands at ``path`` is wrong."""
        self._found.append((tuple(map(str, path)), code, message))

    def sentences(self) -> tuple[str, ...]:
        """One line a fault: where and what."""
        return tuple(f"{'.'.join(path)}: {message}" for path, _, message in self._found)

    def raise_if_any(self) -> None:
        """Refuse the form if anything is wrong with it.

        Raises:
            DiscordError: 400, code 50035, with the tree of errors.
        """
        if not self._found:
            return
        tree: dict[str, Any] = {}
        for path, code, message in self._found:
            node = tree
            for part in path:
                node = node.setdefault(part, {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        raise DiscordError(400, 50035, "Invalid Form Body", errors=tree, is_offence=True)


def unauthorized() -> DiscordError:
    return DiscordError(401, 0, "401: Unauthorized")


def missing_access() -> DiscordError:
    return DiscordError(403, 50001, "Missing Access")


def missing_permissions() -> DiscordError:
    return DiscordError(403, 50013, "Missing Permissions")


def unknown(what: str, code: int) -> DiscordError:
    """``unknown("Member", 10007)``: a 404 with Discord's name of the thing."""
    return DiscordError(404, code, f"Unknown {what}")
