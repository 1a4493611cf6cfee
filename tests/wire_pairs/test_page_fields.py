"""Rows of ``docs/translation.md`` on fields that tune an answer: each test shows the row of its name."""

from typing import Any

from freetheai.wire.formats import Quirks
from support import chat_streams, gemini_streams, messages_streams, responses_streams
from support.bodies import Json, body, built, others, refused, said, text
from support.pairs import CLIENTS, UPSTREAMS, request, streamed

WIRES = {
    "chat": lambda text: chat_streams.stream(chat_streams.chunk({"content": text}), chat_streams.chunk({}, "stop")),
    "messages": lambda text: messages_streams.stream(
        messages_streams.start(), messages_streams.text(0, text), messages_streams.end()
    ),
    "gemini": lambda text: gemini_streams.stream(gemini_streams.chunk({"text": text}, finish="STOP")),
}


def test_identities():
    fields = {
        "chat": ("user", "metadata", "safety_identifier", "prompt_cache_key", "service_tier"),
        "messages": ("metadata", "service_tier"),
        "responses": ("user", "metadata", "safety_identifier", "prompt_cache_key", "service_tier"),
    }
    for client, names in fields.items():
        values: Json = {name: {"user_id": "secret"} if name == "metadata" else "secret" for name in names}
        for upstream in UPSTREAMS:
            assert "secret" not in text(built(client, upstream, body(client, **values)))


def test_tuning():
    tuned = body("chat", logit_bias={"1": 5}, seed=7, presence_penalty=1, frequency_penalty=1, top_k=9, verbosity="low")
    assert built("chat", "messages", tuned) | {"top_k": 9} == built("chat", "messages", body("chat")) | {"top_k": 9}
    left = built("chat", "responses", tuned)
    assert left.pop("text") == {"verbosity": "low"}
    assert left == built("chat", "responses", body("chat"))
    config = built("chat", "gemini", tuned)["generationConfig"]
    assert config == {"topK": 9, "seed": 7, "presencePenalty": 1, "frequencyPenalty": 1}
    assert "top_k" not in built("messages", "chat", body("messages", top_k=9))
    assert built("messages", "chat", body("messages", top_k=9), Quirks(top_k=True))["top_k"] == 9


def test_unknown_fields():
    for client in CLIENTS:
        sent = body(client, new_field={"a": 1}, max_tokens=50)
        assert built(client, client, sent)["new_field"] == {"a": 1}
        for upstream in others(client):
            assert "new_field" not in text(built(client, upstream, sent))


def test_messages_only():
    edits = {"edits": [{"type": "clear_thinking_20251015"}]}
    sent = body("messages", context_management=edits, container="c_1", inference_geo="eu")
    for upstream in others("messages"):
        assert built("messages", upstream, sent) == built("messages", upstream, body("messages"))
        tool = {"name": "get", "input_schema": {"type": "object"}, "input_examples": [{"city": "Oslo"}]}
        assert "Oslo" not in text(built("messages", upstream, body("messages", tools=[tool])))


def test_temperature():
    assert built("chat", "messages", body("chat", temperature=1.7))["temperature"] == 1
    assert built("chat", "gemini", body("chat", temperature=1.7))["generationConfig"]["temperature"] == 1.7


def test_stop_strings():
    made = responses_streams
    events = made.message_events(0, ["One E", "N", "D two"])
    wire = made.stream([*made.begin(), *events, made.end(made.message("One END two"))])
    for client, name in (("chat", "stop"), ("messages", "stop_sequences"), ("responses", "stop")):
        assert "END" not in text(built(client, "responses", body(client, **{name: ["END"]})))
        found = streamed(client, "responses", wire, asked=request(client, **{name: ["END"]}))
        assert (found.text, found.reason) == ("One ", "stop")


def test_format_of_the_text():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    asked = body("responses", response_format=wanted)
    assert built("responses", "chat", asked)["response_format"]["json_schema"]["schema"] == schema
    assert built("responses", "gemini", asked)["generationConfig"]["responseJsonSchema"] == schema
    relayed = built("responses", "responses", asked)
    assert relayed["text"]["format"] == {"type": "json_schema", "name": "n", "schema": schema}
    assert "response_format" not in relayed


def test_stop_strings_over_blocks():
    made = responses_streams
    first, second = made.message_events(0, ["One E"], "msg_0"), made.message_events(2, ["ND two"], "msg_1")
    between = made.reasoning_events(1, ["Hm"])
    asked = request("chat", stop=["END"])
    for parted, expected in ((False, "One "), (True, "One END two")):
        items = [*first, *(between if parted else []), *second]
        output = [item["item"] for item in items if item["type"] == "response.output_item.done"]
        found = streamed("chat", "responses", made.stream([*made.begin(), *items, made.end(*output)]), asked=asked)
        assert found.text == expected


