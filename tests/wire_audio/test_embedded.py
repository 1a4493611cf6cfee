"""Audio in JSON and in WAV: the same bytes whatever the cuts; what is not whole is a failure."""

import base64
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import chat_audio, wav
from freetheai.wire.audio.embedded import AudioInJson, Base64Decoder
from freetheai.wire.audio.wav import PcmOfWav
from freetheai.wire.media import MediaStream

AUDIO = bytes(range(256)) * 3 + b"/"
WIRE = chat_audio(AUDIO, content='a "trap": {"audio": {"data": "AAAA"}}').body()


def run(stream: MediaStream, wire: bytes, cuts: list[int]) -> bytes:
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut <= len(wire))})
    out = b"".join(stream.feed(wire[a:b]) for a, b in pairwise(edges))
    return out + stream.end()


@given(st.lists(st.integers(0, len(WIRE)), max_size=12))
def test_the_audio_comes_whole_whatever_the_cuts(cuts: list[int]) -> None:
    stream = AudioInJson("audio/mpeg")
    assert run(stream, WIRE, cuts) == AUDIO
    assert stream.failure is None
    assert stream.has_output
    assert stream.usage is not None
    assert (stream.usage.in_total, stream.usage.out_total) == (21, 34)


@given(st.integers(0, len(WIRE) - 1), st.lists(st.integers(0, len(WIRE)), max_size=4))
def test_a_prefix_is_a_failure(size: int, cuts: list[int]) -> None:
    stream = AudioInJson("audio/mpeg")
    assert AUDIO.startswith(run(stream, WIRE[:size], cuts))
    assert stream.failure is not None


@given(st.binary(max_size=200))
def test_any_bytes_end_without_raising(data: bytes) -> None:
    for wire in (data, b'{"audio":{"data":"' + data):
        stream = AudioInJson("audio/mpeg")
        run(stream, wire, [])
        assert stream.failure is not None


def test_slashes_may_be_escaped_and_padding_left_out() -> None:
    data = base64.b64encode(b"\xff\xff\xff\xfe").rstrip(b"=").replace(b"/", b"\\/")
    stream = AudioInJson("audio/mpeg")
    assert run(stream, b'{"choices":[{"message":{"audio":{"data":"' + data + b'"}}}]}', [45, 46]) == b"\xff\xff\xff\xfe"
    assert stream.failure is None


def test_what_follows_padding_is_no_base64() -> None:
    decoder = Base64Decoder()
    assert decoder.feed(b"QQ==") == b"A"
    with pytest.raises(ValueError):
        decoder.feed(b"QUJD")


def test_endless_words_around_the_audio_are_given_up() -> None:
    stream = AudioInJson("audio/mpeg")
    for _ in range(20):
        stream.feed(b'{"x":"' + b"y" * 20_000)
    assert stream.failure is not None
    assert stream.failure.kind == "too_large"


PCM = b"\1\2\3\4" * 50
FILE = chat_audio(wav(PCM, extra=b"LAVF5")).body()


@given(st.lists(st.integers(0, len(FILE)), max_size=12))
def test_samples_come_whole_whatever_the_cuts(cuts: list[int]) -> None:
    stream = PcmOfWav(AudioInJson("audio/wav"), "audio/pcm")
    assert run(stream, FILE, cuts) == PCM
    assert stream.failure is None
    assert stream.content_type == "audio/pcm"


@pytest.mark.parametrize(
    ("made", "heard"), [(b"no wav at all", b"no wav at all"), (wav(b""), b""), (b"RIFF", b""), (wav(PCM)[:30], b"")]
)
def test_odd_files(made: bytes, heard: bytes) -> None:
    stream = PcmOfWav(AudioInJson("audio/wav"), "audio/pcm")
    assert run(stream, chat_audio(made).body(), []) == heard
    assert (stream.failure is None) == bool(heard)


def test_an_error_in_place_of_audio_is_read() -> None:
    stream = AudioInJson("audio/mpeg")
    run(stream, orjson.dumps({"error": {"message": "busy", "code": "503"}}), [])
    assert stream.failure is not None
    assert (stream.failure.code, stream.failure.message) == ("503", "busy")
