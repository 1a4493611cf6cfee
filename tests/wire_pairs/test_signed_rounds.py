"""What a model signed makes its whole way: to the client in an answer, and back in the client's next request.

The client keeps what it was given and sends it back with results for its calls. The same upstream must get every value
byte for byte, with the words it signs and in the same order; another upstream must get none of them.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.wire.formats import Quirks, Target
from support import chat_streams, gemini_streams, messages_streams, responses_streams
from support.pairs import CLIENTS, ORIGIN, UPSTREAMS, converted, opened, request, run
from support.rounds import Kept, kept_of

Json = dict[str, Any]

clients = pytest.mark.parametrize("client", CLIENTS)
MODELS = {"chat": "glm-5", "messages": "claude-sonnet-4-5", "responses": "gpt-6", "gemini": "gemini-3-pro"}
# Base64 and what else providers use: none of it may change.
signatures = st.text("abcXYZ019+/=_-", min_size=1, max_size=40)
words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)


def kept_by(client: str, upstream: str, wire: bytes) -> Kept:
    """What a client keeps of a stream."""
    asked = request(client)
    return kept_of(client, run(opened(client, upstream, asked), [wire]))


def sent_back(client: str, upstream: str, kept: Kept, origin: str = ORIGIN) -> Json:
    """The body the upstream gets when the client goes on with results for all its calls."""
    made = UPSTREAMS[upstream]
    body = {"model": "pre/alias", "tools": request(client).body["tools"], **kept.next_request()}
    if client == "messages":
        body |= {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    asked = CLIENTS[client].parse(orjson.dumps(body))
    target = Target(model=MODELS[upstream], origin=origin, max_output_tokens=32000)
    found: Json = orjson.loads((made.rewrite if client == upstream else made.build)(asked, target, Quirks()))
    return found


def thoughts_in(upstream: str, body: Json) -> list[Any]:
    """The signed things of the assistant's turn, in order."""
    if upstream == "messages":
        said = next(message for message in body["messages"] if message["role"] == "assistant")
        return [block for block in said["content"] if block["type"] in ("thinking", "redacted_thinking")]
    if upstream == "responses":
        return [
            (_texts(item["summary"]), item["encrypted_content"])
            for item in body["input"]
            if item.get("encrypted_content")
        ]
    parts = [part for content in body["contents"] if content["role"] == "model" for part in content["parts"]]
    return [
        (part.get("functionCall", {}).get("args"), part["thoughtSignature"])
        for part in parts
        if part.get("thoughtSignature", "skip_thought_signature_validator") != "skip_thought_signature_validator"
    ]


def _texts(summary: list[Json]) -> str:
    return "\n\n".join(piece["text"] for piece in summary)


thinking_blocks = st.lists(
    st.one_of(
        st.builds(
            lambda text, signature: {"type": "thinking", "thinking": text, "signature": signature}, words, signatures
        ),
        st.builds(lambda data: {"type": "redacted_thinking", "data": data}, signatures),
    ),
    min_size=1,
    max_size=4,
)


def messages_wire(blocks: list[Json], calls: int) -> bytes:
    """Thinking and calls by turns, then text: a call behind each of the first blocks."""
    made = messages_streams
    values: list[Json] = []
    count = index = 0
    for block in blocks:
        if block["type"] == "thinking":
            text = block["thinking"]
            values += made.thinking(index, text[:1], text[1:], signature=block["signature"])
        else:
            values += made.block(index, block)
        index += 1
        if count < calls:
            values += made.call(index, f"toolu_{count}", "get", f'{{"a":{count}}}')
            count += 1
            index += 1
    return made.stream(made.start(), values, made.text(index, "So."), made.end("tool_use" if count else "end_turn"))


@clients
@settings(max_examples=40)
@given(blocks=thinking_blocks, calls=st.integers(0, 3))
def test_thinking_of_messages_models_comes_back_as_it_was(client, blocks, calls):
    kept = kept_by(client, "messages", messages_wire(blocks, calls))
    assert thoughts_in("messages", sent_back(client, "messages", kept)) == blocks
    assert thoughts_in("messages", sent_back(client, "messages", kept, "anthropic:another")) == []


