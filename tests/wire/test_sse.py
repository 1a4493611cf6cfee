"""The splitter: line ends, cuts, comments, frames that are not quite events, bounds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.wire.sse import Frame, SseSplitter
from support.chat_streams import cut


def split(*pieces: bytes, limit: int = 1 << 24) -> list[Frame]:
    splitter = SseSplitter(limit)
    frames = [frame for piece in pieces for frame in splitter.feed(piece)]
    return frames + splitter.end()


@pytest.mark.parametrize(
    ("wire", "data"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"a", b"b"], id="LF"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"], id="CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [b"a", b"b"], id="CR"),
        pytest.param(b"data:a\n\n", [b"a"], id="no space after the colon"),
        pytest.param(b"data:  a\n\n", [b" a"], id="only one space is dropped"),
        pytest.param(b"data: a\ndata: b\n\n", [b"a\nb"], id="several data lines"),
        pytest.param(b": hello\n\ndata: a\n\n", [b"a"], id="a comment of its own"),
        pytest.param(b": hello\ndata: a\n\n", [b"a"], id="a comment before the data"),
        pytest.param(b"id: 1\nretry: 5\ndata: a\n\n", [b"a"], id="other fields"),
        pytest.param(b"\n\n\n\ndata: a\n\n\n\n", [b"a"], id="more blank lines than needed"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="a byte order mark"),
        pytest.param(b"data: a\n\ndata: b", [b"a", b"b"], id="no blank line at the end"),
        pytest.param(b"data\n\ndata:\n\n", [], id="no data"),
        pytest.param(b'{"a":\n1}\n', [b'{"a":\n1}'], id="a bare object"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_data_of_frames(wire, data):
    assert [frame.data for frame in split(wire)] == data
    assert [frame.data for frame in split(*(wire[i : i + 1] for i in range(len(wire))))] == data


def test_what_a_frame_tells():
    frames = split(b"event: ping\ndata: 1\n\nerror: 2\n\n{3}\n\ndata: 4")
    assert [(frame.event, frame.is_error, frame.is_bare, frame.is_cut) for frame in frames] == [
        (b"ping", False, False, False),
        (b"", True, False, False),
        (b"", False, True, False),
        (b"", False, False, True),
    ]
    assert frames[0].raw == b"event: ping\ndata: 1"


@given(
    lines=st.lists(
        st.sampled_from([b"data: a", b"data:b", b": c", b"event: e", b"", b"", b"{x}", b"junk"]), max_size=12
    ),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    places=st.lists(st.integers(0, 200), max_size=8),
)
def test_cuts_and_line_ends_change_nothing(lines, end, places):
    whole = split(b"".join(line + b"\n" for line in lines))
    wire = b"".join(line + end for line in lines)
    assert [frame.data for frame in split(*cut(wire, places))] == [frame.data for frame in whole]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_random_bytes_never_raise(pieces):
    split(*pieces)


@pytest.mark.parametrize("piece", [1, 7, 1000], ids=["byte by byte", "small reads", "in one read"])
def test_an_event_over_the_bound_ends_the_splitting(piece):
    wire = b"data: ok\n\ndata: " + b"x" * 100 + b"\n\ndata: late\n\n"
    splitter = SseSplitter(50)
    frames = [frame for at in range(0, len(wire), piece) for frame in splitter.feed(wire[at : at + piece])]
    assert [frame.data for frame in frames] == [b"ok"]
    assert splitter.is_overflowing
    assert splitter.end() == []


def test_time_grows_with_the_bytes_and_not_with_their_square():
    def seconds(size: int) -> float:
        wire = b"data: " + b"x" * size + b"\n\n"
        best = 1e9
        for _ in range(3):
            splitter = SseSplitter()
            start = time.perf_counter()
            for at in range(0, len(wire), 4):
                splitter.feed(wire[at : at + 4])
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(320_000) < 40 * seconds(32_000)
