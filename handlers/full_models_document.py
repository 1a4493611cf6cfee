"""The document of `GET /v1/models/full`, kept as bytes.

Strategy: a row's bytes are made once for each catalog and each set of roles that makes a difference; ``status`` is put
in once a second, and the whole is kept for that second. So views cost nothing but their bytes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from freetheai import clock
from freetheai.catalog import Model, access_of
from freetheai.config import Settings
from freetheai.live import Truth

if TYPE_CHECKING:
    from handlers.services import Services

# Sets of roles whose views are kept; past it all are made anew.
_MAX_VIEWS: Final = 64


class FullModels:
    """The document, made at most once a second for each set of roles."""

    def __init__(self) -> None:
        self._rows: Sequence[tuple[Model, Any]] = ()
        self._settings: Settings | None = None
        self._second = -1
        # Of each role set: every row but its status; the whole document of this second.
        self._open_rows: dict[frozenset[str], list[bytes]] = {}
        self._documents: dict[frozenset[str], bytes] = {}
        self._statuses: list[bytes] = []
        self._opening_roles: frozenset[str] = frozenset()

    def get(self, services: "Services", truth: Truth, roles: frozenset[str]) -> bytes:
        """The document as JSON bytes, for who has ``roles``."""
        self._renew(services, truth)
        # Members who differ only in roles that open nothing share a view.
        asked = roles & self._opening_roles
        document = self._documents.get(asked)
        if document is None:
            document = self._documents[asked] = self._make(services, asked)
        return document

    def _renew(self, services: "Services", truth: Truth) -> None:
        rows, settings, second = services.catalog.full_rows(), services.settings, int(clock.now_s())
        if rows is self._rows and settings is self._settings and second == self._second:
            return
        if rows is not self._rows or len(self._open_rows) > _MAX_VIEWS:
            self._open_rows.clear()
            self._opening_roles = frozenset().union(*(group for model, _ in rows for group in model.role_groups))
        self._rows, self._settings, self._second = tuple(rows), settings, second
        self._documents.clear()
        configured = {provider.prefix for provider in services.providers}
        find = services.catalog.find
        self._statuses = [truth.model_status(model, find, configured).encode() for model, _ in self._rows]

    def _make(self, services: "Services", roles: frozenset[str]) -> bytes:
        rows = self._open_rows.get(roles)
        if rows is None:
            rows = self._open_rows[roles] = [
                orjson.dumps({**row, "access": access_of(model, roles)})[:-1] for model, row in self._rows
            ]
        data = b",".join(b'%b,"status":"%b"}' % (row, status) for row, status in zip(rows, self._statuses, strict=True))
        head = orjson.dumps({"object": "model_catalog", "generated_at": clock.iso(clock.utc_now())})
        return b'%b,"data":[%b],"policy":%b}' % (head[:-1], data, orjson.dumps(policy(services)))


def policy(services: "Services") -> dict[str, Any]:
    """What the house's limits are, for everyone to read."""
    settings = services.settings
    return {
        "invite_tiers": [
            {
                "level": tier.level,
                "minimum_invites": tier.minimum_invites,
                "rate_limit_per_minute": tier.rate_limit_per_minute,
                "concurrency_limit": tier.concurrency_limit,
            }
            for tier in settings.limits.tiers
        ],
        "daily_success_limit": settings.limits.daily_success_limit,
        "seems_legit_required_prefixes": services.catalog.verified_prefixes(),
        "seems_legit_required_role_label": settings.discord.verified_role,
    }