@settings(max_examples=40)
@given(blocks=thinking_blocks, change=words, at=st.integers(0, 60))
def test_thinking_whose_words_a_chat_client_changed_is_no_longer_signed(blocks, change, at):
    kept = kept_by("chat", "messages", messages_wire(blocks, 0))
    told = kept.message.get("reasoning_content", "")
    changed = kept.message["reasoning_content"] = told[:at] + change + told[at:]
    found = thoughts_in("messages", sent_back("chat", "messages", kept))
    signed = [block for block in blocks if block["type"] == "thinking"]
    # More words behind the last signed ones leave those as they were.
    is_behind = changed.startswith(told)
    assert [block for block in found if block["type"] == "thinking"] == (signed if is_behind else [])


reasoning_items = st.lists(st.tuples(words, signatures), min_size=1, max_size=3)


@clients
@settings(max_examples=30)
@given(items=reasoning_items, has_call=st.booleans())
def test_encrypted_reasoning_of_responses_models_comes_back_as_it_was(client, items, has_call):
    made = responses_streams
    output: list[Json] = []
    for number, (text, value) in enumerate(items):
        output.append(made.reasoning(text, value, f"rs_{number}"))
        if has_call:
            output.append(made.call("get", '{"a":1}', number))
    if not has_call:
        output.append(made.message("So."))
    kept = kept_by(client, "responses", made.stream([*made.begin(), made.end(*output)]))
    body = sent_back(client, "responses", kept)
    assert thoughts_in("responses", body) == items
    if has_call:
        kinds = [item["type"] for item in body["input"] if item.get("type") in ("reasoning", "function_call")]
        assert kinds == ["reasoning", "function_call"] * len(items), "each before the call it led to"
    assert thoughts_in("responses", sent_back(client, "responses", kept, "openai:another")) == []


gemini_calls = st.lists(st.one_of(signatures, st.just("")), min_size=1, max_size=4).filter(any)


@clients
@settings(max_examples=30)
@given(signed=gemini_calls, thought=st.sampled_from(["", "Hm."]), has_ids=st.booleans(), is_plain=st.booleans())
def test_thought_signatures_of_calls_come_back_on_the_call_they_came_on(client, signed, thought, has_ids, is_plain):
    made = gemini_streams
    parts: list[Json] = [{"text": thought, "thought": True}] if thought else []
    for number, signature in enumerate(signed):
        call = made.call("get", {"a": number})
        if has_ids:
            call["functionCall"]["id"] = f"id_{number}"
        parts.append({**call, **({"thoughtSignature": signature} if signature else {})})
    expected = [({"a": number}, signature) for number, signature in enumerate(signed) if signature]
    whole = made.chunk(*parts, finish="STOP", **made.usage(5, 4, 3))
    if is_plain:
        kept = kept_of(client, converted(client, "gemini", orjson.dumps(whole)).data, is_plain=True)
    else:
        kept = kept_by(client, "gemini", made.stream(whole))
    assert thoughts_in("gemini", sent_back(client, "gemini", kept)) == expected
    assert thoughts_in("gemini", sent_back(client, "gemini", kept, "gemini:another")) == []


DETAILS: list[Json] = [
    {"type": "reasoning.summary", "summary": "Hm", "format": "openai-responses-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "gAAA/+==", "id": "rs_1", "format": "openai-responses-v1", "index": 0},
    {"type": "reasoning.text", "text": "Hm", "signature": "c2ln+/=", "format": "anthropic-claude-v1", "index": 1},
]


@pytest.mark.parametrize("is_plain", [False, True])
def test_reasoning_details_of_a_chat_upstream_go_back_to_it_alone(is_plain):
    """OpenRouter wants the whole list as it gave it out."""
    message = {"role": "assistant", "content": "So.", "reasoning": "Hm", "reasoning_details": DETAILS}
    if is_plain:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        wire = orjson.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]})
        kept = kept_of("chat", converted("chat", "chat", wire).data, is_plain=True)
    else:
        kept = kept_by("chat", "chat", chat_streams.stream(chat_streams.chunk(message), chat_streams.chunk({}, "stop")))
    assert "gAAA/+==" in kept.message["reasoning_details"][1]["data"] != "gAAA/+=="
    assert sent_back("chat", "chat", kept)["messages"][1]["reasoning_details"] == DETAILS
    assert "reasoning_details" not in sent_back("chat", "chat", kept, "openrouter:another")["messages"][1]


