"""What holds for every chat stream, however it was cut, spelled or broken."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat
from freetheai.wire.events import Failed
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import Translation
from support.chat_streams import chunk, cut, event, some_streams, stream
from support.grammar import check_grammar
from support.stream_rules import ChatSummary, RequestFacts, check_chat_stream

STAMP = Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias", origin="openai/up")
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("get", "set")]


def request(**more: Any) -> ChatRequest:
    body = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], "stream": True, "tools": TOOLS}
    return chat.CLIENT.parse(orjson.dumps(body | more))


def streams(asked: ChatRequest) -> dict[str, ByteStream]:
    quirks = Quirks()
    return {
        "relay": chat.CLIENT.relay(asked, STAMP, quirks),
        "translation": Translation(asked, chat.UPSTREAM.decoder(asked, quirks), chat.CLIENT.encoder(asked, STAMP)),
    }


def run(way: ByteStream, pieces: list[bytes]) -> bytes:
    """Everything the client gets, as the handler would send it."""
    out = [way.feed(piece) for piece in pieces]
    out.append(way.end())
    if way.failure is not None:
        out.append(way.error(ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")))
    return b"".join(out)


def checked(out: bytes, asked: ChatRequest) -> ChatSummary:
    return check_chat_stream(out, RequestFacts(model="pre/alias", include_usage=asked.include_usage))


GOOD = stream(
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Let me 🎉 see"}),
    chunk({"content": "Grüße"}),
    chunk({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "get", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chunk({"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "set", "arguments": ""}}]}),
    chunk({}, "tool_calls"),
    chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}),
)


@pytest.mark.parametrize("way", ["relay", "translation"])
@given(places=st.lists(st.integers(0, len(GOOD)), max_size=12), ends=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_bytes_may_be_cut_anywhere_and_end_lines_in_any_way(way, places, ends):
    asked = request(stream_options={"include_usage": True})
    whole = run(streams(asked)[way], [GOOD])
    wire = GOOD.replace(b"\n", ends)
    assert run(streams(asked)[way], cut(wire, places)) == whole
    summary = checked(whole, asked)
    assert summary.first.text == "Grüße"
    assert [call.arguments for call in summary.first.calls] == ['{"a":1}', "{}"]
    assert summary.usage["total_tokens"] == 12


@pytest.mark.parametrize("way", ["relay", "translation"])
def test_one_byte_at_a_time(way):
    asked = request()
    assert run(streams(asked)[way], [bytes([byte]) for byte in GOOD]) == run(streams(asked)[way], [GOOD])


@pytest.mark.parametrize("way", ["relay", "translation"])
@given(length=st.integers(0, GOOD.index(b'"tool_calls"}') - 1))
def test_a_prefix_without_its_finish_reason_ends_in_failure(way, length):
    asked = request()
    stream_ = streams(asked)[way]
    out = run(stream_, [GOOD[:length]])
    assert stream_.failure is not None
    assert not stream_.is_finished
    assert checked(out, asked).error["type"] == "provider_error"


@settings(max_examples=300)
@given(wire=some_streams, places=st.lists(st.integers(0, 4000), max_size=4), usage=st.booleans())
def test_whatever_the_upstream_does_the_client_gets_a_legal_stream(wire, places, usage):
    asked = request(stream_options={"include_usage": usage})
    summaries = []
    for way in streams(asked).values():
        out = run(way, cut(wire, places))
        assert way.failure is None or way.failure.kind != "internal", way.failure.trace
        assert (way.failure is None) == way.is_finished
        summaries.append(checked(out, asked))
    relayed, translated = summaries
    assert (relayed.error is None) <= (relayed.choices != {})
    if relayed.error is None and translated.error is None and has_one_choice(wire) and 0 in relayed.choices:
        assert [(call.name, call.arguments) for call in relayed.first.calls] == [
            (call.name, call.arguments) for call in translated.first.calls
        ]
        assert relayed.first.finish_reason == translated.first.finish_reason


def has_one_choice(wire: bytes) -> bool:
    """Whether no chunk has more than one: the decoder reads the first only."""
    return all(frame.count(b'"index":') + frame.count(b"{}") < 2 for frame in wire.split(b"data: "))


@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: f"data: {text}\n\n".encode())))
def test_random_bytes_never_raise_and_never_look_like_an_answer(data):
    asked = request()
    for way in streams(asked).values():
        out = run(way, [data])
        assert way.failure is not None
        assert way.failure.kind != "internal", way.failure.trace
        checked(out, asked)
    events = chat.UPSTREAM.decode_body(data, asked, Quirks())
    assert isinstance(events[-1], Failed)


@settings(max_examples=300)
@given(wire=some_streams, think=st.booleans())
def test_events_follow_the_grammar(wire, think):
    decoder = chat.UPSTREAM.decoder(request(), Quirks(raw_think=think))
    check_grammar([*decoder.feed(wire), *decoder.end()])
    assert decoder.feed(wire) == []


@given(
    text=st.text(min_size=1, max_size=20),
    thought=st.text(max_size=20),
    calls=st.lists(st.sampled_from(["get", "set"]), max_size=3),
    pieces=st.lists(st.integers(0, 30), max_size=4),
)
def test_stream_and_plain_answer_fold_to_the_same(text, thought, calls, pieces):
    whole_calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": f'{{"n":{number}}}'}}
        for number, name in enumerate(calls)
    ]
    message = {"role": "assistant", "content": text, "reasoning_content": thought, "tool_calls": whole_calls}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    plain = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in pieces)})
    chunks = [chunk({"reasoning_content": thought})]
    chunks += [chunk({"content": text[a:b]}) for a, b in pairwise(edges)]
    for number, call in enumerate(whole_calls):
        first = {**call, "index": number, "function": {"name": call["function"]["name"], "arguments": ""}}
        rest = {"index": number, "function": {"arguments": call["function"]["arguments"]}}
        chunks += [chunk({"tool_calls": [first]}), chunk({"tool_calls": [rest]})]
    chunks += [chunk({}, "stop"), chunk(choices=[], usage=usage)]
    decoder = chat.UPSTREAM.decoder(request(), Quirks())
    streamed = fold([*decoder.feed(stream(*chunks)), *decoder.end()])
    assert streamed == fold(chat.UPSTREAM.decode_body(orjson.dumps(plain), request(), Quirks()))
    assert streamed.failure is None


@given(wire=some_streams)
def test_an_error_may_follow_at_any_time_and_only_once(wire):
    asked = request()
    for way in streams(asked).values():
        out = way.feed(wire)
        if way.is_finished:
            continue
        out += way.error(ApiError(errors.PROVIDER_TIMEOUT))
        assert checked(out, asked).error["type"] == "provider_timeout"
        assert way.error(ApiError(errors.PROVIDER_TIMEOUT)) == b""


def test_nothing_comes_out_after_the_end():
    asked = request()
    for way in streams(asked).values():
        out = run(way, [GOOD + event({"choices": [], "cost": "0.01"}) + event(chunk({"content": "more"}))])
        assert way.is_finished
        assert way.feed(event(chunk({"content": "more"}))) == b""
        assert way.end() == b""
        assert way.error(ApiError(errors.PROVIDER_ERROR)) == b""
        assert checked(out, asked).first.text == "Grüße"
