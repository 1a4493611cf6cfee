"""How a provider defers: where a job is asked about, and by which names its answers say what they say."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """A provider's deferred jobs of one kind, read by ``freetheai/wire/deferred.py``.

    ``path`` is appended to the provider's `base_url`, ``{id}`` in it filled in. ``id_keys``: where the answer to the
    POST names the job, the first counts. ``result_keys``: where a poll's answer may hold the result.
    """

    path: str
    result_keys: tuple[str, ...]
    id_keys: tuple[str, ...] = ("request_id", "id", "task_id")

    def path_of(self, upstream_id: str) -> str:
        """The path of one job. The id is the provider's word: it stays one segment, whatever it holds."""
        segment = quote(upstream_id, safe="")
        if not segment.strip("."):
            segment = segment.replace(".", "%2E")  # dots alone would climb
        return self.path.replace("{id}", segment)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The ``value`` of a ``MediaResult`` whose provider took a job instead of answering: its id there."""

    upstream_id: str
