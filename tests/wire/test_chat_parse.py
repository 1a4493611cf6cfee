"""Requests as chat clients send them: what is read, what is tolerated, what is refused and in which words."""

from typing import Any

import orjson
import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.chat.parse import parse
from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    OutputFormat,
    Reasoning,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    Turn,
)

USER = {"role": "user", "content": "Hi"}


def read(*messages: Any, **more: Any) -> ChatRequest:
    return parse(orjson.dumps({"model": "a/b", "messages": list(messages) or [USER], **more}))


def refusal(data: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse(data)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"x"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"model":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"a":' * 100_000, id="nested deep"),
        pytest.param(b'{"a":1e999}', id="an endless number"),
        pytest.param(b'{"a":NaN}', id="NaN"),
    ],
)
def test_what_is_no_json_object(data):
    error = refusal(data)
    assert error.spec is errors.INVALID_JSON
    assert error.message.startswith("invalid json payload")


@pytest.mark.parametrize("model", [None, "", "  ", "[1m]"])
def test_a_missing_model(model):
    error = refusal(orjson.dumps({"model": model, "messages": [USER]}))
    assert error.message == "missing model"
    assert refusal(orjson.dumps({"messages": [USER]})).message == "missing model"


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": None}, {"input": "Hi"}, {"prompt": "Hi"}])
def test_a_missing_prompt(body):
    assert refusal(orjson.dumps({"model": "a/b", **body})).message == "missing prompt"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": 5}, "model must be a string"),
        ({"messages": "Hi"}, "messages must be an array"),
        ({"messages": ["Hi"]}, "messages[0] must be an object"),
        ({"messages": [{"content": "x"}]}, "messages[0].role must be one of"),
        ({"messages": [USER, {"role": "narrator", "content": "x"}]}, "messages[1].role must be one of"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content must be a string or an array"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0] must be a content part"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url must be an https URL or a data URL",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[0].content[0]: file ids are not supported",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls must be an array"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}]},
            "messages[0].tool_calls[0].function.name must be",
        ),
        ({"max_tokens": 0}, "max_tokens must be an integer of at least 1"),
        ({"max_tokens": -1}, "max_tokens must be an integer of at least 1"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens must be an integer"),
        ({"max_tokens": True}, "max_tokens must be an integer"),
        ({"max_tokens": 1.5}, "max_tokens must be an integer"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"stream": "yes"}, "stream must be true or false"),
        ({"stream_options": []}, "stream_options must be an object"),
        ({"stop": [1]}, "stop must be a string or an array of strings"),
        ({"n": 0}, "n must be an integer of at least 1"),
        ({"tools": {}}, "tools must be an array"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name must be the name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tool_choice": "maybe"}, "tool_choice must be auto, none, required"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": 1}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_a_wrong_field_is_named(body, words):
    error = refusal(orjson.dumps({"model": "a/b", "messages": [USER], **body}))
    assert error.spec is errors.INVALID_REQUEST
    assert error.message.startswith(words)


@pytest.mark.parametrize(
    ("sent", "model"),
    [(" a/b ", "a/b"), ("a/b[1m]", "a/b"), ("a/b [1M] ", "a/b"), ("a/b:free", "a/b:free"), ("a/b/c", "a/b/c")],
)
def test_the_alias_is_trimmed(sent, model):
    assert read(model=sent).model == model


def test_marks_of_other_encoders_are_tolerated():
    body = orjson.dumps({"model": "a/b", "messages": [{"role": "user", "content": "X"}]})
    request = parse(b"\xef\xbb\xbf\n" + body.replace(b'"X"', b'"\\ud83d \\ud83d\\ude00"'))
    assert request.turns == [Turn("user", [TextPart("\ufffd \U0001f600")])]
    assert orjson.dumps(request.body)


def test_null_is_not_said_and_unknown_fields_are_kept():
    names = ("temperature", "top_p", "max_tokens", "stop", "tools", "tool_choice", "stream", "n", "seed", "functions")
    request = read(**dict.fromkeys(names), min_p=0.1, stream_options=None, response_format=None, metadata={"a": "b"})
    assert (request.temperature, request.max_tokens, request.stop, request.tools) == (None, None, [], [])
    assert (request.stream, request.n, request.include_usage, request.output) == (False, 1, False, OutputFormat())
    assert request.extra == {"min_p": 0.1, "metadata": {"a": "b"}}
    assert request.body["min_p"] == 0.1


def test_numbers_are_read_as_they_are():
    request = read(max_tokens=100.0, max_completion_tokens=7, temperature=1, seed=3, top_k=40, stop=["a", "", "b"])
    assert (request.max_tokens, request.temperature, request.seed, request.top_k) == (7, 1, 3, 40)
    assert request.stop == ["a", "b"]
    assert read(stop="x").stop == ["x"]


def test_a_literal_extra_body_is_laid_under_the_rest():
    request = read(extra_body={"top_k": 3, "model": "no"})
    assert (request.model, request.top_k) == ("a/b", 3)


def test_system_messages_lead_or_stand_in_the_middle():
    request = read(
        {"role": "system", "content": "A"},
        {"role": "developer", "content": [{"type": "text", "text": "B"}]},
        USER,
        {"role": "system", "content": "C"},
        {"role": "model", "content": "D"},
    )
    assert [part.text for part in request.system] == ["A", "B"]
    assert [(turn.role, turn.parts) for turn in request.turns] == [
        ("user", [TextPart("Hi")]),
        ("system", [TextPart("C")]),
        ("assistant", [TextPart("D")]),
    ]


