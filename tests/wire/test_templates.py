"""Events recognised by their bytes mean what they mean when they are read in full: in every pair."""

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.wire import chat, gemini, messages, responses
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp, UpstreamFormat
from freetheai.wire.jsontext import loads
from freetheai.wire.template import TextTemplates, volatile
from freetheai.wire.translate import open_stream
from scripts.benchmarks.codec_samples import KINDS, opening_and_pieces
from support.chat_streams import cut

CLIENTS = (chat.CLIENT, messages.CLIENT, responses.CLIENT)
UPSTREAMS = (chat.UPSTREAM, messages.UPSTREAM, responses.UPSTREAM, gemini.UPSTREAM)
PAIRS = [pytest.param(c, u, id=f"{u.name} to {c.name}") for c in CLIENTS for u in UPSTREAMS]
# All but Gemini's arguments: there each event is a whole call.
RECOGNISED = [
    pytest.param(upstream, kind, id=f"{upstream.name} {kind}")
    for upstream in UPSTREAMS
    for kind in KINDS
    if (upstream.name, kind) != ("gemini", "arguments")
]
BODIES = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}], "stream_options": {"include_usage": True}},
    "messages": {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 9000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    },
    "responses": {"input": "Hi"},
}


class Unlearned(TextTemplates):
    """Recognises nothing: every event is read in full."""

    def learn(self, data: bytes, key: str, owner: Any = None, sent: bytes = b"") -> None:
        return None


def opened(client: ClientFormat, upstream: UpstreamFormat, *, reads_in_full: bool) -> ByteStream:
    request = client.parse(orjson.dumps({"model": "a/m", "stream": True, **BODIES[client.name]}))
    stamp = Stamp(id=f"{client.id_prefix}0123456789abcdef", created_s=1790000000, model="a/m", origin="family/model")
    stream: Any = open_stream(client, upstream, request, stamp, Quirks())
    if reads_in_full:
        reader = getattr(stream, "_decoder", stream)
        assert isinstance(reader._templates, TextTemplates)
        reader._templates = Unlearned()
    return stream  # type: ignore[no-any-return]


def outcome(stream: ByteStream, pieces: list[bytes]) -> Any:
    """Everything that can be seen of a stream; events as values, since JSON may be written in more than one way."""
    data = b"".join([*(stream.feed(piece) for piece in pieces), stream.end()])
    events = [read(event) for event in data.split(b"\n\n")]
    return events, stream.failure, stream.usage, stream.finish, stream.has_output, stream.output_chars


def read(event: bytes) -> Any:
    name, _, text = event.partition(b"data: ")
    return name, loads(text) if text.startswith(b"{") else text


def agree(client: ClientFormat, upstream: UpstreamFormat, pieces: list[bytes]) -> None:
    known = outcome(opened(client, upstream, reads_in_full=False), pieces)
    assert known == outcome(opened(client, upstream, reads_in_full=True), pieces)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [1, 8])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_recognised_event_is_sent_as_one_that_was_read(
    client: ClientFormat, upstream: UpstreamFormat, together: int, kind: str
) -> None:
    opening, pieces = opening_and_pieces(upstream.name, kind)
    events = list(islice(pieces, 60))
    agree(client, upstream, [opening, *(b"".join(events[at : at + together]) for at in range(0, 60, together))])


