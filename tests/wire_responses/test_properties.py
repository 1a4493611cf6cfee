"""What holds for every Responses stream, sent or read, however it was cut, spelled or broken."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, responses
from freetheai.wire.events import Failed
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import Translation, open_stream
from support import chat_streams
from support import responses_streams as made
from support.grammar import check_grammar
from support.responses_rules import ResponsesSummary, check_responses_stream
from support.stream_rules import RequestFacts, check_chat_stream

STAMP = Stamp(id="resp_ours", created_s=1800000000, model="pre/alias", origin="openai/up")
CHAT_STAMP = Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias", origin="openai/up")
TOOLS = [{"type": "function", "name": name} for name in ("get", "set")] + [{"type": "custom", "name": "patch"}]
CHAT_TOOLS = [{"type": "function", "function": {"name": name}} for name in ("get", "set")]


def request(**more: Any) -> ChatRequest:
    body = {"model": "pre/alias", "input": "Hi", "stream": True, "tools": TOOLS}
    return responses.CLIENT.parse(orjson.dumps(body | more))


def chat_request(**more: Any) -> ChatRequest:
    body = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], "stream": True, "tools": CHAT_TOOLS}
    return chat.CLIENT.parse(orjson.dumps(body | more))


def relayed() -> ByteStream:
    return open_stream(responses.CLIENT, responses.UPSTREAM, request(), STAMP, Quirks())


def through_events() -> ByteStream:
    return open_stream(responses.CLIENT, responses.UPSTREAM, request(), STAMP, Quirks(only_functions=True))


def from_chat() -> ByteStream:
    return open_stream(responses.CLIENT, chat.UPSTREAM, request(), STAMP, Quirks())


def to_chat() -> ByteStream:
    return open_stream(chat.CLIENT, responses.UPSTREAM, chat_request(), CHAT_STAMP, Quirks())


def run(way: ByteStream, pieces: list[bytes]) -> bytes:
    """Everything the client gets, as the handler would send it."""
    out = [way.feed(piece) for piece in pieces]
    out.append(way.end())
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    assert (way.failure is None) == way.is_finished
    if way.failure is not None:
        out.append(way.error(ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")))
    return b"".join(out)


def check_chat(out: bytes) -> Any:
    return check_chat_stream(out, RequestFacts(model="pre/alias"))


GOOD = made.stream(
    [
        *made.begin(),
        *made.reasoning_events(0, ["Let me 🎉", " see"]),
        *made.message_events(1, ["Grü", "ße"]),
        *made.call_events(2, "get", ['{"a":', "1}"], 0),
        *made.call_events(3, "set", [], 1),
        made.end(
            made.reasoning("Let me 🎉 see"), made.message("Grüße"), made.call("get", '{"a":1}'), made.call("set", "", 1)
        ),
    ]
)
GOOD_CHAT = chat_streams.stream(
    chat_streams.chunk({"role": "assistant", "content": ""}),
    chat_streams.chunk({"reasoning_content": "Let me 🎉 see"}),
    chat_streams.chunk({"content": "Grüße"}),
    chat_streams.chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "get", "arguments": '{"a":'}}]}),
    chat_streams.chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chat_streams.chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "set", "arguments": ""}}]}),
    chat_streams.chunk({}, "tool_calls"),
    chat_streams.chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}),
)
Way = tuple[Callable[[], ByteStream], bytes]
TO_RESPONSES: dict[str, Way] = {
    "relay": (relayed, GOOD),
    "through events": (through_events, GOOD),
    "from chat": (from_chat, GOOD_CHAT),
}
WAYS: dict[str, Way] = {**TO_RESPONSES, "to chat": (to_chat, GOOD)}
ways = pytest.mark.parametrize("name", WAYS)


def checked(name: str, out: bytes) -> Any:
    return check_chat(out) if name == "to chat" else check_responses_stream(out)


@pytest.mark.parametrize("name", TO_RESPONSES)
def test_all_ways_give_the_same_answer(name):
    open_way, wire = TO_RESPONSES[name]
    summary = check_responses_stream(run(open_way(), [wire]))
    assert summary.text == "Grüße"
    assert summary.reasoning == "Let me 🎉 see"
    assert summary.calls == [("get", '{"a":1}'), ("set", "{}")]
    assert summary.response["usage"]["total_tokens"] == 12


def test_a_chat_client_gets_the_same_answer():
    first = check_chat(run(to_chat(), [GOOD])).first
    assert (first.text, first.reasoning) == ("Grüße", "Let me 🎉 see")
    assert [(call.name, call.arguments) for call in first.calls] == [("get", '{"a":1}'), ("set", "{}")]


@pytest.mark.parametrize("open_way", [relayed, through_events])
@pytest.mark.parametrize("lost", [{"output_index"}, {"output_index", "content_index", "summary_index"}])
def test_events_may_name_no_places(open_way, lost):
    """llama.cpp's server numbers nothing."""
    events = [orjson.loads(part.partition(b"data: ")[2]) for part in GOOD.split(b"\n\n")[:-1]]
    wire = b"".join(made.frame({key: value for key, value in event.items() if key not in lost}) for event in events)
    summary = check_responses_stream(run(open_way(), [wire]))
    assert (summary.text, summary.reasoning) == ("Grüße", "Let me 🎉 see")
    assert summary.calls == [("get", '{"a":1}'), ("set", "{}")]


