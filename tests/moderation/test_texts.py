"""All text of a request reaches moderation, in every format, wherever it stands; media do not."""

import orjson
import pytest

from freetheai.moderation import texts_of
from freetheai.wire import chat, messages, responses

SCHEMA = {"type": "object", "properties": {"deep": {"type": "string", "description": "<schema>"}}}
ESCAPED = '{"q": "\\u003cescaped\\u003e"}'
IMAGE = "data:image/png;base64,AAAA"

CHAT = {
    "model": "a/b",
    "messages": [
        {"role": "system", "content": "<system>"},
        {"role": "user", "content": [
            {"type": "text", "text": "<user>"}, {"type": "image_url", "image_url": {"url": IMAGE}},
        ]},
        {"role": "assistant", "content": "<assistant>", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "<name>", "arguments": ESCAPED}},
        ]},
        {"role": "tool", "tool_call_id": "c", "content": "<result>"},
        {"role": "user", "content": "<last>"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "<tool>", "parameters": SCHEMA}}],
    "prediction": {"type": "content", "content": "<extra>"},
}  # fmt: skip
MESSAGES = {
    "model": "a/b",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "<system>"}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "<user>"},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "<document>"}},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "<thinking>", "signature": "s"},
            {"type": "tool_use", "id": "c", "name": "<name>", "input": {"q": "<argument>"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "<result>"}]},
            {"type": "text", "text": "<last>"},
        ]},
    ],
    "tools": [{"name": "f", "description": "<tool>", "input_schema": SCHEMA}],
}  # fmt: skip
RESPONSES = {
    "model": "a/b",
    "instructions": "<system>",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "<user>"}]},
        {"type": "function_call", "call_id": "c", "name": "<name>", "arguments": '{"q": "<argument>"}'},
        {"type": "function_call_output", "call_id": "c", "output": "<result>"},
        {"role": "user", "content": "<last>"},
    ],
    "tools": [{"type": "function", "name": "f", "description": "<tool>", "parameters": SCHEMA}],
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object", "title": "<output>"}}},
}


@pytest.mark.parametrize(
    ("client", "body"),
    [
        pytest.param(chat.CLIENT, CHAT, id="chat"),
        pytest.param(messages.CLIENT, MESSAGES, id="messages"),
        pytest.param(responses.CLIENT, RESPONSES, id="responses"),
    ],
)
def test_every_text_is_there(client, body):
    found = "\n".join(texts_of(client.parse(orjson.dumps(body))))
    wanted = {word + ">" for part in orjson.dumps(body).decode().split("<")[1:] for word in [part.partition(">")[0]]}
    assert len(wanted) >= 7
    assert [word for word in sorted(wanted) if "<" + word not in found] == []
    assert IMAGE not in found
    assert client is not chat.CLIENT or "<escaped>" in found


def test_a_string_of_responses_is_a_text():
    assert texts_of(responses.CLIENT.parse(b'{"model":"a/b","input":"just this"}')) == ["just this"]


def test_arguments_that_are_no_json_are_a_text_too():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{broken"}}
    body = {"model": "a/b", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]}
    assert "{broken" in texts_of(chat.CLIENT.parse(orjson.dumps(body)))
