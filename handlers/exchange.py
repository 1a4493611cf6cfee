"""One admitted request on its way to an answer: what every later step needs, as a value."""

from dataclasses import dataclass

from freetheai.catalog import Model
from freetheai.limits import Lease
from freetheai.log import RequestRecord
from freetheai.routing import Attempt
from freetheai.store.directory import Owner
from freetheai.wire.events import Usage
from freetheai.wire.formats import Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import estimated_usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The parsed request, the alias it names, whose it is, the slot it holds, and what its answer is stamped with."""

    request: ChatRequest
    model: Model
    owner: Owner
    lease: Lease
    stamp: Stamp

    def stamp_for(self, attempt: Attempt) -> Stamp:
        """The stamp with the maker of this attempt's reasoning, so that what it signs finds its way back."""
        stamp = self.stamp
        return Stamp(id=stamp.id, created_s=stamp.created_s, model=stamp.model, origin=attempt.target.origin)

    def may_use(self, model: Model) -> bool:
        """Whether the owner's roles open ``model``: asked of fallbacks."""
        return model.allows(self.owner.roles)


def note_usage(record: RequestRecord, request: ChatRequest, usage: Usage | None, output_chars: int) -> None:
    """Put tokens into the log line: the provider's count, or an estimate where it counts nothing."""
    if usage is None:
        usage = estimated_usage(request, output_chars)
        record.estimated = True
    record.input_tokens = usage.in_total
    record.output_tokens = usage.out_total
    record.cached_tokens = usage.in_cached
