"""What holds for every Gemini stream and every client, however it was cut, spelled or broken."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, gemini, messages, responses
from freetheai.wire.events import BlockStart, Failed, Finish
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import convert_body, open_stream
from support.chat_streams import cut
from support.gemini_streams import call, chunk, event, good_finishes, some_streams, stream, usage, usual_parts
from support.grammar import check_grammar
from support.stream_rules import RequestFacts, check_chat_stream, frames

ORIGIN = "gemini:gemini-3-pro"
CHAT_TOOLS = [{"type": "function", "function": {"name": name}} for name in ("get", "set")]
BODIES: dict[str, Any] = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}], "tools": CHAT_TOOLS},
    "messages": {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 2048,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": name, "input_schema": {"type": "object"}} for name in ("get", "set")],
    },
    "responses": {"input": "Hi", "tools": [{"type": "function", "name": name} for name in ("get", "set")]},
}
CLIENTS: dict[str, ClientFormat] = {"chat": chat.CLIENT, "messages": messages.CLIENT, "responses": responses.CLIENT}
ERROR = ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")


def request(client: str = "chat", **more: Any) -> ChatRequest:
    return CLIENTS[client].parse(orjson.dumps({"model": "pre/alias", "stream": True, **BODIES[client], **more}))


def stamp(client: str) -> Stamp:
    id_ = f"{CLIENTS[client].id_prefix}ours"
    return Stamp(id=id_, created_s=1800000000, model="pre/alias", origin=ORIGIN)


def opened(client: str, asked: ChatRequest | None = None) -> ByteStream:
    return open_stream(CLIENTS[client], gemini.UPSTREAM, asked or request(client), stamp(client), Quirks())


def run(way: ByteStream, pieces: list[bytes]) -> bytes:
    """Everything the client gets, as the handler would send it."""
    out = [way.feed(piece) for piece in pieces]
    out.append(way.end())
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    assert (way.failure is None) == way.is_finished
    if way.failure is not None:
        out.append(way.error(ERROR))
    return b"".join(out)


def check(client: str, out: bytes) -> None:
    """The beginning and the end that each format demands; chat is checked to the last rule."""
    if client == "chat":
        check_chat_stream(out, RequestFacts(model="pre/alias"))
        return
    sent = frames(out)
    values = [orjson.loads(data) for _, data in sent if data != "[DONE]"]
    assert [name for name, data in sent if name] == [value["type"] for value in values if "type" in value]
    names = [name for name, _ in sent]
    is_error = sent[-1][1] == "[DONE]"
    if client == "messages":
        assert names.count("message_start") <= 1
        assert ("message_stop" in names) != is_error
        assert names.count("content_block_start") == names.count("content_block_stop")
    else:
        ends = [name for name in names if name in ("response.completed", "response.incomplete", "response.failed")]
        assert len(ends) == 1
        assert (ends[0] == "response.failed") == is_error
        numbers = [value["sequence_number"] for value in values if "sequence_number" in value]
        assert numbers == list(range(len(numbers)))


GOOD = stream(
    chunk({"text": "Let me ", "thought": True}),
    chunk({"text": "see", "thought": True}, {"text": "Grü"}),
    chunk({"text": "ße 🎉"}),
    chunk({"text": "", "thoughtSignature": "c2lnMA=="}),
    chunk({**call("get", {"a": 1}), "thoughtSignature": "c2lnMQ=="}, call("set"), **usage(5, 1, 2)),
    chunk(finish="STOP", **usage()),
)
ways = pytest.mark.parametrize("client", CLIENTS)


@ways
@settings(max_examples=50)
@given(places=st.lists(st.integers(0, len(GOOD)), max_size=12), ends=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_bytes_may_be_cut_anywhere_and_end_lines_in_any_way(client, places, ends):
    whole = run(opened(client), [GOOD])
    assert run(opened(client), cut(GOOD.replace(b"\r\n", ends), places)) == whole
    check(client, whole)


@ways
def test_one_byte_at_a_time(client):
    assert run(opened(client), [bytes([byte]) for byte in GOOD]) == run(opened(client), [GOOD])


def test_a_chat_client_gets_it_all():
    asked = request(stream_options={"include_usage": True})
    summary = check_chat_stream(run(opened("chat", asked), [GOOD]), RequestFacts(model="pre/alias", include_usage=True))
    assert summary.first.reasoning == "Let me see"
    assert summary.first.text == "Grüße 🎉"
    assert [(made.name, made.arguments) for made in summary.first.calls] == [("get", '{"a":1}'), ("set", "{}")]
    assert summary.first.finish_reason == "tool_calls"
    assert summary.usage["prompt_tokens"] == 5
    assert summary.usage["completion_tokens"] == 10
    assert summary.usage["completion_tokens_details"]["reasoning_tokens"] == 3


@ways
@settings(max_examples=50)
@given(length=st.integers(0, GOOD.index(b'"finishReason"') - 1))
def test_a_prefix_ends_in_failure(client, length):
    way = opened(client)
    check(client, run(way, [GOOD[:length]]))
    assert way.failure is not None
    assert way.failure.kind == "cut"


@ways
@settings(max_examples=150)
@given(wire=some_streams, places=st.lists(st.integers(0, 4000), max_size=4))
def test_whatever_the_upstream_does_the_client_gets_a_legal_stream(client, wire, places):
    check(client, run(opened(client), cut(wire, places)))


@ways
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: f"data: {text}\n\n".encode())))
def test_random_bytes_never_raise_and_never_look_like_an_answer(client, data):
    way = opened(client)
    check(client, run(way, [data]))
    assert way.failure is not None
    body = convert_body(CLIENTS[client], gemini.UPSTREAM, request(client), stamp(client), Quirks(), data)
    assert body.failure is not None
    assert body.failure.kind != "internal", body.failure.trace


@settings(max_examples=200)
@given(wire=some_streams)
def test_events_follow_the_grammar(wire):
    decoder = gemini.UPSTREAM.decoder(request(), Quirks())
    check_grammar([*decoder.feed(wire), *decoder.end()])
    assert decoder.feed(wire) == []
    assert decoder.end() == []


@settings(max_examples=150)
@given(
    parts=st.lists(usual_parts, max_size=6),
    edges=st.lists(st.integers(0, 6), max_size=3),
    finish=good_finishes,
    in_pieces=st.booleans(),
)
def test_stream_and_plain_answer_fold_to_the_same(parts, edges, finish, in_pieces):
    plain = chunk(*parts, finish=finish, **usage())
    places = sorted({0, len(parts), *(edge % (len(parts) + 1) for edge in edges)})
    groups = [parts[a:b] for a, b in pairwise(places)]
    if in_pieces:
        groups = [[piece] for group in groups for part in group for piece in pieces_of(part)]
    wire = stream(*(chunk(*group, **usage(5, 0, 0)) for group in groups), chunk(finish=finish, **usage()))
    decoder = gemini.UPSTREAM.decoder(request(), Quirks())
    streamed = fold([*decoder.feed(wire), *decoder.end()])
    assert streamed == fold(gemini.UPSTREAM.decode_body(orjson.dumps(plain), request(), Quirks()))
    array = gemini.UPSTREAM.decoder(request(), Quirks())
    as_array = orjson.dumps([orjson.loads(text[6:]) for text in wire.split(b"\r\n\r\n") if text])
    assert streamed == fold([*array.feed(as_array), *array.end()])


def pieces_of(part: dict[str, Any]) -> list[dict[str, Any]]:
    """A text as a stream brings it: letter by letter, a thought's signature on an empty piece at the end. A text that
    is signed comes whole: what signs a piece of it would sign that piece alone.
    """
    if "text" not in part or ("thoughtSignature" in part and not part.get("thought")):
        return [part]
    rest = {key: value for key, value in part.items() if key not in ("text", "thoughtSignature")}
    pieces = [{"text": letter, **rest} for letter in part["text"]]
    signed = [{"text": "", **rest, "thoughtSignature": part["thoughtSignature"]}] if "thoughtSignature" in part else []
    return [*pieces, *signed]


@ways
@given(wire=some_streams)
def test_an_error_may_follow_at_any_time_and_only_once(client, wire):
    way = opened(client)
    out = way.feed(wire)
    if not way.is_finished:
        check(client, out + way.error(ApiError(errors.PROVIDER_TIMEOUT)))
        assert way.error(ApiError(errors.PROVIDER_TIMEOUT)) == b""


def test_call_ids_are_made_the_same_each_time_and_differ_between_turns():
    wire = stream(chunk(call("get"), call("get", id="own"), call("set", id="own")), chunk(finish="STOP"))

    def ids(asked: ChatRequest) -> list[str]:
        decoder = gemini.UPSTREAM.decoder(asked, Quirks())
        return [made.call_id for made in decoder.feed(wire) if isinstance(made, BlockStart)]

    first = ids(request())
    assert first == ids(request())
    assert first[1] == "own"
    assert len(set(first)) == 3
    later = request(messages=[{"role": "user", "content": text} for text in ("a", "b")])
    assert first[0] not in ids(later)


def test_an_event_beyond_the_bound_is_a_failure():
    decoder = gemini.UPSTREAM.decoder(request(), Quirks())
    piece = b"[" + b" " * (1 << 20)
    events = [made for _ in range(17) for made in decoder.feed(piece)]
    assert [made.failure.kind for made in events if isinstance(made, Failed)] == ["too_large"]
    assert decoder.end() == []


def test_nothing_comes_out_after_done():
    decoder = gemini.UPSTREAM.decoder(request(), Quirks())
    events = decoder.feed(
        stream(chunk({"text": "Hi"}, finish="STOP")) + b"data: [DONE]\n\n" + event(chunk({"text": "x"}))
    )
    assert isinstance(events[-1], Finish)
    assert decoder.feed(event(chunk({"text": "more"}))) == []
