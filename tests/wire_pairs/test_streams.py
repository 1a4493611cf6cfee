"""What holds for all twelve pairs of client and upstream format, whatever the upstream does."""

from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai import errors
from freetheai.errors import ApiError
from support import chat_streams, gemini_streams, messages_streams, responses_streams
from support.answers import WIRES, Answer, answers, plain_body, written
from support.pairs import CLIENTS, PAIRS, UPSTREAMS, opened, plain, request, run, seen, streamed

pairs = pytest.mark.parametrize(("client", "upstream"), PAIRS)
upstreams = pytest.mark.parametrize("upstream", UPSTREAMS)

WILD = {
    "chat": chat_streams.some_streams,
    "messages": messages_streams.some_streams,
    "responses": responses_streams.some_streams,
    "gemini": gemini_streams.some_streams,
}
ANSWER = Answer(["Let me 🎉", " see"], ["Grü", "ße"], [("get", {"a": 1}), ("set", {})])


def _good(upstream: str) -> list[Any]:
    """The events of ``ANSWER`` in good order."""
    if upstream == "chat":
        calls = [
            {"index": number, "id": f"c{number}", "type": "function", "function": {"name": name, "arguments": ""}}
            for number, (name, _) in enumerate(ANSWER.calls)
        ]
        return [
            chat_streams.chunk({"role": "assistant", "content": ""}),
            *(chat_streams.chunk({"reasoning_content": text}) for text in ANSWER.thoughts),
            *(chat_streams.chunk({"content": text}) for text in ANSWER.texts),
            chat_streams.chunk({"tool_calls": [calls[0]]}),
            chat_streams.chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
            chat_streams.chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
            chat_streams.chunk({"tool_calls": [calls[1]]}),
            chat_streams.chunk({}, "tool_calls"),
            chat_streams.chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}),
        ]
    if upstream == "messages":
        made = messages_streams
        return [
            made.start(),
            *made.thinking(0, *ANSWER.thoughts, signature="c2ln"),
            *made.text(1, *ANSWER.texts),
            *made.call(2, "toolu_a", "get", '{"a":', "1}"),
            *made.call(3, "toolu_b", "set"),
            *made.end("tool_use"),
        ]
    if upstream == "responses":
        made = responses_streams
        events = [
            *made.begin(),
            *made.reasoning_events(0, ANSWER.thoughts),
            *made.message_events(1, ANSWER.texts),
            *made.call_events(2, "get", ['{"a":', "1}"], 0),
            *made.call_events(3, "set", [], 1),
        ]
        output = [event["item"] for event in events if event["type"].endswith("item.done")]
        return [{**event, "sequence_number": n} for n, event in enumerate([*events, made.end(*output)])]
    made = gemini_streams
    return [
        *(made.chunk({"text": text, "thought": True}) for text in ANSWER.thoughts),
        *(made.chunk({"text": text}) for text in ANSWER.texts),
        made.chunk({**made.call("get", {"a": 1}), "thoughtSignature": "c2ln"}, made.call("set")),
        made.chunk(finish="STOP", **made.usage(5, 4, 3)),
    ]


def _frames(upstream: str) -> list[bytes]:
    events = _good(upstream)
    frames = [_frame(event) for event in events]
    return [*frames, b"data: [DONE]\n\n"] if upstream == "chat" else frames


def _frame(event: dict[str, Any], indent: bool = False) -> bytes:
    name = f"event: {event['type']}\n".encode() if "type" in event else b""
    lines = orjson.dumps(event, option=orjson.OPT_INDENT_2 if indent else 0).split(b"\n")
    return name + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


FRAMES = {upstream: _frames(upstream) for upstream in UPSTREAMS}
GOOD = {upstream: b"".join(frames) for upstream, frames in FRAMES.items()}
# From here on the answer counts as complete: its finish reason or end event has begun.
END = {
    "chat": GOOD["chat"].index(b'"tool_calls"}'),
    "messages": GOOD["messages"].index(b"event: message_delta"),
    "responses": GOOD["responses"].index(b"event: response.completed"),
    "gemini": GOOD["gemini"].index(b'"finishReason"'),
}


@cache
def whole(client: str, upstream: str) -> bytes:
    """What the client gets of the good stream."""
    return run(opened(client, upstream), [GOOD[upstream]])


@pairs
def test_every_client_sees_the_same_answer(client, upstream):
    found = seen(client, whole(client, upstream))
    assert replace(found, tokens=None) == ANSWER.seen
    assert found.tokens == 12


