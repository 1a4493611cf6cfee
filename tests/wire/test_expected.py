"""Events that pass because they look like the last one are sent as if each had been read in full.

Streams of equal formats, written in any order of members and any spelling, are relayed twice: as they are, and by a
relay that recognises nothing. Both send the same, however the bytes are cut and whatever stands in the texts.
"""

import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freetheai.wire import chat, messages, responses
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp
from freetheai.wire.jsontext import loads
from freetheai.wire.template import TextTemplates
from freetheai.wire.translate import open_stream
from support.chat_streams import cut
from support.spelled_streams import closings, ending, event, grouped, in_order, opening, piece, streamed

Json = dict[str, Any]

CLIENTS: dict[str, ClientFormat] = {"chat": chat.CLIENT, "messages": messages.CLIENT, "responses": responses.CLIENT}
BODIES: dict[str, Json] = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, "thinking": {"type": "adaptive"}},
    "responses": {"input": "Hi"},
}
relays = pytest.mark.parametrize("name", CLIENTS)


class Unlearned(TextTemplates):
    """Recognises nothing: every event is read in full."""

    def learn(self, data: bytes, key: str, owner: Any = None, sent: bytes = b"") -> None:
        return None


def relay(name: str, *, reads_in_full: bool = False) -> Any:
    client = CLIENTS[name]
    request = client.parse(orjson.dumps({"model": "a/m", "stream": True, **BODIES[name]}))
    stamp = Stamp(id=f"{client.id_prefix}ours", created_s=1790000000, model="a/m", origin="family/model")
    upstream = {"chat": chat.UPSTREAM, "messages": messages.UPSTREAM, "responses": responses.UPSTREAM}[name]
    stream: Any = open_stream(client, upstream, request, stamp, Quirks())
    if reads_in_full:
        stream._templates = Unlearned()
    return stream


KINDS = ("text", "reasoning", "arguments")
# What a text is written of: words, and every way to write a character.
FRAGMENTS = [b"the ", "für".encode(), "😀".encode(), rb"\"", rb"\n", rb"\\", rb"\/", rb"\u00e9", rb"\ud83d\ude00"]
# What no text may be written of, or not alone: whatever of it passes must be what it seems.
TRAPS = [
    *(b'"', b"\\", b"\n", b"\n\n", b"\r", b"\x01", b"\xff", rb"\ud83d", rb"\x", b'","', b'",\n"', b'"},"x":{"a":"'),
    *(b'"}}\n\n', b'["', b'"]', b'":', b"[", b"]", b'","delta":"', b'","text":"', b'"}\n\ndata: {"a":"'),
]
bodies = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join)
trapped = st.lists(st.sampled_from([*FRAGMENTS, *TRAPS]), max_size=6).map(b"".join)


STRAYS = [
    *(b": keep-alive\n\n", b": keep-alive\n", b"\n", b"data: x\n", b"data: \n\n", b"event: ping\n\n", b"retry: 3\n\n"),
    *(b'word"}}\n\n', b'"}}\n\n', b'word"}\n\n', b"word", b"data: [DONE]\n\n", b'data: {"type":"ping"}\n\n'),
]


def outcome(stream: ByteStream, reads: list[bytes]) -> Any:
    sent = b"".join([*(stream.feed(read) for read in reads), stream.end()])
    assert stream.failure is None or stream.failure.kind != "internal", stream.failure.trace
    return sent, stream.failure, stream.usage, stream.finish, stream.has_output, stream.output_chars


def meant(sent: bytes) -> list[Any]:
    """The events that were sent; one that had to be changed may be written in more than one way."""
    lines = [text.partition(b"data: ") for text in sent.split(b"\n\n")]
    return [(name, loads(text) if text.startswith(b"{") else text) for name, _, text in lines]


def agree(name: str, reads: list[bytes]) -> None:
    known, told = outcome(relay(name), reads), outcome(relay(name, reads_in_full=True), reads)
    assert known[1:] == told[1:]
    if name == "messages":
        assert known[0] == told[0]
    else:
        assert meant(known[0]) == meant(told[0])


