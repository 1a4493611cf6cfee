"""Who is in the server, and with which roles: one question with two sources, asked by the gates of every request.

``StoredMembership``, with Discord off: what commands set stands in the account. ``DiscordMembership``: what Discord
said, in this order: memory of this process (``peek``) -> the record in Redis, if it is young or every event since was
heard -> one look-up by the process that has the bot -> the record again, if it is not too old -> "can't tell".

Rules:
- "can't tell" is an error of ours (``DISCORD_MEMBERSHIP_ERROR``), never a guess; not being found is no answer;
- a change is seen within a second: by its notice, or, while notices are not heard, by reading that often;
- who asks now and then never waits: an entry that grew old is read anew in the background and serves meanwhile;
- one question a person at a time, whoever and however many wait for it; none waits longer than ``LOOK_UP_S``;
- an account whose id is no Discord number was made by a command: what commands set is all there is to know of it.

How the look-up is asked for: the notice ``member_asked`` with the user's id reaches the process that has the bot, which
writes the record and tells ``members``, or tells ``member_unknown``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from freetheai import clock, errors
from freetheai.bus import NoticeNotSent
from freetheai.errors import ApiError
from freetheai.limits import RedisFailure
from freetheai.limits.member_records import MemberRecord, MemberRecords
from freetheai.store.directory import Owner
from freetheai.tasks import TaskGroup

# Kinds of notices: a record changed or was asked for successfully; look someone up; nobody could be asked.
CHANGED: Final = "members"
ASKED: Final = "member_asked"
UNKNOWN: Final = "member_unknown"

# How long (seconds) a request waits for a look-up, all in all.
LOOK_UP_S: Final = 2.0
# Seconds an entry in memory is believed: a member; without notices; someone outside; and how long a member's may serve
# while it is read anew.
FRESH_S: Final = 10.0
FRESH_WITHOUT_NOTICES_S: Final = 0.8
OUTSIDE_FRESH_S: Final = 2.0
SERVED_S: Final = 120.0
# How long (seconds) Discord is not asked again after it gave no answer.
UNKNOWN_S: Final = 2.0
# Up to this age (seconds) a record is as good as a look-up; and, where no look-up succeeds, up to these: that someone
# is a member, which roles they have (a role that was taken must not be used for long).
YOUNG_S: Final = 600.0
MEMBER_SERVED_S: Final = 6 * 3600.0
ROLES_SERVED_S: Final = 3600.0
MAX_ENTRIES: Final = 100_000

Publish = Callable[[str, str], Awaitable[None]]


class LookUp(Protocol):
    """Find out about one person, write the record, tell; ``anew``: although it was done just now."""

    def __call__(self, user_id: str, *, anew: bool = False) -> Coroutine[Any, Any, None]: ...  # noqa: D102 - above


class MembershipSource(Protocol):
    """Where the gates learn of members."""

    def peek(self, owner: Owner) -> Owner | None:
        """``owner`` as the source knows them now; None: ask ``find``."""

    async def find(self, owner: Owner) -> Owner:
        """``owner`` as the source knows them; ``is_member`` None: can't tell. Raises ``ApiError`` without Redis."""


class StoredMembership:
    """With Discord off: what the commands set."""

    def peek(self, owner: Owner) -> Owner | None:
        """``owner`` itself."""
        return owner

    async def find(self, owner: Owner) -> Owner:
        """``owner`` itself."""
        return owner


@dataclass(slots=True)
class _Entry:
    """``roles`` None: not known. ``fresh_s``: how long it is believed. ``base`` and ``seen``: the owner last asked for,
    and as seen.
    """

    is_member: bool | None
    roles: frozenset[str] | None
    read_s: float
    fresh_s: float = FRESH_S
    base: Owner | None = None
    seen: Owner | None = None


