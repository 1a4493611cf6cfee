"""Requests to chat upstreams: translated ones (`build`) and the client's own (`rewrite`)."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.llamacpp.chat import ADAPTER as LLAMACPP
from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.request import (
    ChatRequest,
    FilePart,
    HostedTool,
    ImagePart,
    OutputFormat,
    Part,
    Reasoning,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    Turn,
)

TARGET = Target(model="up/model")
IMAGE = ImagePart("image/png", "QUJD")


def built(*turns: Turn, target: Target = TARGET, quirks: Quirks | None = None, **more: Any) -> dict[str, Any]:
    listed = list(turns) or [Turn("user", [TextPart("Hi")])]
    request = ChatRequest(format="messages", body={}, model="a/b", turns=listed, **more)
    return orjson.loads(chat.UPSTREAM.build(request, target, quirks or Quirks()))


def rewritten(target: Target = TARGET, quirks: Quirks | None = None, **body: Any) -> dict[str, Any]:
    sent = {"model": "a/b", "messages": [{"role": "user", "content": "Hi"}], **body}
    request = chat.CLIENT.parse(orjson.dumps(sent))
    before = orjson.dumps(request.body)
    out = orjson.loads(chat.UPSTREAM.rewrite(request, target, quirks or Quirks()))
    assert orjson.dumps(request.body) == before, "another attempt must find the body as it was"
    return out


def user(*parts: Part) -> Turn:
    return Turn("user", list(parts))


def said(*parts: Part) -> Turn:
    return Turn("assistant", list(parts))


def test_the_smallest_request():
    assert built() == {"model": "up/model", "messages": [{"role": "user", "content": "Hi"}]}


def test_everything_that_tunes():
    body = built(
        stream=True,
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        seed=7,
        stop=list("abcdef"),
        logprobs=True,
        top_logprobs=2,
        system=[TextPart("A"), TextPart("B")],
        verbosity="low",
    )
    assert body == {
        "model": "up/model",
        "messages": [{"role": "system", "content": "A\n\nB"}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 7,
        "stop": ["a", "b", "c", "d"],
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_quirks_of_fields():
    quirks = Quirks(
        max_tokens_field="max_completion_tokens",
        stream_usage=False,
        drop_fields=frozenset({"seed"}),
        extra_body={"tool_stream": True, "temperature": 0},
        max_stop=0,
        top_k=True,
    )
    body = built(quirks=quirks, stream=True, max_tokens=9, seed=1, stop=["a"], top_k=3, temperature=1)
    assert body["max_completion_tokens"] == 9
    assert body["tool_stream"] is True
    assert (body["temperature"], body["top_k"]) == (1, 3)
    assert not {"max_tokens", "stream_options", "seed", "stop"} & body.keys()


@pytest.mark.parametrize(("limit", "sent"), [(None, 5000), (4096, 4096), (9000, 5000)])
def test_the_output_cap_is_clamped(limit, sent):
    target = Target(model="up/model", max_output_tokens=limit)
    assert built(target=target, max_tokens=5000)["max_tokens"] == sent
    assert rewritten(target, max_tokens=5000)["max_tokens"] == sent
    assert "max_tokens" not in built(target=target)


def test_calls_and_results_stand_together():
    body = built(
        user(TextPart("go")),
        said(ThinkingPart("hm", "sig"), TextPart("ok"), ToolCallPart("a", "f", ""), ToolCallPart("b", "g", '{"x":1}')),
        user(
            ToolResultPart("b", [TextPart("2"), IMAGE]),
            ToolResultPart("a", [TextPart("1")], is_error=True),
            TextPart("and?"),
        ),
    )
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "ok",
            "reasoning_content": "hm",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"x":1}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Error: 1"},
        {"role": "tool", "tool_call_id": "b", "content": "2\n[image below]"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Images returned by the tools above:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "text", "text": "and?"},
            ],
        },
    ]


def roles(body: dict[str, Any]) -> list[str]:
    return [message["role"] for message in body["messages"]]


CALL = ToolCallPart("a", "f", "{}")


@pytest.mark.parametrize(
    ("turns", "expected", "last"),
    [
        pytest.param([said(CALL)], ["assistant", "tool"], "[no result]", id="a call at the end"),
        pytest.param([said(CALL), user(TextPart("x"))], ["assistant", "tool", "user"], "x", id="a call without result"),
        pytest.param(
            [user(ToolResultPart("z", [TextPart("r")]))], ["user"], "[result of an earlier tool call] r", id="an orphan"
        ),
        pytest.param(
            [said(CALL), user(ToolResultPart("a", [TextPart("1")]), ToolResultPart("a", [TextPart("2")]))],
            ["assistant", "tool", "user"],
            "[result of an earlier tool call] 2",
            id="a second result",
        ),
        pytest.param(
            [said(CALL), Turn("system", [TextPart("s")]), user(ToolResultPart("a", [TextPart("1")]))],
            ["assistant", "tool", "system"],
            "s",
            id="system text between call and result",
        ),
        pytest.param([said(CALL), said(TextPart("x"))], ["assistant", "tool", "assistant"], "x", id="two assistants"),
    ],
)
def test_broken_histories_are_repaired(turns, expected, last):
    body = built(*turns)
    assert roles(body) == expected
    assert body["messages"][-1]["content"] == last


def test_ids_are_made_unique_and_never_empty():
    body = built(
        said(ToolCallPart("", "f", "{}")),
        user(ToolResultPart("", [TextPart("1")])),
        said(ToolCallPart("x", "f", "{}"), ToolCallPart("x", "g", "{}")),
        user(ToolResultPart("x", [TextPart("2")])),
    )
    ids = [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
    assert len(set(ids)) == 3
    assert all(ids)
    assert [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"] == ids
    assert [message["content"] for message in body["messages"] if message["role"] == "tool"] == [
        "1",
        "2",
        "[no result]",
    ]


_parts = st.one_of(
    st.builds(TextPart, st.sampled_from(["", "x"])),
    st.builds(ToolCallPart, st.sampled_from(["", "a", "b"]), st.just("f"), st.just("{}")),
    st.builds(ToolResultPart, st.sampled_from(["", "a", "b", "c"]), st.just([TextPart("r")])),
)
_turns = st.lists(
    st.builds(Turn, st.sampled_from(["user", "assistant", "system"]), st.lists(_parts, max_size=4)), max_size=6
)


@given(_turns, st.booleans())
def test_every_history_ends_up_with_one_result_for_each_call(turns, strict):
    body = built(*turns, quirks=Quirks(strict_alternation=strict))
    waiting: list[str] = []
    seen: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        assert not waiting, "a call without its result"
        waiting = [call["id"] for call in message.get("tool_calls", ())]
        assert not seen & set(waiting)
        seen |= set(waiting)
    assert not waiting
    if strict:
        spoken = [role for role in roles(body) if role != "tool"]
        assert all(one != next_ or one == "assistant" for one, next_ in pairwise(spoken))
        assert spoken[:1] != ["assistant"]


def test_tools_and_choices():
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    tools = [
        Tool(name="f", description="d", schema=schema, strict=True),
        Tool(name="bad name!" + "x" * 70),
        Tool(name="patch", custom=True, grammar={"type": "grammar"}),
        Tool(name="run", namespace="shell"),
    ]
    body = built(tools=tools, parallel_tool_calls=False, tool_choice=ToolChoice(mode="named", names=("run",)))
    functions = [tool["function"] for tool in body["tools"]]
    assert functions[0] == {"name": "f", "description": "d", "parameters": schema}
    assert functions[1]["parameters"] == {"type": "object", "properties": {}}
    assert len(functions[1]["name"]) <= 64
    assert functions[2]["parameters"]["required"] == ["input"]
    assert "grammar" in functions[2]["description"]
    assert functions[3]["name"] == "shell__run"
    assert body["tool_choice"] == {"type": "function", "function": {"name": "shell__run"}}
    assert body["parallel_tool_calls"] is False
    assert built(tools=tools, quirks=Quirks(strict_tools=True))["tools"][0]["function"]["strict"] is True


@pytest.mark.parametrize(
    ("choice", "sent", "names"),
    [
        (ToolChoice(mode="required"), "required", ["f", "g"]),
        (ToolChoice(mode="none"), "none", ["f", "g"]),
        (ToolChoice(mode="allowed", names=("g",), must=True), "required", ["g"]),
        (ToolChoice(mode="allowed", names=("g",)), "auto", ["g"]),
    ],
)
def test_a_choice_among_tools(choice, sent, names):
    body = built(tools=[Tool(name="f"), Tool(name="g")], tool_choice=choice)
    assert body["tool_choice"] == sent
    assert [tool["function"]["name"] for tool in body["tools"]] == names


def refused(call: Any, *args: Any, **more: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call(*args, **more)
    return caught.value


BLIND = Target(model="m", supports_image_input=False, supports_files=False, supports_audio=False, supports_tools=False)


def test_what_a_model_cannot_be_given_is_named():
    image = {"type": "image_url", "image_url": {"url": "https://x/i.png"}}
    for error in (
        refused(built, user(IMAGE), target=BLIND),
        refused(rewritten, BLIND, messages=[{"role": "user", "content": [image]}]),
    ):
        assert error.spec is errors.INVALID_REQUEST
        assert error.message.startswith("image input is not supported by this model")
    assert refused(built, user(FilePart("application/pdf", "QUJD")), target=BLIND).message.startswith("document input")
    assert refused(built, target=BLIND, tools=[Tool(name="f")]).message.startswith("tools are not supported")
    hosted = [HostedTool(kind="web_search", name="web_search", value={})]
    choice = ToolChoice(mode="named", names=("web_search",))
    assert "web_search" in refused(built, hosted_tools=hosted, tool_choice=choice).message
    assert refused(built, n=2).message.startswith("n greater than 1")


def test_images_in_results_become_a_marker_for_text_models():
    target = Target(model="m", supports_image_input=False)
    body = built(said(CALL), user(ToolResultPart("a", [TextPart("see"), IMAGE])), target=target)
    assert body["messages"][-1]["content"] == "see\n[image: this model can't read images]"


def test_too_deep_a_body_is_a_400():
    schema: dict[str, Any] = {}
    for _ in range(600):
        schema = {"items": schema}
    assert refused(built, tools=[Tool(name="f", schema=schema)]).spec is errors.INVALID_JSON
    deep = b'{"model":"a/b","messages":[{"role":"user","content":"Hi"}],"deep":' + b"[" * 600 + b"]" * 600 + b"}"
    request = chat.CLIENT.parse(deep)
    assert refused(chat.UPSTREAM.rewrite, request, TARGET, Quirks()).spec is errors.INVALID_JSON


def test_structured_output_where_schemas_are_unknown():
    output = OutputFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=True)
    assert built(output=output)["response_format"]["json_schema"]["strict"] is True
    for body in (
        built(output=output, system=[TextPart("Be brief.")], quirks=Quirks(json_schema=False)),
        rewritten(
            quirks=Quirks(json_schema=False),
            messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        ),
    ):
        assert body["response_format"] == {"type": "json_object"}
        assert body["messages"][0]["content"].startswith("Be brief.\n\nRespond only with a JSON object")
        assert '{"type":"object"}' in body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("replay", "thought", "expected"),
    [
        ("never", "hm", None),
        ("when_known", "hm", "hm"),
        ("when_known", "", None),
        ("always", "", ""),
        ("always", "hm", "hm"),
    ],
)
def test_earlier_reasoning(replay, thought, expected):
    quirks = Quirks(replay_reasoning=replay)
    parts = [ThinkingPart(thought)] if thought else []
    assert built(said(*parts, TextPart("x")), quirks=quirks)["messages"][0].get("reasoning_content") == expected
    message = {"role": "assistant", "content": "x", "reasoning": thought}
    relayed = rewritten(quirks=quirks, messages=[message])["messages"][0]
    assert relayed.get("reasoning_content") == expected
    assert "reasoning" not in relayed


def test_llamacpp_thinks_by_its_template_and_takes_system_text_first_only():
    turns = [Turn("user", [TextPart("Hi")]), Turn("system", [TextPart("be kind")])]
    body = built(*turns, quirks=LLAMACPP.quirks, reasoning=Reasoning(effort="none"))
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["messages"][1] == {"role": "user", "content": "<system>\nbe kind\n</system>"}


def test_null_content():
    turns = [said(CALL), user(ToolResultPart("a", [TextPart("1")]))]
    assert built(*turns)["messages"][0]["content"] is None
    assert built(*turns, quirks=Quirks(null_content=False))["messages"][0]["content"] == ""
