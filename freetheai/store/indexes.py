"""Every index of the database, by collection: one table, made at the start, never dropped by us."""

from collections.abc import Mapping, Sequence
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

INDEXES: Final[Mapping[str, Sequence[IndexModel]]] = {
    "users": (IndexModel([("user_id", ASCENDING)], name="user_id", unique=True),),
    "keys": (
        IndexModel([("key_hash", ASCENDING)], name="key_hash", unique=True),
        IndexModel([("key_prefix", ASCENDING)], name="key_prefix"),
        # One active key a user: of two commands that issue one at the same moment, MongoDB refuses the second.
        IndexModel(
            [("user_id", ASCENDING)],
            name="one_active_key",
            unique=True,
            partialFilterExpression={"revoked_at": {"$type": "null"}},
        ),
        IndexModel([("user_id", ASCENDING), ("created_at", DESCENDING)], name="user_history"),
    ),
    "models": (IndexModel([("id", ASCENDING)], name="id", unique=True),),
    "bans": (IndexModel([("kind", ASCENDING), ("value", ASCENDING)], name="kind_value", unique=True),),
    "usage": (
        IndexModel([("at", DESCENDING)], name="at"),
        IndexModel([("user_id", ASCENDING), ("at", DESCENDING)], name="user"),
    ),
    "audit": (
        IndexModel([("at", DESCENDING)], name="at"),
        IndexModel([("target", ASCENDING), ("at", DESCENDING)], name="target"),
    ),
}
