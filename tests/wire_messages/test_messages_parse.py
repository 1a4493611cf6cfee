"""What a Messages client may say, and what becomes of it: every form is read, refused by name, or visible."""

from typing import Any

import orjson
import pytest

from freetheai.errors import ApiError
from freetheai.wire import messages
from freetheai.wire.request import (
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    RedactedPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    Turn,
)

CACHE = {"type": "ephemeral", "ttl": "1h"}
USER = {"role": "user", "content": "Hi"}


def parse(**body: Any) -> ChatRequest:
    return messages.CLIENT.parse(orjson.dumps({"model": "pre/alias", "messages": [USER], **body}))


def refusal(**body: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse(**body)
    assert caught.value.status == 400
    assert caught.value.type == "invalid_request_error"
    return caught.value


def parts_of(*blocks: Any, role: str = "user") -> list[Any]:
    return parse(messages=[USER, {"role": role, "content": list(blocks)}]).turns[-1].parts


@pytest.mark.parametrize(
    ("block", "part"),
    [
        pytest.param({"type": "text", "text": "a"}, TextPart("a"), id="text"),
        pytest.param(
            {"type": "text", "text": "a", "cache_control": CACHE}, TextPart("a", CACHE), id="text with cache hint"
        ),
        pytest.param("a", TextPart("a"), id="bare string"),
        pytest.param(
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
            ImagePart("image/png", "QQ=="),
            id="image in base64",
        ),
        pytest.param(
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
            ImagePart(url="https://a/b.png"),
            id="image by URL",
        ),
        pytest.param(
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
                "title": "T",
            },
            FilePart("application/pdf", "QQ==", name="T"),
            id="PDF",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            FilePart("text/plain", "words", is_text=True),
            id="text document",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "url", "url": "https://a/b.pdf"}},
            FilePart("application/pdf", url="https://a/b.pdf"),
            id="document by URL",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}, "y"]}},
            FilePart("text/plain", "x\ny", is_text=True),
            id="document of blocks",
        ),
        pytest.param(
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "found"}]},
            TextPart("[search result] t (s)\nfound"),
            id="search result",
        ),
        pytest.param(
            {
                "type": "web_search_tool_result",
                "tool_use_id": "x",
                "content": [{"title": "t", "url": "u", "encrypted_content": "e"}],
            },
            TextPart("\n[web_search_tool_result] t u\n"),
            id="what the provider's own search found is visible",
        ),
        pytest.param({"type": "compaction", "content": "so far"}, TextPart("\n[compaction] so far\n"), id="compaction"),
        pytest.param({"type": "new_kind", "a": 1}, OpaquePart("new_kind", {"type": "new_kind", "a": 1}), id="unknown"),
    ],
)
def test_user_block(block, part):
    assert parts_of(block) == [part]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        pytest.param(
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1, "a": "ü"}, "caller": {"type": "direct"}},
            ToolCallPart("t1", "f", '{"b":1,"a":"ü"}'),
            id="call, its keys in their order",
        ),
        pytest.param(
            {"type": "tool_use", "id": "t1", "name": "f"}, ToolCallPart("t1", "f", "{}"), id="call without input"
        ),
        pytest.param(
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            ThinkingPart("hm", "c2ln"),
            id="signed thinking",
        ),
        pytest.param({"type": "thinking", "thinking": "hm"}, ThinkingPart("hm"), id="unsigned thinking"),
        pytest.param({"type": "redacted_thinking", "data": "abc"}, RedactedPart("abc"), id="redacted thinking"),
    ],
)
def test_assistant_block(block, part):
    assert parts_of(block, role="assistant") == [part]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        pytest.param("done", [TextPart("done")], id="string"),
        pytest.param(None, [], id="absent"),
        pytest.param([], [], id="empty"),
        pytest.param(
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], [TextPart("a"), TextPart("b")], id="texts"
        ),
        pytest.param(
            [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}],
            [ImagePart("image/png", "QQ==")],
            id="image",
        ),
        pytest.param([{"type": "tool_reference", "tool_name": "f"}], [TextPart("[tool f]")], id="tool reference"),
    ],
)
def test_tool_result(content, parts):
    block = {"type": "tool_result", "tool_use_id": "t1", "content": content, "is_error": True}
    assert parts_of(block)[-1] == ToolResultPart("t1", parts, is_error=True)


def test_results_in_two_user_messages_and_calls_in_two_assistant_messages_are_one_turn_each():
    request = parse(
        messages=[
            USER,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "b", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "b", "content": "2"}, "and now?"]},
        ]
    )
    assert [turn.role for turn in request.turns] == ["user", "assistant", "user"]
    assert [type(part).__name__ for part in request.turns[2].parts] == ["ToolResultPart", "ToolResultPart", "TextPart"]