class DiscordMembership:
    """What Discord said. ``on_change`` and ``on_gap`` are to be subscribed to notices; ``are_notices_heard`` says
    whether they are heard now. The process that has the bot sets ``look_up``: find out, write the record, tell.
    """

    def __init__(self, records: MemberRecords, publish: Publish, are_notices_heard: Callable[[], bool]) -> None:
        self._records = records
        self._publish = publish
        self._are_notices_heard = are_notices_heard
        self._entries: dict[str, _Entry] = {}
        self._readings: dict[str, asyncio.Task[_Entry | RedisFailure]] = {}
        self._answers: dict[str, asyncio.Event] = {}
        self._changed: set[str] = set()
        self._tasks = TaskGroup()
        self.look_up: LookUp | None = None

    def peek(self, owner: Owner) -> Owner | None:
        """``owner`` from memory; costs well under a microsecond."""
        entry = self._entries.get(owner.user_id)
        if entry is None:
            return None if is_discord_id(owner.user_id) else owner
        age_s = clock.monotonic_s() - entry.read_s
        if age_s >= entry.fresh_s or not (entry.is_member and self._are_notices_heard()):
            if not self._may_serve(entry, age_s):
                return None
            if entry.is_member and age_s >= entry.fresh_s:
                self._read(owner.user_id)
        if entry.base is owner:
            return entry.seen
        return _see(entry, owner)

    async def find(self, owner: Owner) -> Owner:
        """``owner``, asking Redis and, where that does not say, Discord; at most two seconds.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE: Redis does not answer.
        """
        known = self.peek(owner)
        if known is not None:
            return known
        reading = self._read(owner.user_id)
        # Not awaited itself: a client that leaves must not cancel what others wait for.
        await asyncio.wait((reading,))
        entry = reading.result()
        if isinstance(entry, RedisFailure):
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from entry
        return _see(entry, owner)

    def on_change(self, kind: str, key: str) -> None:
        """A notice came."""
        if kind == CHANGED:
            self._entries.pop(key, None)
            if key in self._readings:
                self._changed.add(key)
        if kind in (CHANGED, UNKNOWN) and (answer := self._answers.get(key)) is not None:
            answer.set()
        if kind == ASKED and self.look_up is not None and is_discord_id(key):
            self._tasks.start(self.look_up(key), "look up a member")

    def on_gap(self) -> None:
        """Notices may have been missed: believe nothing that was read before."""
        self._entries.clear()
        self._changed.update(self._readings)

    async def close(self) -> None:
        """End what is under way."""
        await self._tasks.close()

    def _may_serve(self, entry: _Entry, age_s: float) -> bool:
        if entry.is_member is None:
            return age_s < UNKNOWN_S
        if not self._are_notices_heard():
            return age_s < FRESH_WITHOUT_NOTICES_S
        return age_s < (SERVED_S if entry.is_member else OUTSIDE_FRESH_S)

    # ------------------------------------------------------------------ reading

    def _read(self, user_id: str) -> asyncio.Task[_Entry | RedisFailure]:
        reading = self._readings.get(user_id)
        if reading is None:
            reading = self._tasks.start(self._read_once(user_id), "read a member")
            self._readings[user_id] = reading
        return reading

    async def _read_once(self, user_id: str) -> _Entry | RedisFailure:
        try:
            entry = await self._ask(user_id)
        except RedisFailure as error:
            return error
        else:
            if user_id not in self._changed:
                self._keep(user_id, entry)
            return entry
        finally:
            self._changed.discard(user_id)
            self._readings.pop(user_id, None)

    async def _ask(self, user_id: str) -> _Entry:
        began_s = clock.monotonic_s()
        record = await self._read_record(user_id)
        if record is None or not (record.has_followed or record.age_s < YOUNG_S):
            found = await self._ask_discord(user_id)
            # What was not found out may have been told meanwhile; what was is there now.
            began_s = clock.monotonic_s()
            record = await self._read_record(user_id) if found else record
        return _entry(record, began_s)

    async def _read_record(self, user_id: str) -> MemberRecord | None:
        """The record, read once more when a notice came meanwhile: it may have been read just before the change."""
        self._changed.discard(user_id)
        record = await self._records.read(user_id)
        if user_id in self._changed:
            self._changed.discard(user_id)
            record = await self._records.read(user_id)
        return record

    async def _ask_discord(self, user_id: str) -> bool:
        """Have the person looked up; False: nobody could, in time."""
        answer = self._answers[user_id] = asyncio.Event()
        self._changed.discard(user_id)
        try:
            async with asyncio.timeout(LOOK_UP_S):
                if self.look_up is not None:
                    # A task of its own: our patience ends sooner than the look-up, whose result is kept all the same.
                    self._tasks.start(self.look_up(user_id), "look up a member")
                else:
                    await self._publish(ASKED, user_id)
                await answer.wait()
        except (TimeoutError, NoticeNotSent):
            pass
        finally:
            self._answers.pop(user_id, None)
        return user_id in self._changed

    def _keep(self, user_id: str, entry: _Entry) -> None:
        self._entries.pop(user_id, None)
        self._entries[user_id] = entry
        if len(self._entries) > MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]


def is_discord_id(user_id: str) -> bool:
    """Whether it can be one of Discord's numbers (snowflakes of 15 digits and more: made after Discord began)."""
    return user_id.isdecimal() and user_id.isascii() and 15 <= len(user_id) <= 20


def _entry(record: MemberRecord | None, read_s: float) -> _Entry:
    """What a request may believe of ``record``."""
    if record is None:
        return _Entry(None, None, read_s)
    if record.has_followed or record.age_s < YOUNG_S:
        return _Entry(record.is_member, record.roles, read_s)
    if not record.is_member or record.age_s >= MEMBER_SERVED_S:
        return _Entry(None, None, read_s)
    return _Entry(True, record.roles if record.age_s < ROLES_SERVED_S else None, read_s, fresh_s=UNKNOWN_S)


def _see(entry: _Entry, owner: Owner) -> Owner:
    """``owner`` with what ``entry`` says, the same object as long as both are the same."""
    if entry.base is owner and entry.seen is not None:
        return entry.seen
    if not is_discord_id(owner.user_id):
        return owner
    roles = entry.roles if entry.roles is not None else frozenset()
    are_known = entry.roles is not None
    same = (owner.is_member, owner.roles, owner.are_roles_known) == (entry.is_member, roles, are_known)
    seen = owner if same else replace(owner, is_member=entry.is_member, roles=roles, are_roles_known=are_known)
    entry.base, entry.seen = owner, seen
    return seen
