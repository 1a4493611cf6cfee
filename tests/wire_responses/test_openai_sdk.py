"""OpenAI's own SDK reads what we send: its accumulator raises on any broken rule. Codex's reader rules beside it."""

from typing import Any

import httpx2
import openai
import orjson
import pytest
from openai import OpenAI

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, responses
from freetheai.wire.formats import ByteStream, Quirks, Stamp
from freetheai.wire.translate import convert_body, open_stream
from support import chat_streams
from support import responses_streams as made

STAMP = Stamp(id="resp_ours", created_s=1800000000, model="pre/alias", origin="openai/up")
ASKED: dict[str, Any] = {
    "model": "pre/alias",
    "input": "Hi",
    "tools": [{"type": "function", "name": "get", "parameters": {"type": "object", "properties": {}}, "strict": True}],
    "reasoning": {"effort": "low", "summary": "auto"},
}
TOOL_CALL = {"index": 0, "id": "c0", "type": "function", "function": {"name": "get", "arguments": ""}}
CHAT_WIRE = chat_streams.stream(
    chat_streams.chunk({"role": "assistant", "content": ""}),
    chat_streams.chunk({"reasoning_content": "Hm"}),
    chat_streams.chunk({"content": "Hel"}),
    chat_streams.chunk({"content": "lo"}),
    chat_streams.chunk({"tool_calls": [TOOL_CALL]}),
    chat_streams.chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}),
    chat_streams.chunk({}, "tool_calls"),
    chat_streams.chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}),
)
RESPONSES_WIRE = made.stream(
    [
        *made.begin(),
        *made.reasoning_events(0, ["Hm"]),
        *made.message_events(1, ["Hel", "lo"]),
        *made.call_events(2, "get", ['{"a":', "1}"]),
        made.end(made.reasoning("Hm"), made.message("Hello"), made.call("get", '{"a":1}')),
    ]
)
# The same with everything lost but the pieces.
BROKEN_WIRE = b"".join(
    made.frame(event, named=False)
    for event in [
        *made.reasoning_events(0, ["Hm"])[2:3],
        *made.message_events(1, ["Hel", "lo"])[2:4],
        *made.call_events(2, "get", ['{"a":', "1}"])[:3],
        made.end(),
    ]
)
WAYS = pytest.mark.parametrize(
    ("upstream", "wire"),
    [
        pytest.param(chat.UPSTREAM, CHAT_WIRE, id="from chat"),
        pytest.param(responses.UPSTREAM, RESPONSES_WIRE, id="relayed"),
        pytest.param(responses.UPSTREAM, BROKEN_WIRE, id="relayed and mended"),
    ],
)


def client(content: bytes, kind: str) -> OpenAI:
    """The SDK, with one answer already there."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        del request
        return httpx2.Response(200, headers={"content-type": kind}, content=content)

    transport = httpx2.MockTransport(answer)
    return OpenAI(
        api_key="k", base_url="http://127.0.0.1/v1", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def opened(upstream: Any) -> ByteStream:
    request = responses.CLIENT.parse(orjson.dumps({**ASKED, "stream": True}))
    return open_stream(responses.CLIENT, upstream, request, STAMP, Quirks())


@WAYS
def test_the_accumulator_takes_every_event(upstream, wire):
    way = opened(upstream)
    out = way.feed(wire) + way.end()
    assert way.failure is None
    with client(out, "text/event-stream").responses.stream(**ASKED) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hello"
    assert final.output_text == "Hello"
    assert final.id == "resp_ours"
    assert final.model == "pre/alias"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.output[2].parsed_arguments == {"a": 1}
    assert final.output[0].summary[0].text == "Hm"
    assert final.usage.total_tokens == 12


@WAYS
def test_codex_reads_items_from_their_done_events(upstream, wire):
    way = opened(upstream)
    out = way.feed(wire) + way.end()
    added: dict[int, dict[str, Any]] = {}
    done: dict[int, dict[str, Any]] = {}
    completed = None
    for block in out.decode().split("\n\n")[:-1]:
        event = orjson.loads(block.partition("data: ")[2])
        assert completed is None, "nothing follows response.completed"
        if event["type"] == "response.output_item.added":
            added[event["output_index"]] = event["item"]
        elif event["type"] == "response.output_item.done":
            done[event["output_index"]] = event["item"]
        elif event["type"] == "response.completed":
            completed = event["response"]
    assert added.keys() == done.keys()
    assert [item["type"] for item in done.values()] == ["reasoning", "message", "function_call"]
    assert done[1]["content"][0]["text"] == "Hello"
    assert done[2]["call_id"]
    assert completed["usage"]["input_tokens_details"]["cached_tokens"] >= 0
    assert completed["usage"]["output_tokens_details"]["reasoning_tokens"] >= 0


@WAYS
def test_a_cut_stream_raises(upstream, wire):
    way = opened(upstream)
    out = way.feed(wire[: len(wire) // 2]) + way.end()
    assert way.failure is not None
    out += way.error(ApiError(errors.PROVIDER_ERROR))
    kinds = []
    with (
        pytest.raises(openai.APIError, match="Provider failed"),
        client(out, "text/event-stream").responses.stream(**ASKED) as stream,
    ):
        kinds.extend(event.type for event in stream)
    assert "response.completed" not in kinds


def test_an_error_before_any_event_is_read_too():
    out = opened(chat.UPSTREAM).error(ApiError(errors.PROVIDER_TIMEOUT))
    with (
        pytest.raises(openai.APIError, match="too long"),
        client(out, "text/event-stream").responses.stream(**ASKED) as stream,
    ):
        list(stream)


@pytest.mark.parametrize("is_relayed", [True, False], ids=["relayed", "from chat"])
def test_a_plain_answer(is_relayed):
    plain: dict[str, Any]
    if is_relayed:
        upstream: Any = responses.UPSTREAM
        plain = made.response([made.reasoning("Hm"), made.message("Hello"), made.call("get", '{"a":1}')])
    else:
        upstream = chat.UPSTREAM
        call = {"id": "c0", "type": "function", "function": {"name": "get", "arguments": '{"a":1}'}}
        message = {"role": "assistant", "content": "Hello", "reasoning_content": "Hm", "tool_calls": [call]}
        plain = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    request = responses.CLIENT.parse(orjson.dumps(ASKED))
    result = convert_body(responses.CLIENT, upstream, request, STAMP, Quirks(), orjson.dumps(plain))
    answer = client(result.data, "application/json").responses.create(**ASKED)
    assert answer.output_text == "Hello"
    assert answer.id == "resp_ours"
    assert answer.model == "pre/alias"
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call"]
    assert answer.usage.total_tokens > 0


def test_structured_output_is_parsed():
    wire = chat_streams.stream(chat_streams.chunk({"content": '{"a":1}'}), chat_streams.chunk({}, "stop"))
    way = opened(chat.UPSTREAM)
    text = {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}}
    with client(way.feed(wire) + way.end(), "text/event-stream").responses.stream(**ASKED, text=text) as stream:
        assert stream.get_final_response().output_text == '{"a":1}'
