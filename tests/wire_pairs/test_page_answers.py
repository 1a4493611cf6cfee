"""Rows of ``docs/translation.md`` on thinking, structured output and answers: each test shows the row of its name."""

import re

from freetheai.wire.formats import Quirks
from freetheai.wire.signature import tag
from support import chat_streams, gemini_streams, messages_streams, responses_streams
from support.bodies import PNG, Json, body, built, function, text
from support.pairs import CLIENTS, ORIGIN, UPSTREAMS, opened, request, run, seen, streamed
from support.responses_rules import check_responses_stream


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
            assert "OPAQUE" not in text(built(client, "chat", body(client, **{prompt: whole})))


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