@ways
@given(data=st.data(), ends=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_bytes_may_be_cut_anywhere_and_end_lines_in_any_way(name, data, ends):
    open_way, wire = WAYS[name]
    places = data.draw(st.lists(st.integers(0, len(wire)), max_size=12))
    assert run(open_way(), chat_streams.cut(wire.replace(b"\n", ends), places)) == run(open_way(), [wire])


@ways
def test_one_byte_at_a_time(name):
    open_way, wire = WAYS[name]
    assert run(open_way(), [bytes([byte]) for byte in wire]) == run(open_way(), [wire])


@ways
@given(data=st.data())
def test_a_prefix_without_its_end_ends_in_failure(name, data):
    open_way, wire = WAYS[name]
    last = wire.index(b'"tool_calls"}') if name == "from chat" else wire.index(b"event: response.completed")
    length = data.draw(st.integers(0, last - 1))
    way = open_way()
    out = run(way, [wire[:length]])
    assert way.failure is not None
    assert checked(name, out).error["type"] == "provider_error"


@settings(max_examples=400)
@given(wire=made.some_streams, places=st.lists(st.integers(0, 4000), max_size=4))
def test_whatever_a_responses_upstream_does_the_client_gets_a_legal_stream(wire, places):
    pieces = chat_streams.cut(wire, places)
    relay = check_responses_stream(run(relayed(), pieces))
    translation = check_responses_stream(run(through_events(), pieces))
    as_chat = check_chat(run(to_chat(), pieces))
    if relay.error is None and translation.error is None:
        assert [name for name, _ in relay.calls] == [name for name, _ in translation.calls]
    assert (translation.error is None) == (as_chat.error is None)


@settings(max_examples=200)
@given(wire=chat_streams.some_streams, places=st.lists(st.integers(0, 4000), max_size=4))
def test_whatever_a_chat_upstream_does_the_client_gets_a_legal_stream(wire, places):
    check_responses_stream(run(from_chat(), chat_streams.cut(wire, places)))


@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: f"data: {text}\n\n".encode())))
def test_random_bytes_never_raise_and_never_look_like_an_answer(data):
    for name, (open_way, _) in WAYS.items():
        assert checked(name, run(open_way(), [data])).error is not None
    assert isinstance(responses.UPSTREAM.decode_body(data, request(), Quirks())[-1], Failed)