@pairs
def test_one_byte_at_a_time(client, upstream):
    assert run(opened(client, upstream), [bytes([byte]) for byte in GOOD[upstream]]) == whole(client, upstream)


@pairs
@settings(max_examples=25)
@given(data=st.data())
def test_bytes_may_be_cut_anywhere(client, upstream, data):
    wire = GOOD[upstream]
    places = data.draw(st.lists(st.integers(0, len(wire)), max_size=12))
    assert run(opened(client, upstream), chat_streams.cut(wire, places)) == whole(client, upstream)


@st.composite
def spellings(draw: st.DrawFn, upstream: str) -> bytes:
    """The good stream in another spelling of the same events."""
    frames = [] if draw(st.booleans()) else [b": hello\n\n"]
    space, is_indented = draw(st.sampled_from([b" ", b""])), draw(st.booleans())
    for event in _good(upstream):
        frame = _frame(event, is_indented).replace(b"data: ", b"data:" + space)
        if draw(st.integers(0, 5)) == 0:
            frame = draw(st.sampled_from([b": ping\n\n", b"id: 7\n", b"retry: 10\n", b": within\n", b"\n\n"])) + frame
        frames.append(frame)
    if upstream == "chat":
        frames.append(b"data:" + space + b"[DONE]\n\n")
    wire = b"".join(frames)
    wire = wire[: len(wire) - draw(st.sampled_from([0, 0, 1, 2]))]
    bom = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return bom + wire.replace(b"\n", draw(st.sampled_from([b"\n", b"\r\n", b"\r"])))


@pairs
@settings(max_examples=40)
@given(data=st.data())
def test_another_spelling_of_the_events_is_the_same_stream(client, upstream, data):
    wire = data.draw(spellings(upstream))
    out = run(opened(client, upstream), chat_streams.cut(wire, data.draw(st.lists(st.integers(0, 4000), max_size=3))))
    if client == upstream:
        # Relayed events keep what an upstream wrote between its values.
        assert seen(client, out) == seen(client, whole(client, upstream))
    else:
        assert out == whole(client, upstream)


@pairs
@settings(max_examples=30)
@given(data=st.data())
def test_every_strict_prefix_ends_in_failure(client, upstream, data):
    length = data.draw(st.integers(0, END[upstream] - 1))
    way = opened(client, upstream)
    out = run(way, [GOOD[upstream][:length]])
    assert way.failure is not None
    assert way.failure.kind in ("cut", "empty"), way.failure
    assert seen(client, out).error == "provider_error"


@pairs
@settings(max_examples=30)
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: f"data: {text}\n\n".encode())))
def test_random_bytes_never_raise_and_never_look_like_an_answer(client, upstream, data):
    assert seen(client, run(opened(client, upstream), [data])).error == "provider_error"
    assert plain(client, upstream, data).error


@pairs
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_the_upstream_does_the_client_gets_a_legal_stream(client, upstream, data):
    wire = data.draw(WILD[upstream])
    asked = request(client)
    out = run(opened(client, upstream, asked), chat_streams.cut(wire, data.draw(st.lists(st.integers(0, 4000)))))
    seen(client, out, asked)


@pairs
@settings(max_examples=25)
@given(data=st.data())
def test_bytes_lost_or_changed_on_the_way_never_break_a_rule(client, upstream, data):
    wire = bytearray(GOOD[upstream])
    for place in data.draw(st.lists(st.integers(0, len(wire) - 1), min_size=1, max_size=4)):
        at = min(place, len(wire) - 1)
        wire[at : at + data.draw(st.integers(0, 40))] = data.draw(
            st.sampled_from([b"", b"x", b'"', b"\n\n", b"{", b"0"])
        )
    out = run(opened(client, upstream), [bytes(wire)])
    seen(client, out)


@pairs
@settings(max_examples=15)
@given(data=st.data())
def test_an_error_may_follow_at_any_time_and_only_once(client, upstream, data):
    way = opened(client, upstream)
    out = way.feed(GOOD[upstream][: data.draw(st.integers(0, END[upstream]))])
    assert not way.is_finished
    out += way.error(ApiError(errors.PROVIDER_TIMEOUT))
    assert seen(client, out).error == "provider_timeout"
    assert way.error(ApiError(errors.PROVIDER_TIMEOUT)) == b""


@upstreams
@settings(max_examples=120)
@given(data=st.data(), answer=answers)
def test_ordinary_deviations_change_nothing_of_what_any_client_sees(upstream, data, answer):
    wire = data.draw(WIRES[upstream](answer))
    for client in CLIENTS:
        assert replace(streamed(client, upstream, wire), tokens=None) == answer.seen, client


