"""What every request that takes a slot has, whatever it asks for: its alias, its lease, its one transfer, its attempts.

Rules:
- what is taken is given back in a ``finally`` of the function that took it: ``settle`` may be called twice;
- the lease is settled before the client can see the answer's end: whoever calls again at once finds the slot free;
- a client that left is 499, nobody's fault, and the provider sees the close at once.
"""

from collections.abc import Container
from dataclasses import replace
from typing import Any, ClassVar, Final

from tornado.httputil import HTTPServerRequest
from tornado.web import Application

from freetheai import clock, errors
from freetheai.catalog import Model
from freetheai.errors import ApiError
from freetheai.limits import Lease
from freetheai.store.directory import Owner
from freetheai.upstream import Transfer, UpstreamCall
from handlers.attempts import Attempts
from handlers.base import BaseHandler
from handlers.client_stream import ClientStream

# A further attempt that was begun in time gets at least so long (seconds).
_LEAST_S: Final = 1.0


class LeasedHandler(BaseHandler):
    """Generations and media requests: everything between the gates and the answer that they have in common."""

    reads_body = True
    # The catalog's route that must be open for this one, where that is another.
    served_route: ClassVar[str] = ""

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        super().__init__(application, request, **kwargs)
        # Why the answer must stop now, if it must: the client left, or the process drains.
        self.interruption: ApiError | None = None
        # The client's end of a streamed answer, once there is one.
        self.client_stream: ClientStream | None = None
        self._transfer: Transfer | None = None

    def on_connection_close(self) -> None:
        """The client left: the provider is told at once (Tornado's hook)."""
        # Tornado's own ends the wait for a body that will not come.
        super().on_connection_close()
        if self.client_stream is not None:
            self.client_stream.close()
        self.interrupt(ApiError(errors.CLIENT_CANCELED))

    def interrupt(self, error: ApiError) -> None:
        """End the answer now with ``error``."""
        if self.interruption is None:
            self.interruption = error
        if self._transfer is not None:
            self._transfer.abort()

    def stop_if_interrupted(self) -> None:
        """Raise the interruption, if there is one: who has left meanwhile takes nothing more."""
        if self.interruption is not None:
            raise self.interruption

    def find_model(self, alias: str, owner: Owner) -> Model:
        """Gates 7 and 8: the alias exists, does what this route asks for, and the owner may use it."""
        model = self.services.catalog.find(alias)
        if model is None:
            raise ApiError(errors.UNKNOWN_ALIAS, "unknown aliased model. Use a model from GET /v1/models.")
        self.record.alias = model.id
        if not model.serves(self.served_route or self.route):
            raise ApiError(
                errors.INVALID_REQUEST, f"This model is not served here. Its routes: {', '.join(model.routes)}."
            )
        if not model.allows(owner.roles):
            raise ApiError(errors.MODEL_ACCESS_DENIED if owner.are_roles_known else errors.DISCORD_MEMBERSHIP_ERROR)
        return model

    async def acquire(self, owner: Owner) -> Lease:
        """Gate 10: take a slot; from here on every answer shows the limits."""
        policy = self.services.policies.of(self.services.settings.limits, owner)
        lease = await self.services.limiter.acquire(owner.user_id, policy, self.record.address)
        self.services.keeper.hold(lease)
        self.services.metrics.lease_taken()
        self.set_limit_headers(lease.numbers)
        return lease

    async def settle(self, lease: Lease, *, is_success: bool, is_refundable: bool = False) -> None:
        """Give the lease back; only the first call does anything. ``is_refundable``: see ``Limiter.refund``."""
        if self.services.keeper.drop(lease):
            self.record.is_success = is_success
            self.services.metrics.lease_given_back()
            await self.services.limiter.settle(lease, is_success=is_success, is_refundable=is_refundable)

    def attempts_for(self, own_fields: Container[str]) -> Attempts:
        """A fresh run of attempts; ``own_fields`` are the top-level names of the client's request."""
        return Attempts(
            self.record,
            self.services.metrics,
            own_fields=own_fields,
            deadline_s=self.started_s + self.services.settings.timeouts.total,
            is_interrupted=lambda: self.interruption is not None,
        )

    def start_call(self, call: UpstreamCall) -> Transfer:
        """Call a provider; the transfer is aborted when this request is interrupted.

        A further attempt gets what is left of the request's time, the first all that its provider is allowed.
        """
        if self.record.attempts > 1:
            left_s = max(_LEAST_S, self.started_s + self.services.settings.timeouts.total - clock.monotonic_s())
            call.timeouts = replace(call.timeouts, total_s=min(left_s, call.timeouts.total_s))
        self._transfer = self.services.upstream.start(call)
        if self.interruption is not None:
            self._transfer.abort()
        return self._transfer

    def release_transfer(self) -> None:
        """The client has taken everything: read on."""
        if self._transfer is not None:
            self._transfer.release()
