"""What the public data routes serve from: the live truth, and the documents made of it and of the ledger."""

from dataclasses import dataclass

from freetheai.catalog import Catalog
from freetheai.leaderboard import Leaderboard
from freetheai.limits import RedisConnection
from freetheai.limits.live import LiveBoard
from freetheai.live import Live
from freetheai.live.metrics import LiveCollector
from freetheai.metrics import Metrics
from freetheai.providers import Providers
from freetheai.store.mongo import Store
from freetheai.store.usage_figures import UsageFigures
from handlers.full_models_document import FullModels
from handlers.health_document import HealthCache
from handlers.leaderboard_document import BoardCache


@dataclass(slots=True)
class PublicData:
    """The parts; ``live.run`` is to be started, ``close`` to be called while Redis is still there."""

    live: Live
    leaderboard: Leaderboard
    boards: BoardCache
    full_models: FullModels
    health: HealthCache

    async def close(self) -> None:
        """Write what has not been written, end what is being counted."""
        await self.live.close()
        await self.leaderboard.close()


def open_public_data(
    store: Store, redis: RedisConnection, prefix: str, providers: Providers, catalog: Catalog, metrics: Metrics
) -> PublicData:
    """Make the parts: outcomes of ``providers`` are counted from now on, the truth is among ``metrics``."""
    live = Live(LiveBoard(redis, prefix), providers)
    providers.on_outcome = live.count
    metrics.registry.register(LiveCollector(live, providers, catalog))
    leaderboard = Leaderboard(UsageFigures(store), catalog.find)
    return PublicData(live, leaderboard, BoardCache(leaderboard), FullModels(), HealthCache())