@settings(max_examples=400)
@given(wire=made.some_streams, stops=st.sampled_from([[], ["a"], ["Hi", "\n"]]))
def test_events_follow_the_grammar(wire, stops):
    decoder = responses.UPSTREAM.decoder(request(stop=stops), Quirks())
    check_grammar([*decoder.feed(wire), *decoder.end()])
    assert decoder.feed(wire) == []


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A stream, and the plain answer that means the same."""
    text, thought = draw(st.text(min_size=1, max_size=20)), draw(st.text(max_size=20))
    edges = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=4))})
    as_summary = draw(st.booleans())
    made_events = made.reasoning_events(0, [thought] if thought else [], as_summary=as_summary)
    made_events += made.message_events(1, [text[a:b] for a, b in pairwise(edges)])
    output = [made.reasoning(thought, as_summary=as_summary), made.message(text)]
    for number, name in enumerate(draw(st.lists(st.sampled_from(["get", "set"]), max_size=3))):
        arguments = f'{{"n":{number}}}'
        made_events += made.call_events(2 + number, name, list(arguments), number)
        output.append(made.call(name, arguments, number))
    status = draw(st.sampled_from(["completed", "incomplete"]))
    wire = made.stream([*made.begin(), *made_events, made.end(*output, status=status)])
    return wire, orjson.dumps(made.response(output, status))


@given(answer=answers())
def test_stream_and_plain_answer_fold_to_the_same(answer):
    wire, plain = answer
    decoder = responses.UPSTREAM.decoder(request(), Quirks())
    streamed = fold([*decoder.feed(wire), *decoder.end()])
    assert streamed == fold(responses.UPSTREAM.decode_body(plain, request(), Quirks()))
    assert streamed.failure is None


@pytest.mark.parametrize("summary", [None, "auto"])
@given(answer=answers())
def test_the_plain_answer_we_write_is_that_of_our_stream(summary, answer):
    wire, _ = answer
    asked = request(reasoning={"summary": summary}, include=["reasoning.encrypted_content"])
    decoder = responses.UPSTREAM.decoder(asked, Quirks())
    response = fold([*decoder.feed(wire), *decoder.end()])
    inner = responses.UPSTREAM.decoder(asked, Quirks())
    streamed = check_responses_stream(run(Translation(asked, inner, responses.CLIENT.encoder(asked, STAMP)), [wire]))
    assert orjson.loads(responses.CLIENT.encode_body(response, asked, STAMP)) == streamed.response


@given(answer=answers())
def test_a_stream_in_order_is_relayed_byte_for_byte_but_for_the_responses(answer):
    wire, plain = answer
    out = run(relayed(), [wire])

    def kept(data: bytes) -> list[bytes]:
        parts = data.split(b"\n\n")
        return [part for part in parts if b'"response":{' not in part and b'"encrypted_content":"' not in part]

    assert kept(out) == kept(wire)
    summary = check_responses_stream(out)
    body = orjson.loads(responses.CLIENT.relay_body(plain, request(), STAMP, Quirks()))
    assert body["output"] == summary.response["output"]
    assert body.keys() == summary.response.keys()


@given(wire=made.some_streams)
def test_an_error_may_follow_at_any_time_and_only_once(wire):
    for name, (open_way, _) in WAYS.items():
        if name == "from chat":
            continue
        way = open_way()
        out = way.feed(wire)
        if way.is_finished:
            continue
        out += way.error(ApiError(errors.PROVIDER_TIMEOUT))
        assert checked(name, out).error["type"] == "provider_timeout"
        assert way.error(ApiError(errors.PROVIDER_TIMEOUT)) == b""


@ways
def test_nothing_comes_out_after_the_end(name):
    open_way, wire = WAYS[name]
    way = open_way()
    run(way, [wire + b'event: ping\ndata: {"type":"ping","cost":"0.01"}\n\n' + wire])
    assert way.is_finished
    assert way.feed(wire) == b""
    assert way.end() == b""
    assert way.error(ApiError(errors.PROVIDER_ERROR)) == b""


def summary_of(out: bytes) -> ResponsesSummary:
    return check_responses_stream(out)


def test_a_done_item_that_has_lost_its_type_or_name_stays_what_it_was_added_as():
    events = [*made.message_events(0, ["Hi"]), *made.call_events(1, "get", ["{}"], 0)]
    for event in events:
        if event["type"] == "response.output_item.done":
            event["item"] = {key: value for key, value in event["item"].items() if key not in ("type", "role", "name")}
    for open_way in (relayed, through_events):
        summary = check_responses_stream(run(open_way(), [made.stream([*made.begin(), *events, made.end()])]))
        assert summary.text == "Hi"
        assert summary.calls == [("get", "{}")]
