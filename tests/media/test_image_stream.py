"""Images that come piece by piece: relayed as they are, whole or failed, wherever TCP cuts them."""

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.replies import named_sse
from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.image_stream import ImageStream, WholeImages

USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
PARTIAL = {"type": "image_generation.partial_image", "b64_json": "aGE=", "partial_image_index": 0}
WHOLE = {"type": "image_generation.completed", "b64_json": "aGFsbG8=", "created_at": 5, "usage": USAGE}
EVENTS = named_sse(PARTIAL, WHOLE)


def fed(*pieces: bytes) -> tuple[ImageStream, bytes]:
    stream = ImageStream()
    out = b"".join(map(stream.feed, pieces))
    return stream, out + (b"" if stream.failure or stream.is_finished else stream.end())


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"], ids=["ended by the body", "ended by its marker"])
def test_a_whole_stream_passes_byte_for_byte(end: bytes) -> None:
    data = b"".join(EVENTS) + end
    stream, out = fed(data)
    assert out == data
    assert stream.is_finished and stream.failure is None and stream.has_output
    assert stream.usage is not None and stream.usage.out_total == 4


def test_who_served_is_not_told() -> None:
    stream, out = fed(*named_sse({**WHOLE, "model": "real-model", "provider": "acme", "id": "x"}))
    assert out == named_sse(WHOLE)[0]
    assert stream.is_finished


@pytest.mark.parametrize(
    ("pieces", "kind", "has_output"),
    [
        pytest.param([], "empty", False, id="nothing"),
        pytest.param([b": ping\n\n"], "empty", False, id="only comments"),
        pytest.param([b"data: [DONE]\n\n"], "empty", False, id="only the end"),
        pytest.param([EVENTS[0]], "cut", True, id="partial images only"),
        pytest.param([EVENTS[0], EVENTS[1][:40]], "cut", True, id="cut within the last"),
        pytest.param([b'data: {"error": {"message": "no", "code": "blocked"}}\n\n'], "answer", False, id="e"),
        pytest.param([EVENTS[0], b'event: error\ndata: {"type":"error","error":{}}\n\n'], "answer", True, id="late"),
    ],
)
def test_what_is_not_whole_is_a_failure(pieces: list[bytes], kind: str, has_output: bool) -> None:
    stream, _ = fed(*pieces)
    assert stream.failure is not None and not stream.is_finished
    assert (stream.failure.kind, stream.has_output) == (kind, has_output)


def test_nothing_passes_after_the_end_or_a_failure() -> None:
    stream = ImageStream()
    stream.feed(EVENTS[1] + b"data: [DONE]\n\n")
    assert stream.feed(EVENTS[0]) == b""
    stream = ImageStream()
    assert stream.feed(b'data: {"error": "no"}\n\n' + EVENTS[1]) == b""


def test_the_last_words_after_a_failure_are_the_documented_ones() -> None:
    last = ImageStream().error(ApiError(errors.PROVIDER_ERROR, error_id="img-1"))
    event, done = last.decode().strip().split("\n\n")
    assert orjson.loads(event.removeprefix("data: "))["error"]["type"] == "provider_error"
    assert done == "data: [DONE]"


@given(cuts=st.lists(st.integers(0, 400), max_size=8), crlf=st.booleans())
def test_it_may_be_cut_anywhere(cuts: list[int], crlf: bool) -> None:
    data = b": hello\n\n" + b"".join(EVENTS)
    wire = data.replace(b"\n", b"\r\n") if crlf else data
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    stream, out = fed(*(wire[a:b] for a, b in itertools.pairwise(edges)))
    assert out == b"".join(EVENTS)
    assert stream.is_finished


@given(noise=st.binary(max_size=200))
def test_noise_never_raises(noise: bytes) -> None:
    stream, _ = fed(noise)
    assert stream.is_finished or stream.failure is not None


def test_a_whole_answer_becomes_an_event_for_each_image() -> None:
    answer = {"created": 5, "model": "real", "data": [{"b64_json": "aA=="}, {"url": "https://a"}], "usage": USAGE}
    stream, data = WholeImages("image_edit"), orjson.dumps(answer)
    assert stream.feed(data[:9]) + stream.feed(data[9:]) == b""
    about = {"type": "image_edit.completed", "created_at": 5, "usage": USAGE}
    assert stream.end() == b"".join(named_sse({**about, "b64_json": "aA=="}, {**about, "url": "https://a"}))
    assert stream.is_finished and stream.has_output and stream.usage is not None


@pytest.mark.parametrize("data", [b"", b"<html>", b"{}", b'{"error": "no"}'])
def test_a_whole_answer_that_is_none_is_a_failure(data: bytes) -> None:
    stream = WholeImages("image_generation")
    stream.feed(data)
    assert stream.end() == b""
    assert stream.failure is not None and not stream.is_finished
