"""Rows of ``docs/translation.md`` on thinking, structured output and answers: each test shows the row of its name."""

import re
from typing import Any

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


def test_signed_texts():
    parts = [{"text": "Hi ", "thoughtSignature": "c2ln"}, {"text": "you"}, {"text": "", "thoughtSignature": "bW9yZQ=="}]
    wire = gemini_streams.stream(gemini_streams.chunk(*parts, finish="STOP"))
    for client in CLIENTS:
        assert _next(client, "gemini", wire)["contents"][1]["parts"] == parts, client
        assert streamed(client, "gemini", wire).text == "Hi you"
    kept = _kept("chat", "gemini", wire)
    kept.message["content"] = "Hello you"
    left = built("chat", "gemini", body("chat", **kept.next_request()))["contents"][1]["parts"]
    assert "c2ln" not in text(left)
    asked = request("messages", thinking=None)
    assert b'"thinking"' not in run(opened("messages", "gemini", asked), [wire])


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


def test_schema_names():
    described = {"name": "forecast-5", "description": "What comes.", "schema": SCHEMA}
    asked = body("chat", response_format={"type": "json_schema", "json_schema": described})
    for upstream in UPSTREAMS:
        sent = text(built("chat", upstream, asked))
        assert "city" in sent
        assert ("forecast-5" in sent and "What comes." in sent) == (upstream in ("chat", "responses"))


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


def test_unsigned_details():
    details = [{"type": "reasoning.summary", "summary": "Hm", "format": "openai-responses-v1", "index": 0}]
    delta = {"content": "Hi", "reasoning": "Hm", "reasoning_details": details}
    wire = chat_streams.stream(chat_streams.chunk(delta), chat_streams.chunk({}, "stop"))
    for client in ("messages", "responses"):
        assert streamed(client, "chat", wire).reasoning == "Hm"
        assert "reasoning_details" not in _next(client, "chat", wire)["messages"][1]


def _cited(*notes: Json, text: str = "Hi", behind: Json | None = None) -> bytes:
    """A chat answer that cites something, told behind ``behind`` if that is given."""
    made = chat_streams
    parted = [made.chunk(behind)] if behind else []
    return made.stream(made.chunk({"content": text}), *parted, made.chunk({"annotations": list(notes)}, "stop"))


def _link(**more: Any) -> Json:
    return {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A", **more}}


def test_answer_citations():
    place = {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": "My own"}
    place |= {"start_char_index": 0, "end_char_index": 1}
    made = messages_streams
    deltas = ({"type": "text_delta", "text": "Hi"}, {"type": "citations_delta", "citation": place})
    in_messages = made.stream(made.start(), made.block(0, {"type": "text", "text": ""}, *deltas), made.end())
    in_chat = _cited({"type": "file_citation", "file_citation": {"file_id": "My own"}})
    for upstream, wire in (("messages", in_messages), ("chat", in_chat)):
        assert b"My own" in run(opened(upstream, upstream), [wire])
        for client in CLIENTS:
            if client != upstream:
                out = run(opened(client, upstream), [wire])
                assert b"My own" not in out
                assert seen(client, out).text == "Hi"


def test_cited_words():
    wire = _cited(_link(content="Their words."))
    assert b'"cited_text":"Their words."' in run(opened("messages", "chat"), [wire])
    out = run(opened("responses", "chat"), [wire])
    assert b"Their words." not in out
    assert seen("responses", out).links == ["https://a.example"]


def test_cited_places():
    wire = _cited(_link(start_index=1, end_index=2))
    block = _kept("messages", "chat", wire).items[0]
    assert (block["text"], [link["url"] for link in block["citations"]]) == ("Hi", ["https://a.example"])
    for of, start, end in ((wire, 1, 2), (_cited(_link()), 0, 2)):
        note = _kept("responses", "chat", of).items[0]["content"][0]["annotations"][0]
        assert (note["start_index"], note["end_index"]) == (start, end)


def test_late_citations():
    call = {
        "tool_calls": [{"index": 0, "id": "c0", "type": "function", "function": {"name": "get", "arguments": "{}"}}]
    }
    wire = _cited(_link(), behind=call)
    assert seen("chat", run(opened("chat", "chat"), [wire])).links == ["https://a.example"]
    for client in ("messages", "responses"):
        found = streamed(client, "chat", wire)
        assert (found.text, len(found.calls), found.links) == ("Hi", 1, [])


def test_cut_citations():
    wire = _cited(_link(start_index=0, end_index=2), text="Hi END more")
    asked = request("messages", stop_sequences=["END", "\n"])
    found = seen("messages", run(opened("messages", "chat", asked, Quirks(max_stop=0)), [wire]), asked)
    assert (found.text, found.links) == ("Hi ", [])


def test_cited_history():
    wire = _cited(_link())
    for client in CLIENTS:
        for upstream in UPSTREAMS:
            sent = text(built(client, upstream, body(client, **_kept(client, "chat", wire).next_request())))
            assert "Hi" in sent
            assert ("https://a.example" in sent) == (client == upstream == "responses"), (client, upstream)
    own = {"type": "web_search_result_location", "url": "https://a.example", "cited_text": "", "encrypted_index": "Eqc"}
    blocks = [{"type": "text", "text": "Hi", "citations": [{**own, "title": None}]}]
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": "?"},
    ]
    assert built("messages", "messages", body("messages", messages=turns))["messages"][1]["content"] == blocks


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