@pytest.mark.parametrize("role", ["assistant", "model", "bot", "ai", " Assistant "])
def test_names_of_the_assistant(role):
    assert read({"role": role, "content": "x"}).turns[0].role == "assistant"


@pytest.mark.parametrize(
    "content", [None, "", [], [{"type": "text", "text": ""}], [{"type": "text", "text": None}], [""]]
)
def test_empty_content(content):
    assert read({"role": "user", "content": content}).turns == [Turn("user", [])]


def test_parts():
    video = {"type": "video_url", "video_url": {"url": "https://x/v.mp4"}}
    request = read(
        {
            "role": "user",
            "content": [
                "bare",
                {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": "https://x/i.png"},
                {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,QUJD", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}},
                video,
            ],
        }
    )
    assert request.turns[0].parts == [
        TextPart("bare"),
        TextPart("t", {"type": "ephemeral"}),
        ImagePart(url="https://x/i.png"),
        ImagePart("image/png", "QUJD", detail="low"),
        AudioPart("QUJD", "mp3"),
        FilePart("application/pdf", "QUJD", name="a.pdf"),
        OpaquePart("video_url", video),
    ]


def test_calls_and_results_are_grouped():
    request = read(
        USER,
        {
            "role": "assistant",
            "content": None,
            "refusal": "r",
            "reasoning_content": "hm",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "fta1.x.y"}],
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": {"x": 1}}},
                {"id": "c", "type": "custom", "custom": {"name": "p", "input": "raw"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}], "name": "g"},
        {"role": "user", "content": "and?"},
        {"role": "user", "content": "well?"},
    )
    assert request.turns[1].parts == [
        ThinkingPart("hm", "fta1.x.y"),
        RefusalPart("r"),
        ToolCallPart("a", "f", "{}"),
        ToolCallPart("b", "g", '{"x":1}'),
        ToolCallPart("c", "p", "raw", custom=True),
    ]
    assert request.turns[2].parts == [
        ToolResultPart("a", [TextPart("1")]),
        ToolResultPart("b", [TextPart("2")], name="g"),
        TextPart("and?"),
    ]
    assert request.turns[3] == Turn("user", [TextPart("well?")])


def test_functions_are_tools():
    request = read(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x":1}'}},
        {"role": "function", "name": "f", "content": "1"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    assert request.turns[1].parts == [ToolCallPart("call_fn_1", "f", '{"x":1}')]
    assert request.turns[2].parts == [ToolResultPart("call_fn_1", [TextPart("1")], name="f")]
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.tool_choice == ToolChoice(mode="named", names=("f",))


def test_tools_of_all_kinds():
    request = read(
        tools=[
            {"type": "function", "function": {"name": "f", "description": "d", "strict": True}},
            {"type": "function", "name": "flat", "parameters": {"type": "object"}},
            {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
            {"type": "web_search"},
        ]
    )
    assert [(tool.name, tool.custom, tool.strict) for tool in request.tools] == [
        ("f", False, True),
        ("flat", False, None),
        ("c", True, None),
    ]
    assert [(tool.kind, tool.name) for tool in request.hosted_tools] == [("web_search", "web_search")]


@pytest.mark.parametrize(
    ("sent", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ("any", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", names=("f",))),
        ({"type": "function", "name": "f"}, ToolChoice(mode="named", names=("f",))),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice(mode="named", names=("c",))),
        ({"type": "web_search"}, ToolChoice(mode="named", names=("web_search",))),
        ({"type": "auto"}, ToolChoice(mode="auto")),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"function": {"name": "f"}}]}},
            ToolChoice(mode="allowed", names=("f",), must=True),
        ),
    ],
)
def test_tool_choices(sent, choice):
    assert read(tool_choice=sent).tool_choice == choice


@pytest.mark.parametrize(
    ("sent", "reasoning"),
    [
        ({}, Reasoning()),
        ({"reasoning_effort": "high"}, Reasoning(effort="high")),
        ({"reasoning_effort": None}, Reasoning()),
        ({"reasoning_effort": "extreme"}, Reasoning()),
        ({"reasoning": {"effort": "low"}}, Reasoning(effort="low")),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning(budget_tokens=2000)),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, Reasoning(enabled=True, budget_tokens=5)),
        ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
        ({"thinking": {"type": "adaptive"}}, Reasoning(adaptive=True)),
        ({"enable_thinking": False}, Reasoning(enabled=False)),
        ({"chat_template_kwargs": {"enable_thinking": True}}, Reasoning(enabled=True)),
    ],
)
def test_ways_to_speak_of_thinking(sent, reasoning):
    assert read(**sent).reasoning == reasoning


def test_structured_output():
    schema = {"type": "object"}
    sent = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    assert read(response_format=sent).output == OutputFormat(kind="json_schema", name="n", schema=schema, strict=True)
    assert read(response_format={"type": "json_object"}).output.kind == "json_object"
    assert read(response_format={"type": "grammar", "grammar": "x"}).output.kind == "text"


def test_a_responses_shaped_body_is_read_by_the_reader_given():
    seen: list[dict[str, Any]] = []

    def reader(body: dict[str, Any]) -> ChatRequest:
        seen.append(body)
        return ChatRequest(format="responses", body=body, model="x", turns=[Turn("user", [TextPart("Hi")])])

    request = parse(orjson.dumps({"model": "a/b[1m]", "input": "Hi"}), reader)
    assert (request.format, request.model) == ("chat", "a/b")
    assert seen[0]["input"] == "Hi"
    assert parse(orjson.dumps({"model": "a/b", "input": "Hi", "messages": [USER]}), reader).turns
    assert len(seen) == 1
