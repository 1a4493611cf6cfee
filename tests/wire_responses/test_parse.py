"""What a Responses client may send, and what it is told where it may not."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.errors import ApiError
from freetheai.wire import responses
from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    RedactedPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    Turn,
)

CODEX = (Path(__file__).parent / "codex_request.json").read_bytes()


def parsed(**body: Any) -> ChatRequest:
    return responses.CLIENT.parse(orjson.dumps({"model": "pre/alias", "input": "Hi"} | body))


def turns(*items: Any) -> list[Turn]:
    return parsed(input=list(items)).turns


def complaint(**body: Any) -> str:
    with pytest.raises(ApiError) as raised:
        parsed(**body)
    assert raised.value.status == 400
    return raised.value.message


def user(*parts: Any) -> list[Turn]:
    return [Turn("user", list(parts))]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({"role": "user", "content": "Hi"}, user(TextPart("Hi")), id="easy message without type"),
        pytest.param(
            {"type": "message", "id": "m", "status": "completed", "role": "user", "content": "Hi"},
            user(TextPart("Hi")),
            id="message with id and status",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "text", "text": "b"}, "c"]},
            user(TextPart("a"), TextPart("b"), TextPart("c")),
            id="parts of all spellings",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,QUJD"}]},
            user(ImagePart("image/png", "QUJD")),
            id="image in a data URL",
        ),
        pytest.param(
            {
                "role": "user",
                "content": [{"type": "input_image", "image_url": "https://a/b.png", "detail": "low", "file_id": None}],
            },
            user(ImagePart(url="https://a/b.png", detail="low")),
            id="image by URL",
        ),
        pytest.param(
            {
                "role": "user",
                "content": [
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="}
                ],
            },
            user(FilePart("application/pdf", "QQ==", name="a.pdf")),
            id="file",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "input_file", "file_url": "https://a/b.pdf"}]},
            user(FilePart(url="https://a/b.pdf")),
            id="file by URL",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}}]},
            user(AudioPart("QQ==", "mp3")),
            id="audio",
        ),
        pytest.param(
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": []},
                    {"type": "refusal", "refusal": "b"},
                ],
            },
            [Turn("assistant", [TextPart("a"), RefusalPart("b")])],
            id="output message sent back",
        ),
        pytest.param(
            {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]},
            [Turn("assistant", [ThinkingPart("t")])],
            id="raw reasoning",
        ),
        pytest.param(
            {"type": "reasoning", "summary": [{"text": "a"}, {"text": "b"}], "encrypted_content": "E"},
            [Turn("assistant", [ThinkingPart("a\n\nb", "E")])],
            id="summary and encrypted content",
        ),
        pytest.param({"type": "reasoning", "summary": [], "encrypted_content": None}, [], id="reasoning without words"),
        pytest.param(
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
            [Turn("assistant", [ToolCallPart("c", "f", "{}")])],
            id="call without arguments",
        ),
        pytest.param(
            {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "namespace": "ns", "arguments": "{}"},
            [Turn("assistant", [ToolCallPart("c", "f", "{}", namespace="ns")])],
            id="call of a namespaced tool",
        ),
        pytest.param(
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_image", "image_url": "https://a"}],
            },
            user(ToolResultPart("c", [ImagePart(url="https://a")])),
            id="output in parts",
        ),
        pytest.param(
            {"type": "function_call_output", "call_id": "c", "output": {"content": "done", "success": True}},
            user(ToolResultPart("c", [TextPart("done")])),
            id="output as an object with content",
        ),
        pytest.param(
            {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
            user(ToolResultPart("c", [TextPart("x")], custom=True)),
            id="output of a tool of free text",
        ),
        pytest.param(
            {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}},
            [Turn("assistant", [ToolCallPart("c", "local_shell", '{"type":"exec","command":["ls"]}')])],
            id="local shell call",
        ),
        pytest.param(
            {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a", "stderr": ""}]},
            user(ToolResultPart("c", [TextPart('[{"stdout":"a","stderr":""}]')])),
            id="shell output of its own shape",
        ),
        pytest.param({"type": "web_search_call", "id": "w"}, [], id="call of a hosted tool"),
        pytest.param({"type": "compaction", "encrypted_content": "E"}, [], id="compaction"),
    ],
)
def test_items(item, expected):
    assert turns(item) == expected


def test_neighbours_are_one_turn():
    found = turns(
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]},
        {"role": "assistant", "content": "a"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "d", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"type": "function_call_output", "call_id": "d", "output": "2"},
        {"role": "user", "content": "and"},
        {"role": "user", "content": "more"},
    )
    assert [turn.role for turn in found] == ["user", "assistant", "user", "user"]
    assert [type(part) for part in found[1].parts] == [ThinkingPart, TextPart, ToolCallPart, ToolCallPart]
    assert [type(part) for part in found[2].parts] == [ToolResultPart, ToolResultPart, TextPart]


def test_system_text_leads_or_stays_in_place():
    request = parsed(
        instructions="one",
        input=[
            {"role": "developer", "content": "two"},
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "three"},
        ],
    )
    assert request.system == [TextPart("one"), TextPart("two")]
    assert request.turns == [Turn("user", [TextPart("Hi")]), Turn("system", [TextPart("three")])]


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        ({"input": None}, "missing prompt"),
        ({"input": ""}, "missing prompt"),
        ({"input": []}, "missing prompt"),
        ({"model": None}, "missing model"),
        ({"input": {"role": "user"}}, "unsupported responses input shape"),
        ({"input": 5}, "unsupported responses input shape"),
        ({"input": ["Hi"]}, "unsupported responses input shape: input[0]"),
        ({"input": [{"type": "odd"}]}, "unsupported responses input shape: input[0] has the unknown type 'odd'"),
        ({"input": [{"content": "Hi"}]}, "unsupported responses input shape: input[0]"),
        ({"input": [{"role": "wizard", "content": "Hi"}]}, "unsupported responses input shape: input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "odd"}]}]}, "unsupported responses input shape: input[0]."),
        ({"input": [{"role": "user", "content": 5}]}, "unsupported responses input shape: input[0].content"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]: item_reference is not supported"),
        ({"input": [{"type": None, "id": "x"}]}, "input[0]: item_reference is not supported"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0]: file ids",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input[0].content[0]: file ids",
        ),
        ({"previous_response_id": "resp_1"}, "previous_response_id is not supported"),
        ({"conversation": "conv_1"}, "conversation is not supported"),
        ({"background": True}, "background is not supported"),
        ({"prompt": {"id": "p"}}, "prompt is not supported"),
        ({"max_output_tokens": 0}, "max_output_tokens must be"),
        ({"max_output_tokens": "5"}, "max_output_tokens must be"),
        ({"temperature": "hot"}, "temperature must be"),
        ({"stream": "yes"}, "stream must be"),
        ({"tools": [{"type": "function"}]}, "tools[0].name must be"),
        ({"tools": [{"type": "namespace", "tools": []}]}, "tools[0].name must be"),
        ({"tools": ["x"]}, "tools[0] must be"),
        ({"tool_choice": "maybe"}, "tool_choice must be"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.tools must be"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type must be"),
        ({"text": {"format": {"type": "json_schema", "schema": 1}}}, "text.format.schema must be"),
    ],
)
def test_complaints(body, begins):
    assert complaint(**body).startswith(begins)


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "background", "prompt"])
def test_what_needs_stored_content_says_to_send_the_whole_input(name):
    assert "send the whole input" in complaint(**{name: "x"})
    assert parsed(**{name: None}).turns


@pytest.mark.parametrize("name", ["metadata", "tools", "text"])
def test_what_is_nested_too_deep_to_be_echoed_is_refused(name):
    body = b'{"model":"m","input":"Hi","%s":%s1%s}' % (name.encode(), b'{"a":' * 500, b"}" * 500)
    with pytest.raises(ApiError, match="nested too deep"):
        responses.CLIENT.parse(body)


def test_store_alone_is_accepted():
    assert parsed(store=True).turns == [Turn("user", [TextPart("Hi")])]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "name": "f"}, ToolChoice(mode="named", names=("f",))),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", names=("f",))),
        ({"type": "function", "name": "f", "namespace": "ns"}, ToolChoice(mode="named", names=("ns__f",))),
        ({"type": "custom", "name": "p"}, ToolChoice(mode="named", names=("p",))),
        ({"type": "web_search"}, ToolChoice(mode="named", names=("web_search",))),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice(mode="allowed", names=("f",), must=True),
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "p"}]},
            ToolChoice(mode="allowed", names=("p",)),
        ),
    ],
)
def test_tool_choice(choice, expected):
    assert parsed(tool_choice=choice).tool_choice == expected


def test_the_request_of_codex():
    request = responses.CLIENT.parse(CODEX)
    assert [part.text for part in request.system] == [
        "You are Codex, a coding agent.",
        "<permissions>workspace-write</permissions>",
    ]
    assert [turn.role for turn in request.turns] == ["user", "user", "assistant", "user", "assistant", "user"]
    assert [(tool.name, tool.namespace, tool.custom) for tool in request.tools] == [
        ("exec_command", "", False),
        ("read", "mcp__files", False),
        ("apply_patch", "", True),
    ]
    assert [tool.kind for tool in request.hosted_tools] == ["web_search"]
    assert request.reasoning.effort == "medium"
    assert request.reasoning.summary == "auto"
    assert request.verbosity == "low"
    assert request.parallel_tool_calls is False
    assert {"prompt_cache_key", "client_metadata", "store"} <= request.extra.keys()


def test_tools_inside_the_input():
    request = parsed(
        input=[
            {"role": "user", "content": "Hi"},
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "late"}]},
        ]
    )
    assert [tool.name for tool in request.tools] == ["late"]


def test_sampling_and_output():
    request = parsed(
        max_output_tokens=20,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=2,
        stream=True,
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
    )
    assert (request.max_tokens, request.temperature, request.top_p) == (20, 0.5, 0.9)
    assert (request.logprobs, request.top_logprobs, request.stream) == (True, 2, True)
    assert (request.output.kind, request.output.name, request.output.strict) == ("json_schema", "n", True)


def test_hidden_reasoning_is_told_from_signed():
    hidden = {"type": "reasoning", "summary": [], "encrypted_content": "redacted.fta1.b3BlbmFp.data"}
    signed = {"type": "reasoning", "summary": [], "encrypted_content": "fta1.b3BlbmFp.data"}
    found = turns(hidden, signed)
    assert found == [Turn("assistant", [RedactedPart("fta1.b3BlbmFp.data"), ThinkingPart("", "fta1.b3BlbmFp.data")])]


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "role",
                    "content",
                    "text",
                    "output",
                    "call_id",
                    "name",
                    "id",
                    "summary",
                    "tools",
                    "image_url",
                    "encrypted_content",
                    "arguments",
                    "function",
                    "format",
                    "input",
                    "file_data",
                    "input_audio",
                ]
            ),
            st.one_of(
                inner,
                st.sampled_from(
                    ["user", "message", "reasoning", "function_call", "function_call_output", "input_image"]
                ),
            ),
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(
    body=st.fixed_dictionaries(
        {"input": st.one_of(_json, st.lists(_json, max_size=3))},
        optional={name: _json for name in ("tools", "tool_choice", "text", "reasoning", "include", "instructions")},
    )
)
def test_any_body_is_read_or_refused_with_400(body):
    try:
        parsed(**body)
    except ApiError as error:
        assert error.status == 400