@pairs
@settings(max_examples=25)
@given(data=st.data(), answer=answers)
def test_the_folded_stream_is_the_plain_answer(client, upstream, data, answer):
    found = plain(client, upstream, plain_body(upstream, answer))
    assert replace(found, tokens=None) == answer.seen
    assert found.tokens == 12
    wire = data.draw(WIRES[upstream](answer))
    assert replace(streamed(client, upstream, wire), tokens=None) == replace(found, tokens=None)


ERRORS = {
    "chat": chat_streams.event({"error": {"message": "no", "code": 500}}),
    "messages": messages_streams.event({"type": "error", "error": {"type": "api_error", "message": "no"}}),
    "responses": responses_streams.frame(responses_streams.end(status="failed", error={"code": "x", "message": "no"})),
    "gemini": gemini_streams.event({"error": {"code": 500, "message": "no", "status": "INTERNAL"}}),
}


@pairs
@pytest.mark.parametrize("frames", [0, 1, 3])
def test_an_error_in_band_is_an_error_for_the_client(client, upstream, frames):
    way = opened(client, upstream)
    out = run(way, [b"".join(FRAMES[upstream][:frames]) + ERRORS[upstream] + b"data: [DONE]\n\n"])
    assert way.failure is not None
    assert way.failure.kind == "answer"
    assert way.failure.message == "no"
    assert seen(client, out).error == "provider_error"
    assert b'"no"' not in out, "an upstream's own words never reach the client"


STRANGE = {
    "a web page": b"<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>\n\n",
    "nothing": b"",
    "only keep-alives": b": OPENROUTER PROCESSING\n\n" * 5,
    "only the end marker": b"data: [DONE]\n\n",
    "an error body": b'{"error":{"message":"no","type":"server_error"}}',
    "an error body as data": b'data: {"error":{"message":"no","type":"server_error"}}\n\n',
    "an error field": b'error: {"code":500,"message":"no"}\n\n',
    "a list": b"[]",
    "a number": b"data: 1\n\n",
    "nested too deep": b"data: " + b"[" * 2000 + b"]" * 2000 + b"\n\n",
    "bytes that are no text": b"\xff\xfe\x00\n\n" * 10,
}


@pairs
@pytest.mark.parametrize("wire", STRANGE.values(), ids=STRANGE)
def test_what_is_no_answer_is_an_error(client, upstream, wire):
    assert streamed(client, upstream, wire).error == "provider_error"
    assert plain(client, upstream, wire).error


@pairs
def test_keep_alives_between_all_events_change_nothing(client, upstream):
    wire = b": keep-alive\n\n".join([b"", *FRAMES[upstream], b""])
    out = run(opened(client, upstream), [wire])
    assert seen(client, out) == seen(client, whole(client, upstream))


@pairs
def test_a_stream_without_its_end_is_an_error_after_what_came(client, upstream):
    way = opened(client, upstream)
    out = run(way, [GOOD[upstream][: END[upstream]].rpartition(b"\n\n")[0] + b"\n\n"])
    assert way.failure is not None
    assert way.failure.kind == "cut"
    assert way.has_output
    assert way.finish is None
    assert seen(client, out).error == "provider_error"


@pairs
def test_an_event_of_many_kilobytes_passes(client, upstream):
    text = "ü" * 200_000
    answer = Answer([], [text], [("get", {"path": text})])
    assert streamed(client, upstream, _large(upstream, answer)) == replace(answer.seen, tokens=12)


def _large(upstream: str, answer: Answer) -> bytes:
    """The answer in as few events as the format can."""
    text, arguments = answer.texts[0], answer.calls[0][1]
    if upstream == "chat":
        call = {"index": 0, "id": "c0", "function": {"name": "get", "arguments": written(arguments)}}
        usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
        one = chat_streams.chunk({"content": text, "tool_calls": [call]}, "tool_calls", usage=usage)
        return chat_streams.stream(one)
    if upstream == "messages":
        made = messages_streams
        return made.stream(
            made.start(), made.text(0, text), made.call(1, "t", "get", written(arguments)), made.end("tool_use")
        )
    if upstream == "responses":
        made = responses_streams
        return made.stream([made.end(made.message(text), made.call("get", written(arguments)))])
    made = gemini_streams
    return made.stream(made.chunk({"text": text}, made.call("get", arguments), finish="STOP", **made.usage(5, 4, 3)))
