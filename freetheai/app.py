"""The composer: makes every part, hands each what it needs, starts them in order and stops them in reverse.

Start: embedded services, MongoDB, catalog, Redis, notices, providers, ports. Stop: readiness fails, running answers
end (or are ended), then ports, background work, connections, embedded services.

Rules:
- nothing is served before everything it needs has answered once;
- what has been started is stopped again when a later part can't start;
- while draining both ports stay open: new requests are refused in words, not by a closed door.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer

from adapters import UnknownAdapterError
from freetheai import __version__, clock, errors
from freetheai.accounts import Accounts
from freetheai.addresses import NetworkSet
from freetheai.admission import ClientBans, House
from freetheai.app_bot import open_membership, start_bot
from freetheai.app_notices import Hearing
from freetheai.bus import Bus
from freetheai.catalog import Catalog, CatalogFileError, load_catalog_files
from freetheai.config import ProviderSettings, Settings
from freetheai.dependencies import Dependencies
from freetheai.embedded import Addresses, EmbeddedError, EmbeddedServices, Wanted
from freetheai.embedded.binaries import model_file
from freetheai.errors import ApiError
from freetheai.jobs import Jobs
from freetheai.limits import FailedKeys, Limiter, RedisConnection, RedisFailure, open_redis
from freetheai.limits.keeper import LeaseKeeper
from freetheai.listening import CannotListen, Door, open_door, open_sockets
from freetheai.metrics import Metrics
from freetheai.moderation import Moderation, PatternsError
from freetheai.providers import Providers
from freetheai.routing import Router
from freetheai.store.directory import Directory
from freetheai.store.jobs import JobStore
from freetheai.store.models import Models
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.store.usage import UsageStore
from freetheai.tasks import TaskGroup
from freetheai.upstream import Upstream
from freetheai.usage import Ledger
from freetheai.window_sharing import WindowSharing
from handlers.admin import make_admin_application
from handlers.public_data import open_public_data
from handlers.routes import GatewayApplication
from handlers.server import PublicServer
from handlers.services import Services

_logger = logging.getLogger(__name__)

# Streams at once, whole process; past it a call is refused. Each costs two file handles.
MAX_TRANSFERS: Final = 4000
LOCAL_PREFIX: Final = "loc"
LOCAL_ALIAS: Final = "loc/smollm2-135m"
_LOCAL_CATALOG: Final = Path(__file__).with_name("local_model.toml")
_LAG_EVERY_S: Final = 0.5
# After the drain's end, how long (seconds) broken-off answers may take to write their last event.
_LAST_WORDS_S: Final = 2.0
# Claude Code sends long lists of features in its headers.
_MAX_HEADER_BYTES: Final = 128 * 1024

Report = Callable[[str], None]


class StartFailed(Exception):
    """The gateway can't start; the text is the one line an operator reads."""


def _no_reload() -> None:
    """For a gateway that was not started from a configuration that can change."""


@dataclass(slots=True, kw_only=True)
class Parts:
    """What outlives a reload and is stopped by name, and what `serve` shows."""

    services: Services
    store: Store
    accounts: Accounts
    public_port: int


