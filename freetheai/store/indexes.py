"""Every index of the database, by collection: one table, made at the start, never dropped by us."""

from collections.abc import Mapping, Sequence
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

# How long a row of the ledger is kept (seconds); MongoDB removes it then.
USAGE_KEPT_S: Final = 90 * 24 * 3600

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
        # Rows are kept three times as long as the leaderboard's widest window.
        IndexModel([("at", ASCENDING)], name="expires", expireAfterSeconds=USAGE_KEPT_S),
        IndexModel([("user_id", ASCENDING), ("at", DESCENDING)], name="user"),
        # Only of rows that have one: a success costs nothing more.
        IndexModel([("error_id", ASCENDING)], name="error_id", partialFilterExpression={"error_id": {"$gt": ""}}),
        # Holds all that the leaderboard asks for, so that it reads no document.
        IndexModel(
            [
                ("is_success", ASCENDING),
                ("at", DESCENDING),
                ("alias", ASCENDING),
                ("user_id", ASCENDING),
                ("ttfb_ms", ASCENDING),
                ("duration_ms", ASCENDING),
            ],
            name="board",
            partialFilterExpression={"is_success": True},
        ),
    ),
    "jobs": (
        IndexModel([("request_id", ASCENDING)], name="request_id", unique=True),
        # MongoDB removes each document once its own time has come.
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),
    ),
    "invites": (
        # One document a person who ever joined or left: of two that note the same join, MongoDB refuses the second.
        IndexModel([("user_id", ASCENDING)], name="user_id", unique=True),
        IndexModel([("inviter_id", ASCENDING), ("is_counted", ASCENDING)], name="inviter"),
    ),
    "activity": (
        IndexModel([("user_id", ASCENDING)], name="user_id", unique=True),
        # What is to be done in Discord, of the few where something is.
        IndexModel([("pending", ASCENDING)], name="pending", partialFilterExpression={"pending": {"$gt": ""}}),
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),
    ),
    "audit": (
        IndexModel([("at", DESCENDING)], name="at"),
        IndexModel([("target", ASCENDING), ("at", DESCENDING)], name="target"),
    ),
}
