"""What holds for every Messages stream, however it was cut, spelled or broken, and whatever upstream it came from."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, gemini, messages, responses
from freetheai.wire.events import Failed
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import Translation, open_stream
from support.chat_streams import cut
from support.chat_streams import some_streams as some_chat_streams
from support.gemini_streams import some_streams as some_gemini_streams
from support.grammar import check_grammar
from support.messages_rules import MessageSummary, check_messages_stream
from support.messages_streams import call, end, some_streams, start, stream, text, thinking
from support.responses_rules import check_responses_stream
from support.responses_streams import some_streams as some_responses_streams
from support.stream_rules import RequestFacts, check_chat_stream

STAMP = Stamp(id="msg_ours", created_s=1800000000, model="pre/alias", origin="anthropic:up-model-1")
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("get", "set")]


def request(**more: Any) -> ChatRequest:
    body = {
        "model": "pre/alias",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "tools": TOOLS,
        "thinking": {"type": "adaptive"},
    }
    return messages.CLIENT.parse(orjson.dumps(body | more))


def chat_request(**more: Any) -> ChatRequest:
    tools = [{"type": "function", "function": {"name": name}} for name in ("get", "set")]
    body = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], "stream": True, "tools": tools}
    return chat.CLIENT.parse(orjson.dumps(body | more))


def streams(asked: ChatRequest) -> dict[str, ByteStream]:
    quirks = Quirks()
    return {
        "relay": messages.CLIENT.relay(asked, STAMP, quirks),
        "translation": Translation(
            asked, messages.UPSTREAM.decoder(asked, quirks), messages.CLIENT.encoder(asked, STAMP)
        ),
    }


def run(way: ByteStream, pieces: list[bytes]) -> bytes:
    """Everything the client gets, as the handler would send it."""
    out = [way.feed(piece) for piece in pieces]
    out.append(way.end())
    if way.failure is not None:
        out.append(way.error(ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")))
    return b"".join(out)


def checked(out: bytes) -> MessageSummary:
    return check_messages_stream(out, model="pre/alias")


GOOD = stream(
    start(),
    {"type": "ping"},
    thinking(0, "Let me 🎉", " see", signature="c2ln"),
    text(1, "Grü", "ße"),
    call(2, "toolu_a", "get", '{"a":', "1}"),
    call(3, "toolu_b", "set"),
    end("tool_use"),
)


@pytest.mark.parametrize("way", ["relay", "translation"])
@given(places=st.lists(st.integers(0, len(GOOD)), max_size=12), ends=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_bytes_may_be_cut_anywhere_and_end_lines_in_any_way(way, places, ends):
    whole = run(streams(request())[way], [GOOD])
    wire = GOOD.replace(b"\n", ends)
    assert run(streams(request())[way], cut(wire, places)) == whole
    summary = checked(whole)
    assert summary.text() == "Grüße"
    assert summary.thinking() == "Let me 🎉 see"
    assert summary.calls() == [("toolu_a", "get", {"a": 1}), ("toolu_b", "set", {})]
    assert summary.usage["input_tokens"] == 5
    assert summary.usage["output_tokens"] == 7


@pytest.mark.parametrize("way", ["relay", "translation"])
def test_one_byte_at_a_time(way):
    whole = run(streams(request())[way], [GOOD])
    assert run(streams(request())[way], [bytes([byte]) for byte in GOOD]) == whole


@pytest.mark.parametrize("way", ["relay", "translation"])
@given(length=st.integers(0, GOOD.index(b"event: message_delta")))
def test_a_prefix_without_its_stop_reason_ends_in_failure(way, length):
    stream_ = streams(request())[way]
    out = run(stream_, [GOOD[:length]])
    assert stream_.failure is not None
    assert not stream_.is_finished
    assert checked(out).error["type"] == "provider_error"


def test_an_orderly_stream_without_signatures_is_relayed_byte_for_byte():
    wire = stream(start(), {"type": "ping"}, text(0, "a"), call(1, "t", "get", "{}"), end("tool_use"))
    way = messages.CLIENT.relay(request(), STAMP, Quirks())
    assert run(way, [wire]) == wire.replace(b'"up-model-1"', b'"pre/alias"')


@settings(max_examples=400)
@given(wire=some_streams, places=st.lists(st.integers(0, 4000), max_size=4))
def test_whatever_the_upstream_does_the_client_gets_a_legal_stream(wire, places):
    summaries = []
    for way in streams(request()).values():
        out = run(way, cut(wire, places))
        assert way.failure is None or way.failure.kind != "internal", way.failure.trace
        assert (way.failure is None) == way.is_finished
        summaries.append(checked(out))
    relayed, translated = summaries
    if relayed.error is None and translated.error is None:
        assert relayed.text() == translated.text()
        assert [(name, given) for _, name, given in relayed.calls()] == [
            (name, given if isinstance(given, dict) else {"value": given}) for _, name, given in translated.calls()
        ] or any(not isinstance(given, dict) for _, _, given in relayed.calls())
        assert relayed.stop_reason == translated.stop_reason


UPSTREAMS = {
    "chat": (chat.UPSTREAM, some_chat_streams),
    "responses": (responses.UPSTREAM, some_responses_streams),
    "gemini": (gemini.UPSTREAM, some_gemini_streams),
}


@pytest.mark.parametrize("name", UPSTREAMS)
@settings(max_examples=150)
@given(data=st.data(), places=st.lists(st.integers(0, 4000), max_size=4), shown=st.booleans())
def test_whatever_another_upstream_does_the_client_gets_a_legal_stream(name, data, places, shown):
    upstream, some = UPSTREAMS[name]
    asked = request(thinking={"type": "adaptive"} if shown else None)
    way = open_stream(messages.CLIENT, upstream, asked, STAMP, Quirks())
    summary = checked(run(way, cut(data.draw(some), places)))
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    assert shown or not [block for block in summary.content if block["type"] == "thinking"]
    assert summary.error is not None or summary.content


@settings(max_examples=150)
@given(wire=some_streams, places=st.lists(st.integers(0, 4000), max_size=4))
def test_whatever_the_upstream_does_another_client_gets_a_legal_stream(wire, places):
    way = open_stream(chat.CLIENT, messages.UPSTREAM, chat_request(), replace(STAMP, id="chatcmpl-ours"), Quirks())
    check_chat_stream(run(way, cut(wire, places)), RequestFacts(model="pre/alias"))
    asked = responses.CLIENT.parse(b'{"model": "pre/alias", "input": "Hi", "stream": true}')
    other = open_stream(responses.CLIENT, messages.UPSTREAM, asked, replace(STAMP, id="resp_ours"), Quirks())
    check_responses_stream(run(other, cut(wire, places)), model="pre/alias")
    for way_ in (way, other):
        assert way_.failure is None or way_.failure.kind != "internal", way_.failure.trace


@pytest.mark.parametrize("upstream", [messages.UPSTREAM, chat.UPSTREAM], ids=["messages", "chat"])
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: f"data: {text}\n\n".encode())))
def test_random_bytes_never_raise_and_never_look_like_an_answer(upstream, data):
    way = open_stream(messages.CLIENT, upstream, request(), STAMP, Quirks())
    out = run(way, [data])
    assert way.failure is not None
    assert way.failure.kind != "internal", way.failure.trace
    checked(out)
    assert isinstance(messages.UPSTREAM.decode_body(data, request(), Quirks())[-1], Failed)


@settings(max_examples=400)
@given(wire=some_streams)
def test_events_follow_the_grammar(wire):
    decoder = messages.UPSTREAM.decoder(request(), Quirks())
    check_grammar([*decoder.feed(wire), *decoder.end()])
    assert decoder.feed(wire) == []


@given(
    words=st.text(min_size=1, max_size=20),
    thought=st.text(min_size=1, max_size=20),
    calls=st.lists(st.sampled_from(["get", "set"]), max_size=3),
    pieces=st.lists(st.integers(0, 30), max_size=4),
)
def test_stream_and_plain_answer_fold_to_the_same(words, thought, calls, pieces):
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": thought, "signature": "sig"},
        {"type": "text", "text": words, "citations": None},
        *({"type": "tool_use", "id": f"t{n}", "name": name, "input": {"n": n}} for n, name in enumerate(calls)),
    ]
    usage = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 2}
    plain = {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "up-model-1",
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    edges = sorted({0, len(words), *(place % (len(words) + 1) for place in pieces)})
    blocks = [thinking(0, thought, signature="sig"), text(1, *(words[a:b] for a, b in pairwise(edges)))]
    blocks += [call(n + 2, f"t{n}", name, f'{{"n":{n}}}') for n, name in enumerate(calls)]
    wire = stream(start(), *blocks, end(plain["stop_reason"], cache_read_input_tokens=2))
    decoder = messages.UPSTREAM.decoder(request(), Quirks())
    streamed = fold([*decoder.feed(wire), *decoder.end()])
    assert streamed == fold(messages.UPSTREAM.decode_body(orjson.dumps(plain), request(), Quirks()))
    assert streamed.failure is None


@given(wire=some_streams)
def test_an_error_may_follow_at_any_time_and_only_once(wire):
    for way in streams(request()).values():
        out = way.feed(wire)
        if way.is_finished:
            continue
        out += way.error(ApiError(errors.PROVIDER_TIMEOUT))
        assert checked(out).error["type"] == "provider_timeout"
        assert way.error(ApiError(errors.PROVIDER_TIMEOUT)) == b""


def test_nothing_comes_out_after_the_end():
    for way in streams(request()).values():
        whole = way.feed(GOOD)
        assert way.is_finished
        assert way.feed(GOOD) == b""
        assert way.end() == b""
        assert way.error(ApiError(errors.PROVIDER_ERROR)) == b""
        assert checked(whole).error is None