detail_lists = st.lists(
    st.one_of(
        st.builds(
            lambda text, value, index: {
                "type": "reasoning.text",
                "text": text,
                "signature": value,
                "format": "anthropic-claude-v1",
                "index": index,
            },
            words,
            signatures,
            st.integers(0, 3),
        ),
        st.builds(
            lambda value, more: {"type": "reasoning.encrypted", "data": value, **more},
            signatures,
            st.sampled_from(
                [{}, {"id": None, "index": 0}, {"id": "rs_1", "format": "openai-responses-v1", "index": 2}]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("client", ["messages", "responses"])
@settings(max_examples=40)
@given(details=detail_lists, has_call=st.booleans(), is_plain=st.booleans())
def test_reasoning_details_come_back_from_clients_of_other_formats(client, details, has_call, is_plain):
    """As they were, to the provider that gave them out in whichever format it is asked, and to no other."""
    made = chat_streams
    call = {"index": 0, "id": "c0", "type": "function", "function": {"name": "get", "arguments": "{}"}}
    thought = [
        {"reasoning": detail.get("text", ""), "reasoning_details": [detail], "content": ""} for detail in details
    ]
    said: Json = {"tool_calls": [call]} if has_call else {"content": "So."}
    if is_plain:
        whole = {"reasoning": "".join(detail.get("text", "") for detail in details), "reasoning_details": details}
        choice = {"index": 0, "message": {"role": "assistant", **whole, **said}, "finish_reason": "stop"}
        data = orjson.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]})
        kept = kept_of(client, converted(client, "chat", data).data, is_plain=True)
    else:
        kept = kept_by(client, "chat", made.stream(*map(made.chunk, thought), made.chunk(said), made.chunk({}, "stop")))
    sent = sent_back(client, "chat", kept)["messages"][1]
    assert sent["reasoning_details"] == details
    assert "reasoning_details" not in sent_back(client, "chat", kept, "openrouter:another")["messages"][1]
    values = [detail.get("signature") or detail["data"] for detail in details]
    for upstream in ("messages", "responses", "gemini"):
        asked = str(sent_back(client, upstream, kept))
        assert "detail." not in asked
        assert not [value for value in values if len(value) > 12 and value in asked]


def test_a_signed_call_of_another_model_goes_to_no_chat_upstream():
    wire = gemini_streams.stream(
        gemini_streams.chunk({**gemini_streams.call(), "thoughtSignature": "T1BB"}, finish="STOP")
    )
    kept = kept_by("chat", "gemini", wire)
    assert "T1BB" in str(kept.message)
    assert "T1BB" not in str(sent_back("chat", "chat", kept, "openai:another"))


GOLDEN = Path(__file__).parents[1] / "golden" / "rounds"
RULE = "\n----------\n"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in sorted(GOLDEN.glob("*.txt"))])
def test_a_recorded_round(path):
    """``<client>_<upstream>_<case>.txt``: a sentence, the stream, what the client keeps, the next request's body."""
    parts = path.read_text().split(RULE)
    client, upstream, _ = path.stem.split("_", 2)
    kept = kept_by(client, upstream, parts[1].encode() + b"\n\n")
    told = [kept.message if client == "chat" else kept.items, sent_back(client, upstream, kept)]
    found = [parts[0], parts[1], *(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() for value in told)]
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(RULE.join(found) + "\n")
    assert RULE.join(found) + "\n" == path.read_text()