@pytest.mark.parametrize("together", [1, 8])
@pytest.mark.parametrize(("upstream", "kind"), RECOGNISED)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: f"to {client.name}")
def test_nearly_all_events_are_recognised(
    client: ClientFormat, upstream: UpstreamFormat, kind: str, together: int
) -> None:
    opening, pieces = opening_and_pieces(upstream.name, kind)
    stream: Any = opened(client, upstream, reads_in_full=False)
    reader = getattr(stream, "_decoder", stream)
    reads: list[bytes] = []
    frame: Callable[..., None] = reader._frame
    reader._frame = lambda *given: (reads.append(b""), frame(*given))
    stream.feed(opening)
    reads.clear()
    events = list(islice(pieces, 104))
    for at in range(0, 104, together):
        stream.feed(b"".join(events[at : at + together]))
    assert len(reads) < 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_cut_piece_is_never_taken_for_a_whole(client: ClientFormat, upstream: UpstreamFormat, kind: str) -> None:
    opening, pieces = opening_and_pieces(upstream.name, kind)
    events = list(islice(pieces, 300))
    reads = [opening, *events[:4]]
    for place, event in enumerate(events[4:]):
        reads += [event[:place], event[place:], events[0]] if 0 < place < len(event) else [event]
    agree(client, upstream, reads)


# What an upstream may change from one event to the next: none of it may be taken for text, or be missed.
CHANGES: list[tuple[bytes, bytes]] = [
    (b'"index":0', b'"index":1'),
    (b'"output_index":0', b'"output_index":1'),
    (b'"content_index":0', b'"content_index":1'),
    (b'"item_id":"msg_', b'"item_id":"msh_'),
    (b'"finish_reason":null', b'"finish_reason":"stop"'),
    (b'"content":"', b'"content":null,"x":"'),
    (b'"text":"', b'"text":"\\ud83d'),
    (b'"delta":"', b'"delta":"a","delta":"'),
    (b'"content":"', b'"role":"assistant","content":"'),
    (b'"text":"', b'"text":\n"'),
    (b'"created":1790000000', b'"created":1790000001'),
    (b'"created":1790000000', b'"created":1.5'),
    (b'"sequence_number":', b'"sequence_number":1'),
    (b'"sequence_number":', b'"sequence_number":-'),
    (b'"sequence_number":', b'"sequence_number":0'),
    (b'"obfuscation":"', b'"obfuscation":"\\"'),
    (b'"obfuscation":"', b'"obfuscation":7,"x":"'),
    (b"TokenCount", b"TokensCount"),
    (b'TokenCount":', b'TokenCount":0'),
    (b'TokenCount":', b'TokenCount":"'),
    (b'"index":0}]', b'"index":0,"finishReason":"STOP"}]'),
    (b'"thought":true', b'"thought":false'),
    (b'{"text":', b'{"thought":true,"text":'),
    (b"data: ", b"error: "),
    (b"event: content_block_delta", b"event: error"),
    (b"\n\n", b"\n\n\n"),
    (b"\n\n", b"\r\n\r\n"),
    (b"\n\n", b"\n: comment\n\n"),
    (b"}\n\n", b"\n\n"),
]


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(CHANGES)), max_size=4),
    places=st.lists(st.integers(0, 20000), max_size=6),
    together=st.sampled_from([0, 1, 8]),
)
def test_whatever_an_upstream_changes_is_noticed(
    client: ClientFormat,
    upstream: UpstreamFormat,
    kind: str,
    changes: list[tuple[int, tuple[bytes, bytes]]],
    places: list[int],
    together: int,
) -> None:
    """``together``: events of a read; 0: it is cut anywhere."""
    opening, pieces = opening_and_pieces(upstream.name, kind)
    events = [opening, *islice(pieces, 30)]
    for place, (old, new) in changes:
        events[place % len(events)] = events[place % len(events)].replace(old, new)
    reads = cut(b"".join(events), places)
    if together:
        reads = [b"".join(events[at : at + together]) for at in range(0, len(events), together)]
    agree(client, upstream, reads)


