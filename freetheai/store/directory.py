"""Who owns a key: the cache between the key's gate and MongoDB.

Strategy: an entry is what MongoDB said of one key hash, and when. While it is fresh, ``peek`` answers from memory;
when it is not, ``find`` reads it anew, once for all who ask at the same time. A change notice drops what it names.

Rules:
- a change is seen within a second: by its notice, or, while ``notices_live`` is False, by reading that often;
- a dropped entry is gone: it was changed, so it is not served even when MongoDB is away. An entry that only grew old
  is served until its last reading is ``KEPT_S`` old while MongoDB is away or takes longer than ``_PATIENCE_S``;
- a reading that began before a notice answers those who asked before it and is not kept;
- both tables are bounded: owners by least recent use, unknown hashes by age.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from freetheai import clock
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.store.users import Overrides
from freetheai.tasks import TaskGroup

# Seconds an entry is believed: with notices; without them; for a hash that nobody owns.
FRESH_S: Final = 10.0
FRESH_WITHOUT_NOTICES_S: Final = 0.8
UNKNOWN_FRESH_S: Final = 2.0
# Seconds since its last reading during which an entry is served while MongoDB is away.
KEPT_S: Final = 60.0
MAX_OWNERS: Final = 100_000
MAX_UNKNOWN: Final = 10_000
# How long (seconds) a request with an entry to fall back on waits for MongoDB.
_PATIENCE_S: Final = 0.5

_READ: Final[tuple[Mapping[str, Any], ...]] = (
    {"$lookup": {"from": "users", "localField": "user_id", "foreignField": "user_id", "as": "user"}},
    {"$unwind": "$user"},
    {"$limit": 1},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What a request needs to know of a key's owner, as it was when read. ``is_member`` None: not known.
    ``paused_reason`` None: not paused. ``last_checkin_day``: ``YYYY-MM-DD`` in UTC. ``are_roles_known`` False: nobody
    could tell, ``roles`` is empty.
    """

    key_hash: str
    key_prefix: str
    user_id: str
    name: str
    roles: frozenset[str]
    invites: int
    is_member: bool | None
    paused_reason: str | None
    last_checkin_day: str | None
    overrides: Overrides
    are_roles_known: bool = True


@dataclass(slots=True)
class _Entry:
    owner: Owner
    read_s: float


# What a reading ended with: the owner, None for nobody, or that MongoDB is away.
_Reading = Owner | None | StoreUnavailable


