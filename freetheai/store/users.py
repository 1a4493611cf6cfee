"""The collection ``users``: one document an account. Standing, roles and overrides live here; limits' counts do not.

Rules:
- one document an owner for ever: keys come and go, history stays;
- a field is changed by its own operator (``$addToSet`` for a role, a pipeline for the streak), so that two commands
  at the same moment both take effect;
- times are aware and in UTC; a day is ``YYYY-MM-DD`` in UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, NotRequired, TypedDict, cast

from pymongo import ReturnDocument

from freetheai.store.mongo import Store

# Listing everyone takes longer (seconds) than asking for one.
_LIST_TIMEOUT_S: Final = 60.0
_NO_ID: Final = {"_id": 0}


class Overrides(TypedDict, total=False):
    """Limits of this user alone; a field that is not there leaves the tier's and the roles' value."""

    rate_limit_per_minute: int
    concurrency_limit: int
    daily_success_limit: int


class SignUp(TypedDict):
    """What the owner said when signing up, in words cut short, for staff: what the key is for, which bots use it."""

    use_case: str
    disclosure: str
    at: datetime


class User(TypedDict):
    """An account.

    ``user_id``: Discord's number as text, or any name with Discord off. ``is_member``: in the server; None: not known.
    ``paused_reason``: None when not paused; may be empty. ``last_checkin_day``: UTC day, None before the first.
    ``streak``: consecutive days with a check-in, up to that day. ``signup``: only of who signed up in Discord.
    ``invites`` drives the tier; ``invites_counted`` is what the bot counted of it, the rest staff gave or took.
    """

    user_id: str
    name: str
    roles: list[str]
    invites: int
    is_member: bool | None
    paused_reason: str | None
    last_checkin_day: str | None
    streak: int
    overrides: Overrides
    created_at: datetime
    updated_at: datetime
    signup: NotRequired[SignUp]
    invites_counted: NotRequired[int]


@dataclass(slots=True, kw_only=True)
class UserUpdate:
    """What to change about a user: ``fields`` are set, roles added and removed, overrides set (None: taken away)."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    add_roles: Sequence[str] = ()
    remove_roles: Sequence[str] = ()
    overrides: Mapping[str, int | None] = field(default_factory=dict)


class Users:
    """Reads and writes accounts. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._users = store.collection("users")

    async def find(self, user_id: str) -> User | None:
        """The account of ``user_id``."""
        async with self._store.operation():
            return _user(await self._users.find_one({"user_id": user_id}, _NO_ID))

    async def all(self) -> list[User]:
        """Every account, by user id."""
        async with self._store.operation(_LIST_TIMEOUT_S):
            found = await self._users.find({}, _NO_ID).sort("user_id", 1).to_list(None)
        return cast("list[User]", found)

    async def ensure(self, user: User) -> bool:
        """Add ``user`` unless there is one of that id already; tells whether it was added."""
        async with self._store.operation():
            result = await self._users.update_one({"user_id": user["user_id"]}, {"$setOnInsert": user}, upsert=True)
        return result.upserted_id is not None

    async def update(self, user_id: str, update: UserUpdate, at: datetime) -> User | None:
        """Change an account and return it as it is now; None: there is no such user."""
        assigned = {name: _literal(value) for name, value in update.fields.items()}
        assigned["updated_at"] = at
        for name, value in update.overrides.items():
            if value is not None:
                assigned[f"overrides.{name}"] = value
        if update.add_roles or update.remove_roles:
            assigned["roles"] = _roles_expression(update)
        pipeline: list[dict[str, Any]] = [{"$set": assigned}]
        removed = [f"overrides.{name}" for name, value in update.overrides.items() if value is None]
        if removed:
            pipeline.append({"$unset": removed})
        return await self._change({"user_id": user_id}, pipeline)

    async def check_in(self, user_id: str, day: str, at: datetime) -> User | None:
        """Note that the user checked in on ``day``; None: no such user, or that day (or a later one) is noted already.

        The streak grows by one when the day before is noted, else it begins anew at 1.
        """
        yesterday = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
        streak = {"$cond": [{"$eq": ["$last_checkin_day", yesterday]}, {"$add": ["$streak", 1]}, 1]}
        return await self._change(
            {"user_id": user_id, "last_checkin_day": {"$not": {"$gte": day}}},
            [{"$set": {"streak": streak, "last_checkin_day": day, "updated_at": at}}],
        )

    async def observe(self, user_id: str, *, is_member: bool, roles: Sequence[str], at: datetime) -> bool:
        """Note what Discord says of an account; tells whether anything changed (not where there is no account)."""
        differs = [{"is_member": {"$ne": is_member}}, {"roles": {"$ne": list(roles)}}]
        fields = {"is_member": is_member, "roles": list(roles), "updated_at": at}
        async with self._store.operation():
            result = await self._users.update_one({"user_id": user_id, "$or": differs}, {"$set": fields})
        return bool(result.modified_count)

    async def count_invites(self, user_id: str, count: int, at: datetime) -> User | None:
        """Let ``count`` be the invites the bot counted, and move ``invites`` by as much as that changes.

        Returns the account when it changed; None: no such user, or counted so already. Doing it twice does no harm.
        """
        moved = {"$add": ["$invites", {"$subtract": [count, {"$ifNull": ["$invites_counted", 0]}]}]}
        fields = {"invites": {"$max": [0, moved]}, "invites_counted": count, "updated_at": at}
        query: dict[str, Any] = {"user_id": user_id, "invites_counted": {"$ne": count}}
        if count == 0:
            query = {"user_id": user_id, "invites_counted": {"$gt": 0}}
        return await self._change(query, [{"$set": fields}])

    async def _change(self, query: dict[str, Any], pipeline: Sequence[dict[str, Any]]) -> User | None:
        async with self._store.operation():
            found = await self._users.find_one_and_update(
                query, pipeline, projection=_NO_ID, return_document=ReturnDocument.AFTER
            )
        return _user(found)


def _user(found: dict[str, Any] | None) -> User | None:
    return cast("User | None", found)


def _literal(value: Any) -> Any:
    # In a pipeline "$name" is a field: what people choose (a pause reason, a name) must stay text.
    return {"$literal": value}


def _roles_expression(update: UserUpdate) -> dict[str, Any]:
    kept: Any = {"$ifNull": ["$roles", []]}
    if update.remove_roles:
        kept = {"$filter": {"input": kept, "cond": {"$not": [{"$in": ["$$this", _literals(update.remove_roles)]}]}}}
    added = [role for role in update.add_roles if role not in update.remove_roles]
    missing = {"$filter": {"input": _literals(added), "cond": {"$not": [{"$in": ["$$this", kept]}]}}}
    return {"$concatArrays": [kept, missing]}


def _literals(values: Sequence[str]) -> list[Any]:
    return [_literal(value) for value in dict.fromkeys(values)]
