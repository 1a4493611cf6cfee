"""Events relayed and made: whole whatever the cuts, and an end only where there was one."""

import base64
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.audio.speech import content_type_for, read_speech
from freetheai.wire.audio.streams import AudioEvents, EventRelay, RawAudio

EVENTS = (
    b": a comment\r\n\r\n"
    b'data: {"type":"transcript.text.delta","delta":"Hel","vendor":{"x":1}}\r\n\r\n'
    b'event: transcript.text.delta\ndata: {"type":"transcript.text.delta","delta":"lo"}\n\n'
    b"data: not JSON\n\n"
    b'data: {"type":"transcript.text.done","text":"Hello","usage":{"input_tokens":3,"output_tokens":2}}\n\n'
)
RELAYED = (
    b'data: {"type":"transcript.text.delta","delta":"Hel","vendor":{"x":1}}\n\n'
    b'event: transcript.text.delta\ndata: {"type":"transcript.text.delta","delta":"lo"}\n\n'
    b'data: {"type":"transcript.text.done","text":"Hello","usage":{"input_tokens":3,"output_tokens":2}}\n\n'
    b"data: [DONE]\n\n"
)


@given(st.lists(st.integers(0, len(EVENTS)), max_size=10), st.booleans())
def test_events_pass_whole_whatever_the_cuts(cuts: list[int], is_closed: bool) -> None:
    wire = EVENTS + (b"data: [DONE]\n\n" if is_closed else b"")
    relay, out = EventRelay(), b""
    for a, b in pairwise(sorted({0, len(wire), *cuts})):
        if not relay.is_finished:
            out += relay.feed(wire[a:b])
    out += relay.end()
    assert out == RELAYED
    assert (relay.failure, relay.has_output, relay.is_finished) == (None, True, True)
    assert relay.usage is not None
    assert (relay.usage.in_total, relay.usage.out_total) == (3, 2)


@given(st.integers(0, len(EVENTS) - 2))
def test_events_without_an_end_were_cut(size: int) -> None:
    relay = EventRelay()
    assert RELAYED.startswith(relay.feed(EVENTS[:size]) + relay.end())
    assert relay.failure is not None
    assert relay.failure.kind == ("cut" if relay.has_output else "empty")


@given(st.binary(max_size=200))
def test_any_bytes_end_without_raising(data: bytes) -> None:
    relay = EventRelay()
    relay.feed(data)
    relay.end()
    assert relay.failure is not None


def test_an_error_event_is_the_provider_s_failure() -> None:
    relay = EventRelay()
    out = relay.feed(
        EVENTS[:100] + b'\n\ndata: {"type":"error","error":{"code":"busy","message":"m"}}\n\ndata: more\n\n'
    )
    assert b"busy" not in out
    assert relay.failure is not None
    assert relay.failure.code == "busy"
    last = relay.error(ApiError(errors.PROVIDER_ERROR))
    assert last.endswith(b"data: [DONE]\n\n")
    assert orjson.loads(last.split(b"\n\n")[0].removeprefix(b"data: "))["error"]["type"] == "provider_error"


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=6))
def test_bytes_as_events_are_the_same_bytes(pieces: list[bytes]) -> None:
    events = AudioEvents(RawAudio("audio/mpeg"))
    out = b"".join(events.feed(piece) for piece in pieces) + events.end()
    values = [orjson.loads(event.removeprefix(b"data: ")) for event in out.split(b"\n\n")[:-2]]
    assert b"".join(base64.b64decode(value["audio"]) for value in values[:-1]) == b"".join(pieces)
    assert values[-1]["type"] == "speech.audio.done"


def test_no_bytes_are_no_audio() -> None:
    events = AudioEvents(RawAudio("audio/mpeg"))
    assert events.end() == b""
    assert events.failure is not None
    assert events.failure.kind == "empty"


@pytest.mark.parametrize(
    ("provider_type", "told"), [("", "audio/mpeg"), ("audio/mp3", "audio/mpeg"), ("audio/wav", "audio/wav")]
)
def test_the_type_is_that_of_the_bytes(provider_type: str, told: str) -> None:
    assert content_type_for("mp3", provider_type) == told


def test_a_speech_request_has_defaults() -> None:
    speech = read_speech({"input": "Hi"})
    assert (speech.voice, speech.response_format, speech.speed, speech.wants_events) == ("", "mp3", 1.0, False)
