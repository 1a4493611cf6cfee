"""Rows of ``docs/translation.md`` on thinking, structured output and answers: each test shows the row of its name."""

import re

from freetheai.wire.formats import Quirks
from freetheai.wire.signature import tag
from support import chat_streams, gemini_streams, messages_streams, responses_streams
from support.bodies import PNG, Json, body, built, function, text
from support.pairs import CLIENTS, ORIGIN, UPSTREAMS, opened, request, run, seen, streamed
from support.responses_rules import check_responses_stream
from support.rounds import Kept, kept_of


def test_no_reasoning():
    asked: Json = {
        "chat": {"reasoning_effort": "high"},
        "messages": {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
        "responses": {"reasoning": {"effort": "high"}},
    }
    for client, fields in asked.items():
        for upstream in UPSTREAMS:
            made = built(client, upstream, body(client, **fields), supports_reasoning=False)
            assert not re.search(r"reasoning|thinking|effort", text(made)), (client, upstream)


THINKING = {
    "chat": chat_streams.stream(
        chat_streams.chunk({"reasoning_content": "Hm"}), chat_streams.chunk({"content": "Hi"}, "stop")
    ),
    "messages": messages_streams.stream(
        messages_streams.start(),
        messages_streams.thinking(0, "Hm", signature="c2ln"),
        messages_streams.text(1, "Hi"),
        messages_streams.end(),
    ),
    "responses": responses_streams.stream(
        [responses_streams.end(responses_streams.reasoning("Hm"), responses_streams.message("Hi"))]
    ),
    "gemini": gemini_streams.stream(
        gemini_streams.chunk({"text": "Hm", "thought": True}, {"text": "Hi"}, finish="STOP")
    ),
}


def test_unseen_thinking():
    for upstream, wire in THINKING.items():
        assert streamed("messages", upstream, wire).reasoning == "Hm"
        # Anthropic itself thinks only if asked to; others that speak its format may not ask first.
        asked = request("messages", thinking=None)
        found = seen("messages", run(opened("messages", upstream, asked, Quirks(messages_extras=False)), [wire]))
        assert (found.text, found.reasoning) == ("Hi", "")


def test_foreign_thinking():
    for origin, is_sent in ((ORIGIN, True), ("other:model", False)):
        signed = tag(origin, "OPAQUE")
        blocks = [{"type": "thinking", "thinking": "Hm", "signature": signed}, {"type": "text", "text": "One."}]
        details = [{"type": "reasoning.encrypted", "data": signed, "index": 0}]
        item: Json = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]}
        item |= {"encrypted_content": signed}
        turns: Json = {
            "chat": [{"role": "assistant", "content": "One.", "reasoning_content": "Hm", "reasoning_details": details}],
            "messages": [{"role": "assistant", "content": blocks}],
            "responses": [item, {"role": "assistant", "content": "One."}],
        }
        for client, found in turns.items():
            prompt = "input" if client == "responses" else "messages"
            whole = [{"role": "user", "content": "Hi"}, *found, {"role": "user", "content": "More"}]
            for upstream in ("messages", "responses", "gemini"):
                sent = text(built(client, upstream, body(client, **{prompt: whole})))
                assert ("OPAQUE" in sent) == is_sent, (client, upstream)
            # A chat provider has no field for it but the one that it may have come in.
            assert ("OPAQUE" in text(built(client, "chat", body(client, **{prompt: whole})))) == (
                is_sent and client == "chat"
            )


def _next(client: str, upstream: str, wire: bytes) -> Json:
    """What the upstream gets when the client goes on."""
    return built(client, upstream, body(client, **_kept(client, upstream, wire).next_request()))


def _kept(client: str, upstream: str, wire: bytes) -> Kept:
    return kept_of(client, run(opened(client, upstream), [wire]))


def test_several_thoughts():
    made = messages_streams
    values = [*made.thinking(0, "One.", signature="c2lnMQ=="), *made.thinking(1, "Two.", signature="c2lnMg==")]
    wire = made.stream(made.start(), values, made.text(2, "Hi"), made.end())
    blocks = _next("chat", "messages", wire)["messages"][1]["content"]
    assert [block.get("signature") for block in blocks] == ["c2lnMQ==", "c2lnMg==", None]
    assert [block.get("thinking") for block in blocks] == ["One.", "Two.", None]
    kept = _kept("chat", "messages", wire)
    kept.message["reasoning_content"] = "One. Two."
    left = built("chat", "messages", body("chat", **kept.next_request()))["messages"][1]["content"]
    assert left == [{"type": "text", "text": "Hi"}]