class Directory:
    """Owners by key hash."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = store.collection("keys")
        self._owners: OrderedDict[str, _Entry] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._hashes_of: dict[str, set[str]] = {}
        self._readings: dict[str, asyncio.Task[_Reading]] = {}
        self._tasks = TaskGroup()
        self._notices_live = True
        self._fresh_s = FRESH_S
        # What was read before this (seconds, monotonic) is not fresh: notices may have been missed.
        self._missed_until_s = 0.0

    def __len__(self) -> int:
        return len(self._owners)

    @property
    def notices_live(self) -> bool:
        """Whether change notices arrive. Becoming live again, everything is read anew once."""
        return self._notices_live

    @notices_live.setter
    def notices_live(self, is_live: bool) -> None:
        if is_live and not self._notices_live:
            self.clear()
        self._notices_live = is_live
        self._fresh_s = FRESH_S if is_live else FRESH_WITHOUT_NOTICES_S

    def peek(self, key_hash: str) -> Owner | None:
        """The owner if a fresh entry says so; None: ask ``find``. Costs well under a microsecond."""
        entry = self._owners.get(key_hash)
        if entry is None or not self._is_fresh(entry.read_s, self._fresh_s):
            return None
        self._owners.move_to_end(key_hash)
        return entry.owner

    def knows(self, key_hash: str) -> bool:
        """Whether the key was good when it was last read, however long ago: whoever presents it does not guess."""
        return key_hash in self._owners

    async def find(self, key_hash: str) -> Owner | None:
        """The owner of a key that is not revoked; None: nobody.

        Raises:
            StoreUnavailable: MongoDB is away and no entry is recent enough to do without it.
        """
        owner = self.peek(key_hash)
        if owner is not None or self._is_known_unknown(key_hash):
            return owner
        while True:
            reading = self._readings.get(key_hash) or self._begin(key_hash)
            patience_s = _PATIENCE_S if self._kept(key_hash) else None
            # Not awaited itself: a client that leaves must not cancel what others wait for.
            done, _ = await asyncio.wait((reading,), timeout=patience_s)
            found = reading.result() if done else None
            if done and not isinstance(found, StoreUnavailable):
                return found
            # Looked up again: a notice may have dropped it while we waited.
            kept = self._kept(key_hash)
            if kept is not None:
                return kept
            if isinstance(found, StoreUnavailable):
                raise found

    def drop(self, user_id: str) -> None:
        """The account changed: forget its entries."""
        for key_hash in self._hashes_of.pop(user_id, set()):
            self._owners.pop(key_hash, None)
        # Whose hashes are being read is not known yet, so none of these readings is kept.
        self._readings.clear()
        self._unknown.clear()

    def drop_key(self, key_hash: str) -> None:
        """The key was issued or revoked: forget what is known of it."""
        self._forget(key_hash)
        self._unknown.pop(key_hash, None)
        self._readings.pop(key_hash, None)

    def clear(self) -> None:
        """Notices may have been missed: believe nothing read before now, while MongoDB answers."""
        self._missed_until_s = clock.monotonic_s()
        self._unknown.clear()
        self._readings.clear()

    async def close(self) -> None:
        """End the readings under way."""
        await self._tasks.close()

    def _is_fresh(self, read_s: float, fresh_s: float) -> bool:
        return read_s > self._missed_until_s and clock.monotonic_s() - read_s < fresh_s

    def _is_known_unknown(self, key_hash: str) -> bool:
        read_s = self._unknown.get(key_hash)
        return read_s is not None and self._is_fresh(read_s, min(UNKNOWN_FRESH_S, self._fresh_s))

    def _kept(self, key_hash: str) -> Owner | None:
        entry = self._owners.get(key_hash)
        if entry is None or clock.monotonic_s() - entry.read_s > KEPT_S:
            return None
        return entry.owner

    def _begin(self, key_hash: str) -> asyncio.Task[_Reading]:
        reading = self._tasks.start(self._read(key_hash), "read an owner")
        self._readings[key_hash] = reading
        return reading

    async def _read(self, key_hash: str) -> _Reading:
        # The age of an entry counts from before MongoDB was asked: it may have answered with the state of that instant.
        began_s = clock.monotonic_s()
        current = asyncio.current_task()
        try:
            owner = await self._ask(key_hash)
        except StoreUnavailable as error:
            return error
        else:
            if self._readings.get(key_hash) is current:
                self._keep(key_hash, owner, began_s)
            return owner
        finally:
            if self._readings.get(key_hash) is current:
                del self._readings[key_hash]

    async def _ask(self, key_hash: str) -> Owner | None:
        async with self._store.operation():
            pipeline = [{"$match": {"key_hash": key_hash, "revoked_at": None}}, *_READ]
            found = await self._keys.aggregate(pipeline).to_list(1)
        return _owner(found[0]) if found else None

    def _keep(self, key_hash: str, owner: Owner | None, read_s: float) -> None:
        self._forget(key_hash)
        if owner is None:
            self._unknown[key_hash] = read_s
            self._unknown.move_to_end(key_hash)
            if len(self._unknown) > MAX_UNKNOWN:
                self._unknown.popitem(last=False)
            return
        self._unknown.pop(key_hash, None)
        self._owners[key_hash] = _Entry(owner, read_s)
        self._hashes_of.setdefault(owner.user_id, set()).add(key_hash)
        if len(self._owners) > MAX_OWNERS:
            self._forget(next(iter(self._owners)))

    def _forget(self, key_hash: str) -> None:
        entry = self._owners.pop(key_hash, None)
        if entry is None:
            return
        hashes = self._hashes_of.get(entry.owner.user_id, set())
        hashes.discard(key_hash)
        if not hashes:
            self._hashes_of.pop(entry.owner.user_id, None)


def _owner(found: Mapping[str, Any]) -> Owner:
    user = found["user"]
    return Owner(
        key_hash=found["key_hash"],
        key_prefix=found["key_prefix"],
        user_id=user["user_id"],
        name=user.get("name") or "",
        roles=frozenset(user.get("roles") or ()),
        # Numbers set by hand in a MongoDB shell are floating point.
        invites=int(user.get("invites") or 0),
        is_member=user.get("is_member"),
        paused_reason=user.get("paused_reason"),
        last_checkin_day=user.get("last_checkin_day"),
        overrides=_overrides(user.get("overrides") or {}),
    )


def _overrides(found: Mapping[str, Any]) -> Overrides:
    return cast("Overrides", {name: int(found[name]) for name in Overrides.__optional_keys__ if found.get(name)})
