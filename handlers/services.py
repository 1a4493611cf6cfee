"""What handlers work with: made and wired by the composer, handed to every handler."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import Protocol

from freetheai.admission import House
from freetheai.catalog import Catalog
from freetheai.config import Settings
from freetheai.dependencies import Dependencies
from freetheai.errors import ApiError
from freetheai.jobs import Jobs
from freetheai.limits import Limiter, Policies
from freetheai.limits.keeper import LeaseKeeper
from freetheai.log import RequestRecord, log_request
from freetheai.metrics import Metrics
from freetheai.moderation import Moderation
from freetheai.providers import Providers
from freetheai.routing import Router
from freetheai.upstream import Upstream
from freetheai.usage import Ledger
from handlers.big_bodies import BigBodies
from handlers.public_data import PublicData
from handlers.site import Site
from handlers.upload_room import UploadRoom


class Running(Protocol):
    """A request being answered."""

    def interrupt(self, error: ApiError) -> None:
        """End the answer now with ``error``."""
        ...


class RunningRequests:
    """The requests being answered, so that a drain can wait for them and end what is left."""

    def __init__(self) -> None:
        self._running: set[Running] = set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def __len__(self) -> int:
        return len(self._running)

    def add(self, request: Running) -> None:
        """It begins."""
        self._running.add(request)
        self._is_empty.clear()

    def discard(self, request: Running) -> None:
        """It has ended."""
        self._running.discard(request)
        if not self._running:
            self._is_empty.set()

    def interrupt(self, error: ApiError) -> None:
        """End all of them with ``error``."""
        for request in list(self._running):
            request.interrupt(error)

    async def ended(self, timeout_s: float) -> None:
        """Wait until none is left, at most ``timeout_s`` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_empty.wait(), timeout_s)


@dataclass(slots=True)
class Services:
    """The house. ``settings``, ``providers`` and ``house`` are replaced on reload; the rest lives as long as we do."""

    settings: Settings
    house: House
    catalog: Catalog
    moderation: Moderation
    limiter: Limiter
    keeper: LeaseKeeper
    providers: Providers
    router: Router
    jobs: Jobs
    upstream: Upstream
    metrics: Metrics
    ledger: Ledger
    dependencies: Dependencies
    public: PublicData
    logger: logging.Logger
    started_s: float
    is_draining: bool = False
    running: RunningRequests = field(default_factory=RunningRequests)
    big_bodies: BigBodies = field(default_factory=BigBodies)
    policies: Policies = field(default_factory=Policies)
    site: Site = field(default_factory=Site)
    upload_room: UploadRoom = field(default_factory=UploadRoom)
    # For large JSON bodies on their way, apart from uploads: neither waits for the other.
    body_room: UploadRoom = field(default_factory=UploadRoom)

    def conclude(self, record: RequestRecord) -> None:
        """One finished request: its log line, its metrics, its place in the ledger and in the live truth."""
        log_request(record)
        self.metrics.request_finished(record)
        self.ledger.add(record)
        self.public.live.note_request(record)
