"""Plain chat answers, relayed and translated; and what the joined halves do at their limits."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.wire import chat
from freetheai.wire.blocks import MAX_HELD_CHARS
from freetheai.wire.events import BlockDelta, BlockStart, Event, Failed, Finish, Usage
from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks, Response, Stamp
from freetheai.wire.request import ChatRequest, TextPart, Tool, Turn
from freetheai.wire.toolcalls import arguments_object, custom_input
from freetheai.wire.translate import Translation, convert_body, open_stream
from support.chat_streams import chunk, chunks, event, stream

STAMP = Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias", origin="openai/up")
QUIRKS = Quirks()
# The same format under another name, so that it is translated instead of relayed.
OTHER = replace(chat.UPSTREAM, name="gemini")


def request(**more: Any) -> ChatRequest:
    return chat.CLIENT.parse(
        orjson.dumps({"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], **more})
    )


def answers(body: Any, **more: Any) -> dict[str, dict[str, Any]]:
    """The answer both ways: relayed and translated."""
    out = {}
    for name, upstream in (("relayed", chat.UPSTREAM), ("translated", OTHER)):
        result = convert_body(chat.CLIENT, upstream, request(**more), STAMP, QUIRKS, orjson.dumps(body))
        assert result.failure is None
        out[name] = orjson.loads(result.data)
    return out


def plain(message: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10, "cost": 0.5}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "gen-9",
        "created": 5,
        "model": "up/model",
        "provider": "X",
        "choices": [choice],
        "usage": usage,
        **more,
    }


def test_a_plain_answer():
    found = answers(plain({"role": "assistant", "content": "Hello", "tool_calls": []}, cost=1, system_fingerprint="f"))
    for body in found.values():
        assert (body["id"], body["model"], body["object"]) == ("chatcmpl-ours", "pre/alias", "chat.completion")
        [choice] = body["choices"]
        assert choice["message"]["content"] == "Hello"
        assert choice["message"]["refusal"] is None
        assert "tool_calls" not in choice["message"]
        assert (choice["logprobs"], choice["finish_reason"]) == (None, "stop")
        assert body["usage"]["total_tokens"] == 10
        assert not {"cost", "provider", "system_fingerprint"} & (body.keys() | body["usage"].keys())
    assert (found["relayed"]["created"], found["translated"]["created"]) == (5, 1800000000)


def test_an_id_of_the_usual_kind_is_kept_in_relaying():
    body = plain({"content": "x"})
    body["id"] = "chatcmpl-theirs"
    assert answers(body)["relayed"]["id"] == "chatcmpl-theirs"


def test_calls_of_a_plain_answer():
    calls = [
        {"id": "a", "type": "function", "index": 0, "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"name": "g", "arguments": {"x": 1}}},
        {"id": "a", "index": 0, "function": {"name": "f", "arguments": "{}"}},
    ]
    for body in answers(plain({"role": "assistant", "content": None, "tool_calls": calls})).values():
        [choice] = body["choices"]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        shown = choice["message"]["tool_calls"]
        assert [call["function"] for call in shown] == [
            {"name": "f", "arguments": "{}"},
            {"name": "g", "arguments": '{"x":1}'},
            {"name": "f", "arguments": "{}"},
        ]
        ids = [call["id"] for call in shown]
        assert ids[0] == "a"
        assert all(ids)
        assert len(set(ids)) == 3
        assert all(call["type"] == "function" and "index" not in call for call in shown)


@pytest.mark.parametrize(
    ("message", "key", "value"),
    [
        ({"content": "x", "reasoning_content": "hm"}, "reasoning_content", "hm"),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "x"}]}, "content", "x"),
        (
            {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "x"}]},
            "reasoning_content",
            "hm",
        ),
        ({"content": None, "refusal": "no"}, "refusal", "no"),
        ({"content": None, "refusal": "no"}, "content", None),
    ],
)
def test_messages(message, key, value):
    for body in answers(plain(message)).values():
        assert body["choices"][0]["message"][key] == value


def test_several_choices_are_all_relayed():
    body = plain({"content": "a"})
    body["choices"].append({"index": 1, "message": {"content": "b"}, "finish_reason": "length"})
    shown = answers(body, n=2)["relayed"]["choices"]
    assert [(choice["index"], choice["message"]["content"], choice["finish_reason"]) for choice in shown] == [
        (0, "a", "stop"),
        (1, "b", "length"),
    ]


def test_the_old_functions_are_answered_in_their_shape():
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    body = answers(plain({"content": None, "tool_calls": calls}), functions=[{"name": "f"}])["relayed"]
    [choice] = body["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"
    assert "tool_calls" not in choice["message"]


def test_missing_usage_is_estimated_for_the_client_and_unknown_to_us():
    body = plain({"content": "x" * 400})
    del body["usage"]
    for upstream in (chat.UPSTREAM, OTHER):
        result = convert_body(chat.CLIENT, upstream, request(), STAMP, QUIRKS, orjson.dumps(body))
        assert result.usage is None
        assert orjson.loads(result.data)["usage"]["completion_tokens"] == 100
        assert result.output_chars == 400


def test_an_upstream_that_streams_unasked_is_folded():
    wire = stream(chunk({"role": "assistant", "content": "He"}), chunk({"content": "llo"}), chunk({}, "stop"))
    result = convert_body(chat.CLIENT, chat.UPSTREAM, request(), STAMP, QUIRKS, wire)
    assert orjson.loads(result.data)["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b'{"error":{"message":"m"}}', "answer"),
        (b'[{"error":{"message":"m"}}]', "answer"),
        (b'{"base_resp":{"status_code":1002}}', "answer"),
        (b"{}", "empty"),
        (b"5", "empty"),
        (orjson.dumps(plain({"content": ""}) | {"usage": None}), "empty"),
        (b'data: {"error":{"message":"m"}}', "answer"),
        (b": wait", "cut"),
    ],
)
def test_answers_that_are_failures(data, kind):
    result = convert_body(chat.CLIENT, chat.UPSTREAM, request(), STAMP, QUIRKS, data)
    assert result.failure is not None
    assert result.failure.kind == kind
    assert (result.data, result.finish) == (b"", None)


@settings(max_examples=300)
@given(body=chunks)
def test_any_answer_is_written_or_a_failure_and_never_a_bug(body):
    for upstream in (chat.UPSTREAM, OTHER):
        result = convert_body(chat.CLIENT, upstream, request(), STAMP, QUIRKS, orjson.dumps(body))
        if result.failure is None:
            shown = orjson.loads(result.data)
            assert shown["model"] == "pre/alias"
            for choice in shown["choices"]:
                assert choice["message"]["role"] == "assistant"
                assert choice["message"].get("tool_calls") != []
        else:
            assert result.failure.kind != "internal", result.failure.trace


def decoded(wire: bytes, asked: ChatRequest, quirks: Quirks = QUIRKS) -> list[Event]:
    decoder = chat.UPSTREAM.decoder(asked, quirks)
    return [*decoder.feed(wire), *decoder.end()]


def piece(index: int, arguments: str = "", **first: Any) -> dict[str, Any]:
    name = first.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return chunk({"tool_calls": [{"index": index, "function": function, **first}]})


def from_responses(*tools: Tool) -> ChatRequest:
    turns = [Turn("user", [TextPart("Hi")])]
    return ChatRequest(format="responses", body={}, model="pre/alias", stream=True, turns=turns, tools=list(tools))


def test_names_come_back_as_the_client_knows_them():
    asked = from_responses(Tool(name="do it!"), Tool(name="run", namespace="shell"))
    sent = orjson.loads(chat.UPSTREAM.build(asked, _target(), QUIRKS))["tools"]
    names = [tool["function"]["name"] for tool in sent]
    wire = stream(piece(0, "{}", id="a", name=names[0]), piece(1, "{}", id="b", name=names[1]), chunk({}, "tool_calls"))
    starts = [one for one in decoded(wire, asked) if isinstance(one, BlockStart)]
    assert [start.name for start in starts] == ["do it!", "shell__run"]


def test_free_form_tools_offered_as_functions_come_back_as_free_text():
    asked = from_responses(Tool(name="patch", custom=True))
    wire = stream(piece(0, '{"inp', id="a", name="patch"), piece(0, 'ut":"*** Begin\\n"}'), chunk({}, "tool_calls"))
    response = fold(decoded(wire, asked))
    assert response.blocks[0].call is not None
    assert response.blocks[0].call.custom
    assert response.blocks[0].call.arguments == "*** Begin\n"
    assert response.reason == "tool_calls"


def _target() -> Any:
    from freetheai.wire.formats import Target

    return Target(model="up/model")


TOOLS = (Tool(name="get"), Tool(name="set"))


def test_interleaved_calls_are_held_back_within_a_bound():
    asked = from_responses(*TOOLS)
    half = "x" * (MAX_HELD_CHARS // 2)
    begin = [piece(0, '{"a":"', id="a", name="get"), piece(1, '{"b":"', id="b", name="set")]
    events = decoded(stream(*begin, *[piece(1, half)] * 3), asked)
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind == "too_large"
    fine = decoded(stream(*begin, piece(1, half), piece(0, '"}'), piece(1, '"}'), chunk({}, "stop")), asked)
    assert [call.arguments for call in (block.call for block in fold(fine).blocks) if call] == [
        '{"a":""}',
        f'{{"b":"{half}"}}',
    ]


def test_a_call_without_arguments_does_not_hold_a_long_one_back_for_ever():
    asked = from_responses(*TOOLS)
    long = "x" * MAX_HELD_CHARS
    wire = [piece(0, id="a", name="get"), piece(1, '{"b":"', id="b", name="set"), piece(1, long), piece(1, '"}')]
    response = fold(decoded(stream(*wire, chunk({}, "tool_calls")), asked))
    assert response.failure is None
    assert [block.call.arguments[:5] for block in response.blocks if block.call] == ["{}", '{"b":']
    late = decoded(stream(*wire, piece(0, '{"late":1}'), chunk({}, "tool_calls")), asked)
    assert isinstance(late[-1], Failed)
    assert late[-1].failure.kind == "malformed"


def test_too_many_calls_and_too_long_events_are_failures():
    asked = from_responses(*TOOLS)
    many = decoded(stream(*[piece(n, "{}", id=f"c{n}", name="get") for n in range(1100)]), asked)
    assert isinstance(many[-1], Failed)
    assert many[-1].failure.kind == "too_large"
    for way in (chat.CLIENT.relay(request(stream=True), STAMP, QUIRKS), _translation(request(stream=True))):
        for _ in range(17):
            way.feed(b"data: " + b"x" * (1 << 20) if _ == 0 else b"x" * (1 << 20))
        assert way.failure is not None
        assert way.failure.kind == "too_large"


def _translation(asked: ChatRequest) -> Translation:
    return Translation(asked, chat.UPSTREAM.decoder(asked, QUIRKS), chat.CLIENT.encoder(asked, STAMP))


def test_open_stream_relays_equal_formats_and_translates_others():
    asked = request(stream=True)
    assert not isinstance(open_stream(chat.CLIENT, chat.UPSTREAM, asked, STAMP, QUIRKS), Translation)
    assert isinstance(open_stream(chat.CLIENT, OTHER, asked, STAMP, QUIRKS), Translation)
    assert isinstance(open_stream(chat.CLIENT, chat.UPSTREAM, asked, STAMP, Quirks(raw_think=True)), Translation)


@pytest.mark.parametrize("upstream", [chat.UPSTREAM, OTHER], ids=["relay", "translation"])
def test_what_a_stream_tells_its_handler(upstream):
    way = open_stream(chat.CLIENT, upstream, request(stream=True), STAMP, QUIRKS)
    way.feed(event(chunk({"role": "assistant", "content": ""})))
    assert (way.has_output, way.is_finished, way.usage, way.finish, way.output_chars) == (False, False, None, None, 0)
    way.feed(event(chunk({"reasoning_content": "hm"})) + event(chunk({"content": "Grüße"})))
    assert (way.has_output, way.output_chars) == (True, 7)
    way.feed(event(chunk({}, "length", usage={"prompt_tokens": 2, "completion_tokens": 3})))
    assert not way.is_finished
    way.feed(b"data: [DONE]\n\n")
    assert (way.is_finished, way.finish, way.failure) == (True, "length", None)
    assert way.usage == Usage(2, 3)


class Broken:
    """A decoder with a bug."""

    def feed(self, data: bytes) -> list[Event]:
        raise KeyError(data)

    def end(self) -> list[Event]:
        raise KeyError("end")


@pytest.mark.parametrize("way", ["feed", "end"])
def test_a_bug_of_a_codec_is_a_failure_with_its_traceback(way):
    asked = request(stream=True)
    joined = Translation(asked, Broken(), chat.CLIENT.encoder(asked, STAMP))
    assert (joined.feed(b"x") if way == "feed" else joined.end()) == b""
    assert joined.failure is not None
    assert joined.failure.kind == "internal"
    assert "KeyError" in joined.failure.trace


def test_a_bug_in_a_plain_answer_is_one_too():
    def broken(data: bytes, asked: ChatRequest, quirks: Quirks) -> list[Event]:
        raise KeyError(data)

    upstream = replace(chat.UPSTREAM, decode_body=broken)
    result = convert_body(chat.CLIENT, upstream, request(), STAMP, QUIRKS, b"{}")
    assert result.failure is not None
    assert (result.failure.kind, result.failure.phase) == ("internal", "body")


def test_folding_a_prefix_keeps_what_came():
    assert fold([]) == Response()
    half = fold([BlockStart(0, "text"), BlockDelta(0, "a"), BlockDelta(0, "b")])
    assert half.text() == "ab"
    assert fold([BlockStart(0, "tool_call", "a", "f"), Finish("tool_calls")]).blocks[0].call is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("null", {}),
        ('{"a":1}', {"a": 1}),
        ("[1]", {"value": [1]}),
        ('{"a":"b', {"a": "b"}),
        ('{"a":[1,{"b":2', {"a": [1, {"b": 2}]}),
        ("what", {"_raw": "what"}),
    ],
)
def test_arguments_as_an_object(text, value):
    assert arguments_object(text) == value


@given(st.text(max_size=30))
def test_arguments_of_any_text_are_an_object_and_free_text_survives(text):
    assert isinstance(arguments_object(text), dict)
    assert custom_input(orjson.dumps({"input": text}).decode()) == text