spellings = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 50),
        "space": st.sampled_from(["", "", " "]),
        "is_padded": st.booleans(),
        "first": st.sampled_from([0, 0, 0, 5, 95, 996]),
    }
)


@relays
@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    spelling=spellings,
    texts=st.lists(st.one_of(bodies, bodies, bodies, trapped), max_size=24),
    changes=st.dictionaries(st.integers(0, 24), st.integers(1, 3), max_size=2),
    sizes=st.lists(st.integers(1, 12), max_size=12),
    places=st.one_of(st.none(), st.none(), st.lists(st.integers(0, 20000), max_size=6)),
    has_crlf=st.booleans(),
    strays=st.dictionaries(st.integers(3, 20), st.integers(0, 99), max_size=2),
)
def test_what_passes_is_sent_as_what_was_read(
    name: str,
    kind: str,
    spelling: Json,
    texts: list[bytes],
    changes: dict[int, int],
    sizes: list[int],
    places: list[int] | None,
    has_crlf: bool,
    strays: dict[int, int],
) -> None:
    events = streamed(name, kind, texts, spelling, changes)
    for place, number in strays.items():
        among = [*STRAYS, *closings(name) * 4]
        events.insert(place, among[number % len(among)])
    if has_crlf and places is not None:
        events = [one.replace(b"\n", b"\r\n") for one in events]
    agree(name, grouped(events, sizes) if places is None else cut(b"".join(events), places))


PLAIN = {"seed": 0, "space": "", "is_padded": False, "first": 0}


@relays
@settings(max_examples=60, deadline=None)
@example(texts=[b'a","b', b"c"])
@example(texts=[b'a","b', b'","', b'c","d'])
@example(texts=[b"a", b'"', b'","', b'"'])
@example(texts=[b'a",["b', b"c", b'd"],"e'])
@example(texts=[b'a",{"b":"c', b'd"},"e'])
@example(texts=[b"a\\", b'"b'])
@example(texts=[b"a\\", b',"b'])
@example(texts=[b'a"', b'"b'])
@example(texts=[b'",\n"', b"a"])
@given(texts=st.lists(trapped, min_size=2, max_size=6))
def test_no_text_of_a_long_read_hides_in_another(name: str, texts: list[bytes]) -> None:
    events = streamed(name, "text", [*[b"first"] * 3, *texts], PLAIN, {})
    begin = len(events) - len(texts) - len(ending(name, 0)) - 1
    read = b"".join(events[begin : begin + len(texts)])
    agree(name, [*events[:begin], read, *events[begin + len(texts) :]])


@relays
@pytest.mark.parametrize("number", range(len(STRAYS) + 3))
@pytest.mark.parametrize("together", [1, 4])
def test_whatever_comes_between_is_noticed(name: str, number: int, together: int) -> None:
    among = [*STRAYS, *closings(name)]
    stray = among[number % len(among)]
    events = streamed(name, "text", [b"word"] * 12, PLAIN, {})
    at = len(opening(name, "text")) + 8
    read = b"".join([*events[at - together : at], stray, *events[at : at + together]])
    agree(name, [*events[:at], stray, *events[at:]])
    agree(name, [*events[: at - together], read, *events[at + together :]])


@relays
@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([b"", b"", b" ", b"  ", b"{}", b"a"], id="white space before anything is said"),
        pytest.param([*[b"word"] * 20, rb"\"}", rb"{\"a\":\"" + b"word" * 20 + rb"\"}"], id="all of it once more"),
        pytest.param([*[b"w"] * 3, *[b"word " * 20] * 3], id="pieces longer than all before"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [1, 3])
def test_what_a_piece_says_depends_on_those_before_it(name: str, kind: str, texts: list[bytes], together: int) -> None:
    begun = len(opening(name, kind))
    agree(name, grouped(streamed(name, kind, texts, PLAIN, {}), [1] * begun + [together] * 12))


