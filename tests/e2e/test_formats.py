"""Every client format over every upstream format, through the whole program, judged by the makers' own SDKs."""

import subprocess
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import orjson
import pytest
from anthropic import Anthropic
from openai import OpenAI
from pydantic import BaseModel

from fakes.upstream import (
    Cut,
    Delay,
    Request,
    ScriptedUpstream,
    chat_body,
    chat_events,
    json_reply,
    named_sse,
    run_in_thread,
    sse,
    stream,
)
from support.citing import answer
from support.four_formats import ALIASES, four_providers
from support.mongo_server import new_database, shared_server
from support.node import NODE_FOLDER, node_program
from support.program import Program
from support.redis_server import RedisServer

FORMATS = ("chat", "messages", "responses", "gemini")
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Provider:
    """A provider that speaks all four formats and says the same in each: text, or one tool call."""

    def __init__(self) -> None:
        self.pieces = ["Hel", "lo."]
        self.calls_tool = False
        self.is_cut = False

    def answer(self, request: Request) -> Any:
        path = request.path.partition("?")[0]
        if path.endswith("/messages"):
            return self._messages(request)
        if path.endswith("/responses"):
            return self._responses(request)
        if ":" in path.rsplit("/", 1)[-1]:
            return self._gemini(path)
        return self._chat(request)

    def _ended(self, events: list[bytes], good: int) -> Any:
        """The stream, or its first ``good`` events and then nothing."""
        return stream([*events[:good], Delay(0.1), Cut()]) if self.is_cut else stream(events)

    def _chat(self, request: Request) -> Any:
        if not request.json().get("stream"):
            return chat_body("".join(self.pieces), usage=USAGE) if not self.calls_tool else json_reply(_CHAT_CALL)
        if not self.calls_tool:
            events = chat_events(self.pieces, usage=USAGE)
            return self._ended(events, 2)
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
        more = {"index": 0, "function": {"arguments": '{"city": "Oslo"}'}}
        deltas: list[Any] = [{"role": "assistant", "tool_calls": [call]}, {"tool_calls": [more]}]
        chunks = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        last = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": USAGE}
        return stream(sse(*chunks, last))

    def _messages(self, request: Request) -> Any:
        usage = {"input_tokens": 11, "output_tokens": 7}
        block: dict[str, Any] = {"type": "text", "text": "".join(self.pieces)}
        if self.calls_tool:
            block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
        reason = "tool_use" if self.calls_tool else "end_turn"
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "model-1", "stop_sequence": None}
        if not request.json().get("stream"):
            return json_reply({**head, "content": [block], "stop_reason": reason, "usage": usage})
        if self.calls_tool:
            start = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in ('{"city": ', '"Oslo"}')]
        else:
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in self.pieces]
        events = named_sse(
            {"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "usage": usage}},
            {"type": "content_block_start", "index": 0, "content_block": start},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        )
        return self._ended(events, 3)

    def _responses(self, request: Request) -> Any:
        usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
        text = "".join(self.pieces)
        part = {"type": "output_text", "text": text, "annotations": []}
        item: dict[str, Any] = {
            "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part],
        }  # fmt: skip
        if self.calls_tool:
            item = {
                "id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "weather",
                "arguments": '{"city": "Oslo"}', "status": "completed",
            }  # fmt: skip
        whole = {
            "id": "resp_1", "object": "response", "created_at": 1, "model": "model-1", "status": "completed",
            "output": [item], "usage": usage, "error": None, "tools": [], "tool_choice": "auto",
            "parallel_tool_calls": True,
        }  # fmt: skip
        if not request.json().get("stream"):
            return json_reply(whole)
        begun = {**whole, "status": "in_progress", "output": [], "usage": None}
        at = {"output_index": 0, "item_id": item["id"]}
        events: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
        if self.calls_tool:
            events += [
                {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
                {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]},
                {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]},
            ]
        else:
            at["content_index"] = 0
            events += [
                {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
                {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
                *({"type": "response.output_text.delta", **at, "delta": piece} for piece in self.pieces),
                {"type": "response.output_text.done", **at, "text": text},
                {"type": "response.content_part.done", **at, "part": part},
            ]
        events += [
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": whole},
        ]
        return self._ended(named_sse(*({**event, "sequence_number": n} for n, event in enumerate(events))), 4)

    def _gemini(self, path: str) -> Any:
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        parts: list[dict[str, Any]] = [{"text": piece} for piece in self.pieces]
        if self.calls_tool:
            parts = [{"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}]

        def chunk(given: list[dict[str, Any]], reason: str | None = None) -> dict[str, Any]:
            candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": given}}
            if reason is not None:
                candidate["finishReason"] = reason
            return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "model-1"}

        if path.endswith(":generateContent"):
            return json_reply(chunk(parts, "STOP"))
        chunks = [chunk([part]) for part in parts]
        chunks[-1] = chunk([parts[-1]], "STOP")
        return self._ended(sse(*chunks, done=False), 1)


_CHAT_CALL = {
    "id": "chatcmpl-1",
    "created": 1,
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                    }
                ],
            },
        }
    ],
    "usage": USAGE,
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        yield server