def test_many_stop_strings():
    stops = list("abcdefg")
    for upstream in ("chat", "gemini"):
        for client, name in (("chat", "stop"), ("messages", "stop_sequences")):
            wire = WIRES[upstream]("Ohne Gnade")
            assert (
                streamed(client, upstream, wire, asked=request(client, **{name: ["1", "2", "3", *stops]})).text == "Ohn"
            )
    assert built("chat", "chat", body("chat", stop=stops))["stop"] == stops[:4]
    assert built("messages", "chat", body("messages", stop_sequences=stops))["stop"] == stops[:4]
    assert built("chat", "gemini", body("chat", stop=stops))["generationConfig"]["stopSequences"] == stops[:5]


def test_blank_stop_strings():
    stops = ["\n\n", "END"]
    for client, name in (("chat", "stop"), ("messages", "stop_sequences")):
        assert built(client, "messages", body(client, **{name: stops}))["stop_sequences"] == ["END"]
        assert "stop_sequences" not in built(client, "messages", body(client, **{name: [" "]}))
        wire = WIRES["messages"]("One.\n\nTwo.")
        found = streamed(client, "messages", wire, asked=request(client, **{name: stops}))
        assert (found.text, found.reason) == ("One.", "stop")


def test_several_answers_cut():
    assert "stop strings" in refused("chat", "chat", body("chat", n=2, stop=list("abcde")))
    made = built("chat", "gemini", body("chat", n=2, stop=list("abcdef")))
    assert made["generationConfig"]["candidateCount"] == 2


def test_audio_answers():
    sent = body("chat", modalities=["text", "audio"], audio={"voice": "a", "format": "wav"})
    assert built("chat", "chat", sent)["audio"] == {"voice": "a", "format": "wav"}
    for upstream in others("chat"):
        assert refused("chat", upstream, sent).startswith("audio answers are not supported")


def test_limits_and_hints():
    hints: Json = {"prediction": {"type": "content", "content": "x"}, "max_tool_calls": 2}
    for upstream in others("chat"):
        sent = body("chat", **hints, stream_options={"include_usage": True})
        assert built("chat", upstream, sent) == built("chat", upstream, body("chat"))
    for upstream in others("responses"):
        made = built("responses", upstream, body("responses", max_tool_calls=2))
        assert made == built("responses", upstream, body("responses"))


def test_several_answers():
    assert built("chat", "chat", body("chat", n=2))["n"] == 2
    assert built("chat", "gemini", body("chat", n=2))["generationConfig"]["candidateCount"] == 2
    for upstream, more in (("messages", {}), ("responses", {}), ("gemini", {"stream": True})):
        assert refused("chat", upstream, body("chat", n=2, **more)).startswith("n greater than 1 is not supported")


def test_log_probabilities():
    asked = body("chat", logprobs=True, top_logprobs=2)
    assert built("chat", "messages", asked) == built("chat", "messages", body("chat"))
    assert "message.output_text.logprobs" in built("chat", "responses", asked)["include"]
    assert built("chat", "gemini", asked)["generationConfig"]["logprobs"] == 2


def _cap(upstream: str, made: Json) -> Any:
    if upstream == "gemini":
        return made.get("generationConfig", {}).get("maxOutputTokens")
    return made.get("max_output_tokens" if upstream == "responses" else "max_tokens")


def test_output_cap():
    for client in CLIENTS:
        for upstream in UPSTREAMS:
            name = "max_output_tokens" if client == "responses" else "max_tokens"
            made = built(client, upstream, body(client, **{name: 90000}), max_output_tokens=5000)
            assert _cap(upstream, made) == 5000


def test_no_output_cap():
    assert _cap("messages", built("chat", "messages", body("chat"))) > 0
    assert _cap("messages", built("messages", "messages", body("messages"), max_output_tokens=5000)) == 5000
    for upstream in ("chat", "responses", "gemini"):
        assert _cap(upstream, built("messages", upstream, body("messages"))) is None


def test_small_output_cap():
    assert built("chat", "responses", body("chat", max_tokens=3))["max_output_tokens"] == 16


def test_participants():
    user = {"role": "user", "name": "alice-7", "content": "Hi"}
    for upstream in UPSTREAMS:
        assert ("alice-7" in text(built("chat", upstream, body("chat", messages=[user])))) == (upstream == "chat")
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "plan-9.pdf"}}
    for upstream in UPSTREAMS:
        assert ("plan-9.pdf" in text(built("chat", upstream, said("chat", file)))) == (upstream != "gemini")