def test_system_text_stands_first_and_in_between():
    request = parse(
        system=[
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cch=abc;"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": CACHE},
        ],
        messages=[
            {"role": "system", "content": "first"},
            USER,
            {"role": "system", "content": [{"type": "text", "text": "in between"}]},
            USER,
        ],
    )
    assert request.system == [TextPart("You are Claude Code.", CACHE), TextPart("first")]
    assert request.turns[1] == Turn("system", [TextPart("in between")])
    assert request.body["system"][0]["text"].startswith("x-anthropic-billing-header")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"max_tokens": 0}, "max_tokens", id="no tokens"),
        pytest.param({"max_tokens": -1}, "max_tokens", id="fewer than none"),
        pytest.param({"messages": []}, "missing prompt", id="no messages"),
        pytest.param({"messages": None}, "missing prompt", id="messages null"),
        pytest.param({"messages": "Hi"}, "messages must be", id="messages no array"),
        pytest.param({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", id="foreign role"),
        pytest.param({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", id="content a number"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"a": 1}]}]}, "messages[0].content[0].type", id="no type"
        ),
        pytest.param({"mcp_servers": [{"url": "https://a"}]}, "mcp_servers", id="MCP servers"),
        pytest.param({"tools": [{"description": "x"}]}, "tools[0].name", id="tool without name"),
        pytest.param({"tool_choice": {"type": "tool"}}, "tool_choice.name", id="choice without name"),
        pytest.param({"tool_choice": {"type": "maybe"}}, "tool_choice.type", id="unknown choice"),
        pytest.param({"thinking": 5}, "thinking", id="thinking a number"),
        pytest.param({"temperature": "hot"}, "temperature", id="temperature a word"),
    ],
)
def test_what_is_refused_is_named(body, words):
    assert words in refusal(**body).message


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"type": "image", "source": {"type": "file", "file_id": "f"}}, id="image"),
        pytest.param({"type": "document", "source": {"type": "file", "file_id": "f"}}, id="document"),
        pytest.param({"type": "container_upload", "file_id": "f"}, id="upload"),
        pytest.param(
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
            },
            id="image of a result",
        ),
    ],
)
def test_file_ids_are_refused(block):
    assert "file ids are not supported" in refusal(messages=[{"role": "user", "content": [block]}]).message


def test_a_thread_is_refused_in_the_way_by_which_sdks_go_on_with_whole_histories():
    error = refusal(thread={"type": "create"})
    assert error.messages_envelope()["error"]["details"] == {
        "error_code": "thread_unsupported_request",
        "unsupported": ["threads"],
    }


@pytest.mark.parametrize(
    ("choice", "mode", "parallel"),
    [
        pytest.param({"type": "auto"}, ToolChoice(mode="auto"), None, id="auto"),
        pytest.param({"type": "any"}, ToolChoice(mode="required"), None, id="any"),
        pytest.param({"type": "none"}, ToolChoice(mode="none"), None, id="none"),
        pytest.param({"type": "tool", "name": "f"}, ToolChoice(mode="named", names=("f",)), None, id="tool"),
        pytest.param(
            {"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(mode="auto"), False, id="one at a time"
        ),
        pytest.param(
            {"type": "any", "disable_parallel_tool_use": False}, ToolChoice(mode="required"), True, id="parallel"
        ),
        pytest.param(None, None, None, id="nothing said"),
    ],
)
def test_tool_choice(choice, mode, parallel):
    request = parse(tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice=choice)
    assert request.tool_choice == mode
    assert request.parallel_tool_calls is parallel


def test_tools():
    request = parse(
        tools=[
            {
                "name": "f",
                "description": "d",
                "input_schema": {"$schema": "x", "type": "object"},
                "strict": True,
                "defer_loading": True,
                "cache_control": CACHE,
            },
            {"type": "custom", "name": "g", "input_schema": {"type": "object"}},
            {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            {"type": "computer_20251124", "name": "computer", "display_width_px": 800, "display_height_px": 600},
            {"type": "memory_20250818", "name": "memory"},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
            {"type": "code_execution_20250825", "name": "code_execution"},
        ]
    )
    by_name = {tool.name: tool for tool in request.tools}
    assert list(by_name) == ["f", "g", "bash", "str_replace_based_edit_tool", "computer", "memory"]
    assert by_name["f"].strict is True and by_name["f"].cache == CACHE
    assert by_name["bash"].schema["properties"].keys() == {"command", "restart"}
    assert "path" in by_name["str_replace_based_edit_tool"].schema["required"]
    assert "800 by 600" in by_name["computer"].description
    assert [tool.kind for tool in request.hosted_tools] == ["web_search_20250305", "code_execution_20250825"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, (None, None, None, False), id="nothing said: reasoning is not shown"),
        pytest.param({"thinking": {"type": "enabled", "budget_tokens": 5000}}, (None, 5000, True, True), id="budget"),
        pytest.param({"thinking": {"type": "disabled"}}, (None, None, False, False), id="disabled"),
        pytest.param({"thinking": {"type": "adaptive"}}, (None, None, True, True), id="adaptive"),
        pytest.param({"thinking": {"type": "adaptive", "display": "omitted"}}, (None, None, True, False), id="omitted"),
        pytest.param({"thinking": {"type": "between_tools"}}, (None, None, True, True), id="between tools"),
        pytest.param({"output_config": {"effort": "xhigh"}}, ("xhigh", None, None, False), id="effort alone"),
        pytest.param(
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, ("low", None, True, True), id="both"
        ),
    ],
)
def test_thinking(body, expected):
    reasoning = parse(**body).reasoning
    assert (reasoning.effort, reasoning.budget_tokens, reasoning.enabled, reasoning.show) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, id="now"),
        pytest.param({"output_format": {"type": "json_schema", "schema": {"type": "object"}}}, id="first beta"),
    ],
)
def test_structured_output(body):
    assert parse(**body).output.schema == {"type": "object"}


def test_tolerance():
    request = parse(
        max_tokens=None,
        system=None,
        temperature=None,
        tools=None,
        metadata={"user_id": "u"},
        context_management={"edits": []},
        container=None,
        mcp_servers=[],
        thread=None,
        new_field=1,
        model=" pre/alias[1m] ",
    )
    assert request.model == "pre/alias"
    assert request.max_tokens is None
    assert {"metadata", "context_management", "new_field"} <= request.extra.keys()