class Gateway:
    """One running gateway: ``start``, then ``drain``, then ``stop``."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._stack = AsyncExitStack()
        self._tasks = TaskGroup()
        self._sharing: WindowSharing | None = None
        self._door: Door | None = None
        self._local_provider: dict[str, ProviderSettings] = {}
        self.parts: Parts | None = None
        # Called when a command asks for the configuration to be read again; whoever knows where it is sets it.
        self.on_reload_notice: Callable[[], None] = _no_reload

    @property
    def services(self) -> Services:
        """What handlers work with; only after ``start``."""
        return self.get_parts().services

    def get_parts(self) -> Parts:
        """The parts; only after ``start``."""
        if self.parts is None:
            raise LookupError("the gateway has not been started")
        return self.parts

    async def start(self) -> None:
        """Start everything.

        Raises:
            StartFailed, EmbeddedError: what is wrong, in one line; whatever was started is stopped again.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def drain(self) -> None:
        """Refuse new requests, let running answers end; what is left after ``drain_seconds`` is ended with an error."""
        services = self.services
        if self._door is not None:
            await self._door.begin_drain()
        services.is_draining = True
        await services.running.ended(self._settings.server.drain_seconds)
        services.running.interrupt(ApiError(errors.DRAINING))
        await services.running.ended(_LAST_WORDS_S)

    async def stop(self) -> None:
        """Stop everything, last started first. Never raises for a part that does not stop well."""
        await self._tasks.close()
        try:
            await self._stack.aclose()
        except Exception:
            _logger.exception("a part did not stop well")

    def reload(self, settings: Settings) -> None:
        """Take over new providers, limits, gates, moderation and time-outs; running requests keep what they have."""
        services = self.services
        services.providers.update(self._providers_of(settings))
        services.settings = settings
        services.house.settings = settings.gates
        services.moderation.update(settings.moderation)
        if self._sharing is not None:
            # New credentials may be in windows that are known already.
            self._sharing.on_gap()
        self._settings = settings

    # ------------------------------------------------------------------ start, step by step

    async def _start(self) -> None:
        settings = self._settings
        addresses = await self._start_embedded()
        if addresses.model_url:
            local = ProviderSettings(adapter="llamacpp", base_url=addresses.model_url, timeouts=settings.timeouts)
            self._local_provider = {LOCAL_PREFIX: local}
        store = await self._start_store(settings.mongodb.url.reveal() or addresses.mongodb_url)
        redis = await self._start_redis(settings.redis.url.reveal() or addresses.redis_url)
        bus = Bus(redis.subscriber, settings.redis.prefix)
        accounts = Accounts(store, bus.publish)
        catalog = await self._start_catalog(store, has_local_model=bool(addresses.model_url))
        services = await self._make_services(store, redis, catalog)
        self._stack.push_async_callback(open_membership(services, redis, bus))
        hearing = Hearing(services, store, redis, bus, self._tasks)
        self._sharing = hearing.sharing
        await hearing.start(lambda: self.on_reload_notice())
        self._stack.push_async_callback(bus.close)
        self._start_background(services)
        self.parts = Parts(services=services, store=store, accounts=accounts, public_port=self._listen(services))
        self._stack.push_async_callback(start_bot(services, store, redis, accounts, bus))

    async def _start_embedded(self) -> Addresses:
        settings = self._settings
        wanted = Wanted(
            mongodb=not settings.mongodb.url.reveal(),
            redis=not settings.redis.url.reveal(),
            model=self._wants_model(),
        )
        embedded = EmbeddedServices(settings.server.data_dir, wanted, self._report)
        addresses = await embedded.start()
        self._stack.push_async_callback(embedded.stop)
        return addresses

    def _wants_model(self) -> bool:
        """On, or auto with no provider configured and the model's wheels there."""
        choice = self._settings.embedded.model
        if choice == "auto" and not self._settings.providers:
            try:
                model_file()
            except EmbeddedError as missing:
                self._report(f"no local model: {missing}")
                return False
            return True
        return choice == "on"

    async def _start_store(self, url: str) -> Store:
        try:
            store = Store(url, self._settings.mongodb.database)
            self._stack.push_async_callback(store.close)
            await store.start()
        except StoreUnavailable as error:
            raise StartFailed(f"{error}; check mongodb.url") from error
        return store

    async def _start_redis(self, url: str) -> RedisConnection:
        try:
            redis = open_redis(url)
        except ValueError as error:
            raise StartFailed(str(error)) from error
        self._stack.push_async_callback(redis.close)
        try:
            await redis.ping()
        except RedisFailure as error:
            raise StartFailed(f"redis does not answer ({error}); check redis.url") from error
        return redis

    async def _start_catalog(self, store: Store, *, has_local_model: bool) -> Catalog:
        catalog = Catalog(store, verified_role=self._settings.discord.verified_role)
        models, now = Models(store), clock.utc_now()
        try:
            await models.upsert(load_catalog_files(self._settings.catalog.files), now, only_new=True)
            if has_local_model:
                await models.upsert(load_catalog_files([_LOCAL_CATALOG]), now)
            elif LOCAL_PREFIX not in self._settings.providers:
                # It was served here before, and no longer is.
                await models.set_enabled(LOCAL_ALIAS, is_enabled=False, at=now)
            await catalog.start()
        except (StoreUnavailable, CatalogFileError) as error:
            raise StartFailed(str(error)) from error
        self._stack.push_async_callback(catalog.close)
        return catalog

    async def _make_services(self, store: Store, redis: RedisConnection, catalog: Catalog) -> Services:
        settings = self._settings
        try:
            providers = Providers(self._providers_of(settings))
        except UnknownAdapterError as error:
            raise StartFailed(str(error)) from error
        limiter = Limiter(redis, settings.redis.prefix)
        self._stack.push_async_callback(limiter.close)
        directory = Directory(store)
        self._stack.push_async_callback(directory.close)
        upstream = Upstream(max_transfers=MAX_TRANSFERS)
        self._stack.callback(upstream.close)
        jobs = Jobs(JobStore(store), providers, upstream, limiter)
        self._stack.push_async_callback(jobs.close)
        moderation = await self._start_moderation(upstream)
        ledger = Ledger(UsageStore(store))
        self._stack.push_async_callback(ledger.close)
        error_types = {row.type for row in errors.ROWS.values()}
        metrics = Metrics(CollectorRegistry(), error_types=error_types, version=__version__)
        public = open_public_data(store, redis, settings.redis.prefix, providers, catalog, metrics)
        self._stack.push_async_callback(public.close)
        pings = {"mongodb": store.ping, "redis": redis.ping, "discord": None}
        return Services(
            settings=settings,
            house=House(
                directory=directory,
                failed_keys=FailedKeys(redis, settings.redis.prefix),
                settings=settings.gates,
                banned_networks=NetworkSet(),
                banned_clients=ClientBans(),
            ),
            catalog=catalog,
            moderation=moderation,
            limiter=limiter,
            keeper=LeaseKeeper(limiter, settings.limits.lease_seconds),
            providers=providers,
            router=Router(catalog, providers),
            jobs=jobs,
            upstream=upstream,
            metrics=metrics,
            ledger=ledger,
            dependencies=Dependencies(pings, metrics),
            public=public,
            logger=logging.getLogger("freetheai"),
            started_s=clock.monotonic_s(),
        )

    async def _start_moderation(self, upstream: Upstream) -> Moderation:
        try:
            moderation = Moderation(upstream, self._settings.moderation)
            self._stack.push_async_callback(moderation.close)
            await moderation.prove()
        except PatternsError as error:
            raise StartFailed(str(error)) from error
        return moderation

    def _start_background(self, services: Services) -> None:
        async def measure_lag() -> None:
            while True:
                began_s = clock.monotonic_s()
                await asyncio.sleep(_LAG_EVERY_S)
                services.metrics.loop_lagged(clock.monotonic_s() - began_s - _LAG_EVERY_S)

        self._tasks.start(services.keeper.run(), "renew leases")
        self._tasks.start(services.ledger.run(), "write the ledger")
        self._tasks.start(services.public.live.run(), "share the live truth")
        self._tasks.start(services.dependencies.run(), "ask dependencies")
        self._tasks.start(services.moderation.run(), "watch the moderation patterns")
        self._tasks.start(measure_lag(), "measure loop lag")

    def _listen(self, services: Services) -> int:
        """Open both ports; returns the public one (a configured 0 takes any)."""
        server = self._settings.server
        public = PublicServer(GatewayApplication(services), _MAX_HEADER_BYTES)
        self._tasks.start(public.sweep(), "close idle connections")
        if server.admin_port:
            # First: a start that fails here has let nobody in at the public port, which others may share.
            admin = HTTPServer(make_admin_application(services))
            self._open_admin_port(admin, server.admin_port)
        return self._open_door(public)

    def _open_door(self, public: PublicServer) -> int:
        server = self._settings.server
        try:
            self._door = open_door(
                public, server.host, server.port, reuse_port=server.reuse_port, idle_streams=public.idle_streams
            )
        except CannotListen as error:
            raise StartFailed(f"{error}; free it or set server.port") from error
        self._stack.push_async_callback(self._door.say_goodbye)
        self._stack.push_async_callback(self._door.close)
        return self._door.port

    def _open_admin_port(self, admin: HTTPServer, port: int) -> None:
        try:
            admin.add_sockets(open_sockets("127.0.0.1", port))
        except CannotListen as error:
            raise StartFailed(f"{error}; free it or set server.admin_port") from error
        self._stack.push_async_callback(admin.close_all_connections)
        self._stack.callback(admin.stop)

    def _providers_of(self, settings: Settings) -> dict[str, ProviderSettings]:
        """The configured providers, and the embedded model's where it runs."""
        return {**self._local_provider, **settings.providers}
