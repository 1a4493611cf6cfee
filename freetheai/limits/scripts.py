"""The Lua scripts of the limits: read once, named by their SHA-1, sent through a seam that any Redis client can fill.

Rules:
- each script is one step and one round trip; `clock.lua` and `account.lua` stand in front of every one of an account's;
- all keys of an account carry one hash tag, so a Redis Cluster keeps them on one node;
- doing a step twice does no harm: a client may repeat one whose reply was lost.
"""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Protocol
from urllib.parse import quote

Part = bytes | str | int

_KEYS: Final = ("minute", "leases", "tickets", "addresses", "days", "abandoned")


class RedisFailure(Exception):
    """Redis did not do what it was asked, whatever the reason."""


class RedisUnavailable(RedisFailure):
    """No answer: refused, lost, too slow, or too many commands are waiting already."""


class RedisNotAsked(RedisUnavailable):
    """The command was never sent: it has certainly had no effect."""


class RedisReplyError(RedisFailure):
    """Redis answered with an error; the text begins with its code (``NOSCRIPT``, ``OOM``, ``READONLY`` …)."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and the SHA-1 (hex) by which Redis remembers it."""

    text: bytes
    sha1: bytes


class ScriptRunner(Protocol):
    """What the limits need of Redis."""

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[Part]) -> Any:
        """Run a script and return its reply (integers, bytes, lists).

        Raises:
            RedisFailure: no reply in time, or an error for a reply.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts:
    """One script for each step."""

    acquire: Script
    renew: Script
    settle: Script
    refund: Script
    abandon: Script
    standing: Script


def load_scripts(*, clock: str = "") -> Scripts:
    """Read the scripts from the package; ``clock`` replaces `clock.lua` (a test gives the time)."""
    head = (clock or _read("clock.lua")) + _read("account.lua")
    return Scripts(
        acquire=_script(head, "acquire.lua"),
        renew=_script(head, "renew.lua"),
        settle=_script(head, "settle.lua"),
        refund=_script(head, "refund.lua"),
        abandon=_script(head, "abandon.lua"),
        standing=_script(head, "standing.lua"),
    )


def load_failed_keys_script(*, clock: str = "") -> Script:
    """Read the script of `failed_keys.py`, which knows addresses, not accounts; ``clock`` as for ``load_scripts``."""
    return _script(clock or _read("clock.lua"), "failed_keys.lua")


def load_windows_script(*, clock: str = "") -> Script:
    """Read the script of `windows.py`, which knows credentials; ``clock`` as for ``load_scripts``."""
    return _script(clock or _read("clock.lua"), "windows.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeScripts:
    """One script for each step of `challenges.py`."""

    claim: Script
    keep: Script
    take: Script
    solved: Script


def load_challenge_scripts(*, clock: str = "") -> ChallengeScripts:
    """Read the scripts of `challenges.py`; ``clock`` as for ``load_scripts``."""
    head = clock or _read("clock.lua")
    return ChallengeScripts(
        claim=_script(head, "challenge_claim.lua"),
        keep=_script(head, "challenge_keep.lua"),
        take=_script(head, "challenge_take.lua"),
        solved=_script(head, "challenge_solved.lua"),
    )


def load_lease_script() -> Script:
    """Read the script of `shared.py`'s leases."""
    return _script("", "lease.lua")


def load_note_script() -> Script:
    """Read the script of `shared.py`'s notes."""
    return _script("", "note.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberScripts:
    """One script for each step of `member_records.py`."""

    read: Script
    write: Script
    flow: Script


def load_member_scripts(*, clock: str = "") -> MemberScripts:
    """Read the scripts of `member_records.py`; ``clock`` as for ``load_scripts``."""
    head = clock or _read("clock.lua")
    return MemberScripts(
        read=_script(head, "member_read.lua"),
        write=_script(head, "member_write.lua"),
        flow=_script(head, "member_flow.lua"),
    )


def load_live_script(*, clock: str = "") -> Script:
    """Read the script of `live.py`, which knows processes; ``clock`` as for ``load_scripts``."""
    return _script(clock or _read("clock.lua"), "live_states.lua")


@functools.lru_cache(maxsize=8192)
def account_keys(prefix: str, account: str) -> tuple[bytes, ...]:
    """The keys of an account in the order of `account.lua`.

    ``PREFIX:{ACCOUNT}:minute`` and so on: the braces are Redis' hash tag. An account may hold any characters: those
    that could end the tag are percent-encoded, one to one.
    """
    tag = f"{prefix}:{{{quote(account, safe='', errors='surrogatepass')}}}:"
    return tuple((tag + name).encode() for name in _KEYS)


def _script(head: str, name: str) -> Script:
    text = (head + _read(name)).encode()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
