"""What every decoder's list of events obeys, whatever the upstream did: the grammar of ``wire/events.py``."""

from collections.abc import Iterable

from freetheai.wire.events import (
    BlockDelta,
    BlockEnd,
    BlockStart,
    Citations,
    Event,
    Failed,
    Finish,
    ResponseStart,
    Usage,
)


def check_grammar(events: Iterable[Event]) -> None:
    """stream = ResponseStart { block [ Citations ] } [ Usage ] Finish, or any prefix of that and Failed.

    Raises:
        AssertionError: the events are in no such order.
    """
    rest = list(events)
    last = rest.pop()
    assert isinstance(last, Finish | Failed)
    if isinstance(last, Finish) and rest and isinstance(rest[-1], Usage):
        rest.pop()
    assert not rest or isinstance(rest.pop(0), ResponseStart)
    index, is_open, kind = -1, False, ""
    for event in rest:
        if isinstance(event, BlockStart):
            assert not is_open
            is_open, index, kind = True, index + 1, event.kind
        elif isinstance(event, Citations):
            assert not is_open and kind == "text" and event.cited, "a text that ended cites something"
            kind = "cited"
        else:
            assert isinstance(event, BlockDelta | BlockEnd)
            assert is_open
            is_open = isinstance(event, BlockDelta)
        assert event.index == index
    assert not is_open or isinstance(last, Failed)