@pytest.fixture
def provider(upstream: ScriptedUpstream) -> Provider:
    provider = Provider()
    upstream.script = provider.answer
    return provider


@pytest.fixture(scope="module")
def program(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, redis_server: RedisServer
) -> Iterator[Program]:
    database = new_database()
    limits = {
        "daily_success_limit": 100000,
        "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 100}],
    }
    sections = {
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis_server.url, "prefix": database[-16:]},
        "limits": limits,
        **four_providers(upstream.url),
    }
    models = [
        {"id": f"{name}/one", "upstream_model": "model-1", "max_output_tokens": 4096, "supports_tools": True}
        for name in FORMATS
    ]
    program = Program(tmp_path_factory.mktemp("formats"), sections, models)
    program.start()
    yield program
    program.stop()


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    return program.issue_key("polyglot")


@pytest.fixture
def openai_client(program: Program, key: str) -> Iterator[OpenAI]:
    with OpenAI(api_key=key, base_url=program.base_url, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def anthropic_client(program: Program, key: str) -> Iterator[Anthropic]:
    with Anthropic(api_key=key, base_url=program.url, max_retries=0, timeout=20) as client:
        yield client


HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
CHAT_TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": TOOL}}]
FLAT_TOOLS: list[Any] = [{"type": "function", "name": "weather", "parameters": TOOL}]
MESSAGES_TOOLS: list[Any] = [{"name": "weather", "input_schema": TOOL}]


@pytest.mark.parametrize("alias", ALIASES)
class TestChatClients:
    def test_text(self, openai_client: OpenAI, provider: Provider, alias: str) -> None:
        plain = openai_client.chat.completions.create(model=alias, messages=HELLO)
        assert plain.choices[0].message.content == "Hello."
        assert (plain.model, plain.choices[0].finish_reason) == (alias, "stop")
        assert plain.usage is not None
        assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (11, 7)
        with openai_client.chat.completions.stream(
            model=alias, messages=HELLO, stream_options={"include_usage": True}
        ) as running:
            running.until_done()
            final = running.get_final_completion()
        assert final.choices[0].message.content == "Hello."
        assert final.usage is not None
        assert final.usage.total_tokens == 18

    def test_tool_round_trip(
        self, openai_client: OpenAI, provider: Provider, upstream: ScriptedUpstream, alias: str
    ) -> None:
        provider.calls_tool = True
        with openai_client.chat.completions.stream(model=alias, messages=HELLO, tools=CHAT_TOOLS) as running:
            running.until_done()
            message = running.get_final_completion().choices[0].message
        assert message.tool_calls is not None
        (call,) = message.tool_calls
        assert (call.function.name, orjson.loads(call.function.arguments)) == ("weather", {"city": "Oslo"})
        provider.calls_tool = False
        history = [*HELLO, message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
        final = openai_client.chat.completions.create(model=alias, messages=history, tools=CHAT_TOOLS)
        assert final.choices[0].message.content == "Hello."
        assert b"rain" in upstream.requests[-1].body

    def test_a_cut_stream_raises(self, openai_client: OpenAI, provider: Provider, alias: str) -> None:
        provider.is_cut = True
        with pytest.raises(openai.APIError) as raised:
            list(openai_client.chat.completions.create(model=alias, messages=HELLO, stream=True))
        assert raised.value.type == "provider_error"


@pytest.mark.parametrize("alias", ALIASES)
class TestMessagesClients:
    def test_text(self, anthropic_client: Anthropic, provider: Provider, alias: str) -> None:
        plain = anthropic_client.messages.create(model=alias, messages=HELLO, max_tokens=100)
        assert [block.text for block in plain.content if block.type == "text"] == ["Hello."]
        assert (plain.model, plain.stop_reason) == (alias, "end_turn")
        assert (plain.usage.input_tokens, plain.usage.output_tokens) == (11, 7)
        with anthropic_client.messages.stream(model=alias, messages=HELLO, max_tokens=100) as running:
            assert "".join(running.text_stream) == "Hello."
            final = running.get_final_message()
        assert final.stop_reason == "end_turn"
        assert (final.usage.input_tokens, final.usage.output_tokens) == (11, 7)

    def test_tool_round_trip(
        self, anthropic_client: Anthropic, provider: Provider, upstream: ScriptedUpstream, alias: str
    ) -> None:
        provider.calls_tool = True
        options: dict[str, Any] = {"model": alias, "max_tokens": 100, "tools": MESSAGES_TOOLS}
        with anthropic_client.messages.stream(messages=HELLO, **options) as running:
            message = running.get_final_message()
        (call,) = [block for block in message.content if block.type == "tool_use"]
        assert (call.name, call.input, message.stop_reason) == ("weather", {"city": "Oslo"}, "tool_use")
        provider.calls_tool = False
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
        history: list[Any] = [
            *HELLO,
            {"role": "assistant", "content": [block.to_dict() for block in message.content]},
            {"role": "user", "content": [result]},
        ]
        final = anthropic_client.messages.create(messages=history, **options)
        assert final.content[-1].type == "text"
        assert b"rain" in upstream.requests[-1].body

    def test_a_cut_stream_raises(self, anthropic_client: Anthropic, provider: Provider, alias: str) -> None:
        provider.is_cut = True
        with (
            pytest.raises(anthropic.APIError) as raised,
            anthropic_client.messages.stream(model=alias, messages=HELLO, max_tokens=100) as running,
        ):
            running.get_final_message()
        assert "Error id:" in str(raised.value)

    def test_tokens_are_counted(self, anthropic_client: Anthropic, provider: Provider, alias: str) -> None:
        counted = anthropic_client.messages.count_tokens(model=alias, messages=HELLO)
        assert counted.input_tokens > 0


def _without_parsed(item: Any) -> dict[str, Any]:
    """An output item as a client sends it back: what the SDK has added is not the wire's."""
    return {name: value for name, value in item.to_dict().items() if name != "parsed_arguments"}


@pytest.mark.parametrize("alias", ALIASES)
class TestResponsesClients:
    def test_text(self, openai_client: OpenAI, provider: Provider, alias: str) -> None:
        plain = openai_client.responses.create(model=alias, input="Say hello.")
        assert (plain.output_text, plain.model, plain.status) == ("Hello.", alias, "completed")
        assert plain.usage is not None
        assert (plain.usage.input_tokens, plain.usage.output_tokens) == (11, 7)
        with openai_client.responses.stream(model=alias, input="Say hello.") as running:
            running.until_done()
            final = running.get_final_response()
        assert final.output_text == "Hello."
        assert final.usage is not None
        assert final.usage.total_tokens == 18

    def test_tool_round_trip(
        self, openai_client: OpenAI, provider: Provider, upstream: ScriptedUpstream, alias: str
    ) -> None:
        provider.calls_tool = True
        with openai_client.responses.stream(model=alias, input="Weather?", tools=FLAT_TOOLS) as running:
            running.until_done()
            response = running.get_final_response()
        (call,) = [item for item in response.output if item.type == "function_call"]
        assert (call.name, orjson.loads(call.arguments)) == ("weather", {"city": "Oslo"})
        provider.calls_tool = False
        history: list[Any] = [
            {"role": "user", "content": "Weather?"},
            *(
                {key: value for key, value in item.to_dict().items() if key != "parsed_arguments"}
                for item in response.output
            ),
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"},
        ]
        final = openai_client.responses.create(model=alias, input=history, tools=FLAT_TOOLS)
        assert final.output_text == "Hello."
        assert b"rain" in upstream.requests[-1].body

    def test_a_cut_stream_fails(self, openai_client: OpenAI, provider: Provider, alias: str) -> None:
        provider.is_cut = True
        seen = []
        with pytest.raises(openai.APIError) as raised:
            for event in openai_client.responses.create(model=alias, input="Say hello.", stream=True):
                seen.append(event.type)
        assert "response.failed" in seen
        assert "response.completed" not in seen
        assert raised.value.type == "provider_error"


LINKS = [("https://a.example/0", "T0"), ("https://a.example/1", "T1")]


@pytest.mark.parametrize("alias", ALIASES)
def test_links_that_an_answer_cites_are_read(
    openai_client: OpenAI, anthropic_client: Anthropic, upstream: ScriptedUpstream, alias: str
) -> None:
    spoken = alias.partition("/")[0]

    def script(request: Request) -> Any:
        is_stream = request.json().get("stream") or "streamGenerate" in request.path
        data = answer(spoken, ["Grüße. ", "Bye."], is_plain=not is_stream)
        return stream([data]) if is_stream else json_reply(orjson.loads(data))

    upstream.script = script
    with openai_client.chat.completions.stream(model=alias, messages=HELLO) as chat_stream:
        streamed = chat_stream.get_final_completion()
    for completion in (openai_client.chat.completions.create(model=alias, messages=HELLO), streamed):
        message = completion.choices[0].message
        links = [note.url_citation for note in message.annotations or ()]
        assert [(link.url, link.title) for link in links] == LINKS
        assert [(message.content or "")[link.start_index : link.end_index] for link in links] == ["Grüße. ", "Bye."]
    with openai_client.responses.stream(model=alias, input="Hi") as response_stream:
        told = [event.annotation for event in response_stream if event.type == "response.output_text.annotation.added"]
        final = response_stream.get_final_response()
    assert len(told) == len(LINKS)
    for response in (openai_client.responses.create(model=alias, input="Hi"), final):
        parts = [part for item in response.output for part in (item.content if item.type == "message" else ())]
        notes = [note for part in parts for note in part.annotations if part.type == "output_text"]
        assert [(note.url, note.title) for note in notes if note.type == "url_citation"] == LINKS
    options: dict[str, Any] = {"model": alias, "max_tokens": 100}
    with anthropic_client.messages.stream(messages=HELLO, **options) as running:
        said = running.get_final_message()
    for answered in (anthropic_client.messages.create(messages=HELLO, **options), said):
        blocks = [block for block in answered.content if block.type == "text"]
        assert [(link.url, link.title) for block in blocks for link in block.citations or ()] == LINKS
    turns = [*HELLO, {"role": "assistant", "content": [block.to_dict() for block in said.content]}, *HELLO]
    for other in ALIASES:
        spoken = other.partition("/")[0]
        assert anthropic_client.messages.create(model=other, max_tokens=100, messages=turns).content
        assert b"fta1" not in upstream.requests[-1].body, "a link that no provider made goes to none"


class Place(BaseModel):
    """What the structured answers below are parsed into."""

    city: str


@pytest.mark.parametrize("alias", ALIASES)
def test_structured_answers_are_parsed(
    openai_client: OpenAI, anthropic_client: Anthropic, provider: Provider, upstream: ScriptedUpstream, alias: str
) -> None:
    provider.pieces = ['{"city": ', '"Oslo"}']
    chat = openai_client.chat.completions.parse(model=alias, messages=HELLO, response_format=Place)
    assert chat.choices[0].message.parsed == Place(city="Oslo")
    assert b"city" in upstream.requests[-1].body, "the schema reaches the provider in every format"
    responses = openai_client.responses.parse(model=alias, input="Where?", text_format=Place)
    assert responses.output_parsed == Place(city="Oslo")
    assert b"city" in upstream.requests[-1].body
    messages = anthropic_client.messages.parse(model=alias, messages=HELLO, max_tokens=100, output_format=Place)
    assert messages.parsed_output == Place(city="Oslo")
    assert b"city" in upstream.requests[-1].body


def test_a_messages_error_has_both_shapes(anthropic_client: Anthropic, openai_client: OpenAI) -> None:
    with pytest.raises(anthropic.BadRequestError) as raised:
        anthropic_client.messages.create(model="nobody/here", messages=HELLO, max_tokens=10)
    body: Any = raised.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"
    assert body["request_id"].startswith("req_")
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client.responses.create(model="chat/one", input="x", previous_response_id="resp_1")
    assert "previous_response_id" in refused.value.message


@pytest.fixture(scope="module")
def node() -> str:
    """Node.js with the makers' SDKs beside it."""
    return node_program()


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("text", {name: ["Hello.", "Hello.", 18] for name in ("chat", "messages", "responses")}),
        (
            "tool",
            {
                "chat": ["weather", "Oslo", "tool_calls"],
                "messages": ["weather", "Oslo", "tool_use"],
                "responses": ["weather", "Oslo", "completed"],
            },
        ),
        ("cut", {name: ["APIError", True] for name in ("chat", "messages", "responses")}),
    ],
)
def test_the_javascript_sdks_agree(
    node: str, program: Program, key: str, provider: Provider, scenario: str, expected: dict[str, Any]
) -> None:
    provider.calls_tool, provider.is_cut = scenario == "tool", scenario == "cut"
    done = subprocess.run(
        [node, "judge.mjs", program.url, key, scenario, *ALIASES],
        cwd=NODE_FOLDER, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    results = orjson.loads(done.stdout)
    assert results == {f"{name} <- {alias}": expected[name] for alias in ALIASES for name in expected}
