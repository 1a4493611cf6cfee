"""Rows of ``docs/translation.md`` on tools, stored content and identities: each test shows the row of its name."""

import re
from functools import partial

import orjson

from freetheai.wire import responses
from freetheai.wire.chat.parse import parse
from freetheai.wire.formats import Quirks, Target
from support import chat_streams, messages_streams, responses_streams
from support.bodies import Json, body, built, chat_call, function, others, refused, text
from support.pairs import CLIENTS, UPSTREAMS, opened, request, run, streamed
from support.responses_rules import check_responses_stream


def test_stored_content():
    for name in ("previous_response_id", "conversation", "prompt"):
        assert "send the whole input" in refused("responses", "responses", body("responses", **{name: "x"}))
    assert "send the whole input" in refused("responses", "chat", body("responses", background=True))
    reference = body("responses", input=[{"type": "item_reference", "id": "msg_1"}])
    assert "send the whole input" in refused("responses", "chat", reference)


def test_store():
    assert built("responses", "responses", body("responses", store=True))["store"] is False
    wire = responses_streams.stream([responses_streams.end(responses_streams.message("Hi"))])
    for upstream in ("responses", "chat"):
        sent = wire if upstream == "responses" else chat_streams.stream(chat_streams.chunk({"content": "Hi"}, "stop"))
        out = run(opened("responses", upstream, request("responses", store=True)), [sent])
        assert check_responses_stream(out).response["store"] is False


def test_thread():
    assert "whole history" in refused("messages", "messages", body("messages", thread={"id": "t"}))


def test_mcp_servers():
    assert "mcp_servers" in refused("messages", "messages", body("messages", mcp_servers=[{"url": "https://a"}]))


HOSTED: dict[str, list[Json]] = {
    "chat": [{"type": "web_search"}, function("get")],
    "messages": [{"type": "web_search_20250305", "name": "web_search"}, {"name": "get", "input_schema": {}}],
    "responses": [{"type": "web_search"}, {"type": "function", "name": "get"}],
}


def test_hosted_tools():
    for client, tools in HOSTED.items():
        for upstream in others(client):
            sent = text(built(client, upstream, body(client, tools=tools)))
            assert '"get"' in sent
            assert "web_search" not in sent


def test_hosted_tool_forced():
    choices: Json = {
        "chat": {"type": "web_search"},
        "messages": {"type": "tool", "name": "web_search"},
        "responses": {"type": "web_search"},
    }
    for client, tools in HOSTED.items():
        for upstream in others(client):
            message = refused(client, upstream, body(client, tools=tools, tool_choice=choices[client]))
            assert "tool_choice" in message


def test_hosted_history():
    items = [{"type": "web_search_call", "id": "ws_1", "status": "completed"}, {"role": "user", "content": "Hi"}]
    for upstream in others("responses"):
        assert "ws_1" not in text(built("responses", upstream, body("responses", input=items)))


def test_local_calls():
    items = [
        {"role": "user", "content": "Hi"},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "action": {"command": ["ls"]}},
        {"type": "local_shell_call_output", "id": "c1", "call_id": "c1", "output": "a.txt"},
    ]
    for upstream in others("responses"):
        sent = text(built("responses", upstream, body("responses", input=items)))
        for words in ('"local_shell"', "command", "ls", "a.txt"):
            assert words in sent
    assert built("responses", "responses", body("responses", input=items))["input"] == items


def test_compaction():
    items = [{"role": "user", "content": "Hi"}, {"type": "compaction", "encrypted_content": "OPAQUE"}]
    for upstream in others("responses"):
        sent = built("responses", upstream, body("responses", input=items, truncation="auto"))
        assert sent == built("responses", upstream, body("responses", input=items[:1]))


def test_told_history():
    found = {"type": "web_search_result", "title": "Rome", "url": "https://rome.example"}
    blocks = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "capital"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [found]},
    ]
    turns = [*body("messages")["messages"], {"role": "assistant", "content": blocks}, {"role": "user", "content": "?"}]
    for upstream in others("messages"):
        sent = text(built("messages", upstream, body("messages", messages=turns)))
        assert "capital" in sent
        assert "https://rome.example" in sent


def test_defined_tools():
    kinds = {
        "bash_20250124": "restart",
        "text_editor_20250728": "old_str",
        "computer_20250124": "coordinate",
        "memory_20250818": "old_path",
    }
    for kind, member in kinds.items():
        tools = [{"type": kind, "name": "it"}]
        for upstream in others("messages"):
            assert f'"{member}":' in text(built("messages", upstream, body("messages", tools=tools)))


def test_custom_tools():
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: A"}
    tools = [{"type": "custom", "name": "patch", "description": "Patches.", "format": grammar}]
    for upstream in others("responses"):
        sent = text(built("responses", upstream, body("responses", tools=tools)))
        assert '"properties":{"input":{"type":"string"}}' in sent
        assert "start: A" in sent
    limited = built("responses", "responses", body("responses", tools=tools), Quirks(only_functions=True))
    assert limited["tools"][0]["type"] == "function"
    out = run(
        opened("responses", "chat", request("responses", tools=tools)), [chat_call("patch", '{"input":"*** Begin"}')]
    )
    item = check_responses_stream(out).response["output"][0]
    assert (item["type"], item["input"]) == ("custom_tool_call", "*** Begin")


def test_namespaces():
    tools = [{"type": "namespace", "name": "files", "tools": [{"type": "function", "name": "read"}]}]
    for upstream in others("responses"):
        assert '"files__read"' in text(built("responses", upstream, body("responses", tools=tools)))
    out = run(opened("responses", "chat", request("responses", tools=tools)), [chat_call("files__read", "{}")])
    item = check_responses_stream(out).response["output"][0]
    assert (item["name"], item["namespace"]) == ("read", "files")


def test_tool_names():
    name = "my tool/" + "x" * 80
    for upstream in others("chat"):
        sent = text(built("chat", upstream, body("chat", tools=[function(name)])))
        assert name not in sent
        assert re.search(r'"my_tool_x+_[0-9a-f]{8}"', sent)
    short = built("chat", "messages", body("chat", tools=[function(name)]))["tools"][0]["name"]
    assert len(short) <= 64
    wire = messages_streams.stream(
        messages_streams.start(), messages_streams.call(0, "t", short, "{}"), messages_streams.end("tool_use")
    )
    assert streamed("chat", "messages", wire, asked=request("chat", tools=[function(name)])).calls == [(name, {})]


def test_functions():
    sent = body("chat", functions=[{"name": "get"}], function_call={"name": "get"})
    for upstream in UPSTREAMS:
        made = built("chat", upstream, sent)
        assert "tools" in made
        assert "functions" not in made
    asked = CLIENTS["chat"].parse(orjson.dumps(sent | {"stream": True}))
    out = run(opened("chat", "chat", asked), [chat_call("get", "{}")])
    assert b'"function_call":{"name":"get"' in out
    assert b'"finish_reason":"function_call"' in out


def test_input_on_chat():
    read = partial(parse, read_input=responses.read_input)
    asked = read(orjson.dumps(body("responses", tools=[{"type": "function", "name": "get"}], stream=True)))
    sent = orjson.loads(UPSTREAMS["chat"].rewrite(asked, Target(model="m"), Quirks()))
    assert sent["messages"] == [{"role": "user", "content": "Hi"}]
    found = streamed("chat", "chat", chat_call("get", '{"a":1}'), asked=asked)
    assert found.calls == [("get", {"a": 1})]
