"""One streamed media answer on its way: what a handler pumps through and wraps."""

from typing import Protocol

from freetheai.errors import ApiError
from freetheai.wire.events import UpstreamFailure, Usage


class MediaStream(Protocol):
    """Bytes of a provider in, bytes of the client out. ``feed`` and ``end`` never raise.

    ``has_output``: media came. ``is_finished``: it has said its own end. ``failure``: the provider's fault, set once.
    ``content_type``: the client's. ``usage``: tokens, None until known or where nothing counts them.
    """

    @property
    def has_output(self) -> bool: ...  # noqa: D102 - told above
    @property
    def is_finished(self) -> bool: ...  # noqa: D102
    @property
    def failure(self) -> UpstreamFailure | None: ...  # noqa: D102
    @property
    def usage(self) -> Usage | None: ...  # noqa: D102
    @property
    def content_type(self) -> str: ...  # noqa: D102

    def feed(self, data: bytes) -> bytes:
        """What the client gets for one upstream read."""
        ...

    def end(self) -> bytes:
        """The body is over: the last bytes, or ``failure`` is set because it was not whole."""
        ...

    def error(self, error: ApiError) -> bytes | None:
        """The last bytes after a failure; None where only breaking the connection can tell."""
        ...
