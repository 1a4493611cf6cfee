"""Where the pages get their figures: the documents that the public routes answer, made in this process.

Everyone sees the same: models as somebody without any role sees them. Each document is a second old at most.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from handlers.services import Services

_NO_ROLES: Final[frozenset[str]] = frozenset()

Document = Mapping[str, Any]


async def catalog(services: "Services") -> Document:
    """The document of `GET /v1/models/full`."""
    truth = await services.public.live.fresh()
    return services.site.read("catalog", services.public.full_models.get(services, truth, _NO_ROLES))


async def health(services: "Services") -> Document:
    """The document of `GET /v1/health`."""
    truth = await services.public.live.fresh()
    return services.site.read("health", services.public.health.get(services, truth))


async def leaderboard(services: "Services", window: str, limit: int) -> Document:
    """The document of `GET /v1/models/leaderboard`.

    Raises:
        ApiError: DEPENDENCY_UNAVAILABLE, MongoDB is away.
    """
    return services.site.read(f"leaderboard {window}", await services.public.boards.get(window, limit))