def test_signed_calls():
    call = {"functionCall": {"name": "get", "args": {}}, "thoughtSignature": "c2ln"}
    wire = gemini_streams.stream(gemini_streams.chunk(call, finish="STOP"))
    for client in CLIENTS:
        parts = _next(client, "gemini", wire)["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == ["c2ln"], client
    asked = request("messages", thinking=None)
    out = run(opened("messages", "gemini", asked), [wire])
    assert b'"thinking"' not in out, "clients that did not ask for thinking can't read it"


def test_reasoning_details():
    details = [{"type": "reasoning.encrypted", "data": "OPAQUE", "id": "rs_1", "format": "openai-responses-v1"}]
    delta = {"content": "Hi", "reasoning": "Hm", "reasoning_details": details}
    wire = chat_streams.stream(chat_streams.chunk(delta), chat_streams.chunk({}, "stop"))
    assert _next("chat", "chat", wire)["messages"][1]["reasoning_details"] == details
    kept = _kept("chat", "chat", wire).next_request()
    for upstream in UPSTREAMS:
        assert "OPAQUE" not in text(built("chat", upstream, body("chat", **kept), origin="another:maker"))


def test_forced_thinking():
    sent = body("chat", reasoning_effort="high", tools=[function("get")], tool_choice="required")
    made = built("chat", "messages", sent)
    assert made["tool_choice"] == {"type": "any"}
    assert "thinking" not in made


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WITH_SCHEMA: Json = {"type": "json_schema", "json_schema": {"name": "out", "schema": SCHEMA}}


def test_schema():
    old = {"model": "claude-3-5-haiku"}
    made = built("chat", "messages", body("chat", response_format=WITH_SCHEMA), **old)
    name = made["tools"][0]["name"]
    assert made["tool_choice"] == {"type": "tool", "name": name}
    assert made["tools"][0]["input_schema"] == SCHEMA
    values = (messages_streams.start(), messages_streams.call(0, "t", name, '{"city":', '"Rome"}'))
    wire = messages_streams.stream(*values, messages_streams.end("tool_use"))
    found = streamed("chat", "messages", wire, asked=request("chat", tools=None, response_format=WITH_SCHEMA))
    assert (found.text, found.calls, found.reason) == ('{"city":"Rome"}', [], "stop")
    beside = built("chat", "messages", body("chat", response_format=WITH_SCHEMA, tools=[function("get")]), **old)
    assert "JSON Schema" in beside["system"][-1]["text"]
    assert built("chat", "messages", body("chat", response_format=WITH_SCHEMA))["output_config"]["format"]


def test_json_object():
    made = built("chat", "messages", body("chat", response_format={"type": "json_object"}))
    assert "JSON object" in made["system"][-1]["text"]


def test_answer_images():
    wire = gemini_streams.stream(
        gemini_streams.chunk({"inlineData": {"mimeType": "image/png", "data": PNG}}, finish="STOP")
    )
    out = run(opened("chat", "gemini"), [wire])
    assert f'"images":[{{"index":0,"type":"image_url","image_url":{{"url":"data:image/png;base64,{PNG}"'.encode() in out
    item = check_responses_stream(run(opened("responses", "gemini"), [wire])).response["output"][0]
    assert (item["type"], item["result"]) == ("image_generation_call", PNG)
    assert streamed("messages", "gemini", wire).text == "[image/png: it can't be shown in this format]"


def test_answer_citations():
    note = {"type": "url_citation", "url_citation": {"url": "https://a.example", "start_index": 0, "end_index": 2}}
    wire = chat_streams.stream(chat_streams.chunk({"content": "Hi", "annotations": [note]}, "stop"))
    assert b"https://a.example" in run(opened("chat", "chat"), [wire])
    for client in ("messages", "responses"):
        out = run(opened(client, "chat"), [wire])
        assert b"https://a.example" not in out
        assert seen(client, out).text == "Hi"


def test_answer_refusals():
    wire = chat_streams.stream(chat_streams.chunk({"refusal": "No."}), chat_streams.chunk({}, "stop"))
    assert streamed("messages", "chat", wire).text == "No."
    assert streamed("responses", "chat", wire).refusal == "No."
    assert streamed("chat", "chat", wire).refusal == "No."


def test_no_counts():
    values = [messages_streams.start(usage={}), *messages_streams.text(0, "Hello there")]
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    end = responses_streams.end(responses_streams.message("Hello there"), usage=None)
    wires = {
        "chat": chat_streams.stream(chat_streams.chunk({"content": "Hello there"}, "stop")),
        "messages": messages_streams.stream(*values, delta, {"type": "message_stop"}),
        "responses": responses_streams.stream([end]),
        "gemini": gemini_streams.stream(gemini_streams.chunk({"text": "Hello there"}, finish="STOP")),
    }
    for upstream, wire in wires.items():
        for client in CLIENTS:
            way = opened(client, upstream)
            run(way, [wire])
            assert way.usage is None, "an estimate is not the provider's word"
            tokens = streamed(client, upstream, wire).tokens
            assert tokens is not None
            assert 5 < tokens < 500
