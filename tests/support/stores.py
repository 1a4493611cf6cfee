"""A started ``Store`` for the length of a test, and accounts to put into it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from freetheai import ids
from freetheai.store.keys import Key, Keys
from freetheai.store.mongo import Store
from freetheai.store.users import User, Users

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@asynccontextmanager
async def open_store(url: str, database: str, timeout_s: float = 5.0) -> AsyncIterator[Store]:
    store = Store(url, database, timeout_s=timeout_s)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


def a_user(user_id: str = "ann", **fields: Any) -> User:
    user = User(
        user_id=user_id,
        name="Ann",
        roles=[],
        invites=0,
        is_member=True,
        paused_reason=None,
        last_checkin_day=None,
        streak=0,
        overrides={},
        created_at=AT,
        updated_at=AT,
    )
    user.update(fields)  # type: ignore[typeddict-item]
    return user


def a_key(user_id: str = "ann", key: str | None = None) -> Key:
    key = key or ids.new_key()
    return Key(
        key_hash=ids.hash_key(key),
        key_prefix=ids.display_prefix(key),
        user_id=user_id,
        created_at=AT,
        revoked_at=None,
        revoked_reason="",
    )


async def add_account(store: Store, user_id: str = "ann", **fields: Any) -> Key:
    """A user with a key."""
    await Users(store).ensure(a_user(user_id, **fields))
    key = a_key(user_id)
    await Keys(store).add(key)
    return key