@relays
def test_what_ends_like_an_event_is_none(name: str) -> None:
    events = streamed(name, "text", [b"word"] * 12, PLAIN, {})
    at = len(opening(name, "text")) + 8
    tail = events[at].partition(b"word")[2]
    agree(name, [*events[:at], events[at] + b"other" + tail + events[at + 1], *events[at + 2 :]])


@relays
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("together", [1, 8])
def test_what_looks_like_the_last_event_is_not_looked_at_twice(
    name: str, kind: str, is_padded: bool, together: int
) -> None:
    """In the order of members in which the provider of each format writes them."""
    stream = relay(name)
    texts = [b"word %d, " % number * 16 for number in range(200)]
    opened = [event(value) for value in opening(name, kind)]
    pieces = [
        in_order(piece(name, kind, len(opened) + place, "aZ" * (1 + place % 4) if is_padded else ""), text)
        for place, text in enumerate(texts)
    ]
    # Of a call that has begun; arguments as long as all before them might be those once more.
    for one in [*opened, *pieces[:16]]:
        stream.feed(one)
    reads: list[bytes] = []
    read: Callable[[bytes], bytes] = stream._read
    stream._read = lambda data: (reads.append(data), read(data))[1]
    sent = b"".join(stream.feed(b"".join(pieces[at : at + together])) for at in range(16, 200, together))
    assert not reads
    assert sent.count(b"\n\n") == 184
    if name != "chat":
        assert sent == b"".join(pieces[16:])


@pytest.mark.parametrize("shift", [0, 3])
def test_numbers_stay_without_a_gap_whatever_the_upstream_counts(shift: int) -> None:
    """Also where a read of several events is not numbered as ours are."""
    stream = relay("responses")
    opened = [event(value) for value in opening("responses", "text")]
    pieces = [in_order(piece("responses", "text", 4 + shift + place, ""), b"word " * 30) for place in range(40)]
    reads = [*opened, *pieces[:6], b"".join(pieces[6:20]), *pieces[20:24], b"".join(pieces[24:])]
    sent = b"".join(map(stream.feed, reads))
    numbers = [loads(text.partition(b"data: ")[2])["sequence_number"] for text in sent.split(b"\n\n")[:-1]]
    assert numbers == list(range(44))


@pytest.mark.parametrize("together", [1, 8])
def test_nothing_passes_after_too_much(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    # The package has a function of the module's name.
    monkeypatch.setattr(sys.modules["freetheai.wire.messages.relay"], "MAX_ARGUMENT_CHARS", 1000)
    stream = relay("messages")
    events = streamed("messages", "arguments", [b"word" * 25] * 40, PLAIN, {})
    begun = len(opening("messages", "arguments"))
    # Up to the end of a call that grew too long, then one more piece of it.
    reads = grouped(events[: begun + 4 + 8 * 2], [1] * (begun + 4) + [together] * 16)
    sent = [stream.feed(read) for read in (*reads, events[begun + 20])]
    assert stream.failure.kind == "too_large"
    assert not sent[-1]
    assert b"".join(sent).count(b"partial_json") <= 10 + together


def test_many_blocks_are_not_taken_for_many_kinds() -> None:
    stream = relay("messages")
    stream.feed(event(opening("messages", "text")[0]))
    read_in_full: list[Any] = []
    frame: Callable[..., None] = stream._frame
    stream._frame = lambda *given: (read_in_full.append(given), frame(*given))
    for index in range(60):
        stream.feed(event({**opening("messages", "text")[1], "index": index}))
        for _ in range(3):
            stream.feed(event({**piece("messages", "text", 0, ""), "index": index}, b"word"))
        stream.feed(event({"type": "content_block_stop", "index": index}))
    assert len(read_in_full) == 60 * 3


@relays
def test_nothing_passes_after_the_end(name: str) -> None:
    for last in ([b"data: [DONE]\n\n"], []):
        stream = relay(name)
        events = streamed(name, "text", [b"word"] * 6, PLAIN, {})[:-1]
        again = events[len(opening(name, "text")) + 5]
        for one in [*events, *last]:
            stream.feed(one)
        stream.end()
        assert stream.is_finished
        assert stream.feed(again) == b""