def test_templates_tell_volatile_members_from_others() -> None:
    templates = TextTemplates(volatile("created", "pad"))
    assert templates.match(b"{}\n\n") is None
    templates.learn(b'{"created":5,"v":1,"text":"a","pad":"xy"}', "text", "owner")
    found = templates.match(b'{"created":67,"v":1,"text":"b\\"c","pad":"Zz9"}\n\n')
    assert found is not None
    assert (found[0].owner, found[1], found[2]) == ("owner", b'b\\"c', 'b"c')
    for other in (
        b'{"created":5,"v":2,"text":"a","pad":"xy"}',
        b'{"created":null,"v":1,"text":"a","pad":"xy"}',
        b'{"created":05,"v":1,"text":"a","pad":"xy"}',
        b'{"created":5,"v":1,"text":"a","more":"b","pad":"xy"}',
        b'{"created":5,"v":1,"text":null,"pad":"xy"}',
        b'{"created":5,"v":1,"text":"a","pad":"x\\"y"}',
        b'{"created":5,"v":1,"text":"a","pad":""}',
        b'{"created":5,"v":1,"text":"',
        b'{"created":5,"v":1,"text":"a\nb","pad":"xy"}',
    ):
        assert templates.match(other + b"\n\n") is None, other
        assert templates.match(other.replace(b":5", b":67") + b"\n\n") is None, other
    assert templates.match(b'{"created":5,"v":1,"text":"a","pad":"xy"}') is None, "no blank line: it may go on"


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(b'{"sequence_number":%d,"delta":"%s"}', id="before the text"),
        pytest.param(b'{"delta":"%s","sequence_number":%d}', id="behind the text"),
        pytest.param(b'{"sequence_number":%d,"delta":"%s","obfuscation":"x%d"}', id="with padding behind the text"),
        pytest.param(b'{"delta":"%s","obfuscation":"x%d","sequence_number":%d}', id="behind text and padding"),
        pytest.param(b'{"sequence_number":%d,"obfuscation":"x%d","delta":"%s"}', id="with padding before the text"),
        pytest.param(b'{"sequence_number":%d,"rate":"5%%","delta":"%s"}', id="beside a per cent sign"),
    ],
)
def test_a_number_is_exchanged_where_it_stands(shape: bytes) -> None:
    def event(number: int, text: bytes) -> bytes:
        values = [text if kind == b"%s" else number for kind in re.findall(rb"(?<!%)%[sd]", shape)]
        return shape % tuple(values) + b"\n\n"

    templates = TextTemplates(volatile("sequence_number", "obfuscation"))
    templates.learn(event(7, b"a").removesuffix(b"\n\n"), "delta")
    # As expected, with more digits, and out of turn.
    for number in (8, 9, 10, 11, 99, 100, 101, 3):
        data = event(number, b"b 12")
        found = templates.match(data)
        assert found is not None
        assert (found[2], found[3]) == ("b 12", number)
        old, new = b'"sequence_number":%d' % number, b'"sequence_number":12345'
        assert found[0].renumbered(data, number, 12345) == data.replace(old, new)
    assert templates.match(event(0, b"a").replace(b":0", b":01")) is None


def test_the_last_of_two_numbers_counts() -> None:
    templates = TextTemplates(volatile("sequence_number"))
    templates.learn(b'{"sequence_number":1,"delta":"a","sequence_number":7}', "delta")
    for first, last in ((1, 8), (8, 8), (9, 7), (9, 9)):
        found = templates.match(b'{"sequence_number":%d,"delta":"b","sequence_number":%d}\n\n' % (first, last))
        assert found is not None
        assert found[3] == last


def test_an_upstream_that_varies_everything_is_given_up() -> None:
    templates = TextTemplates()
    for number in range(100):
        templates.learn(b'{"id":"%d","text":"a"}' % number, "text")
    assert templates.match(b'{"id":"99","text":"b"}\n\n') is None
    assert templates.match(b'{"id":"15","text":"b"}\n\n') is not None


def test_an_upstream_whose_like_is_met_again_is_never_given_up() -> None:
    templates = TextTemplates()
    for number in range(100):
        templates.learn(b'{"id":"%d","text":"a"}' % number, "text")
        assert templates.match(b'{"id":"%d","text":"b"}\n\n' % number) is not None
