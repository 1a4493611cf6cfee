"""Estimates of tokens beside what a tokenizer of a current model counts, on prose of four scripts and nine languages.

``golden/tokens/<kind>.txt`` are texts of our own; the numbers are what the tokenizer with 200,000 entries that current
models of OpenAI use (o200k_base) makes of them. Estimates must hold for parts of them as well: clients send pieces.
"""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.wire import chat, messages, responses
from freetheai.wire.tokens import estimate_request, estimate_tokens
from support.golden import GOLDEN

COUNTED = {
    "bash": 221,
    "c": 271,
    "chinese": 244,
    "english": 211,
    "go": 212,
    "html": 285,
    "japanese": 303,
    "json": 193,
    "korean": 242,
    "python": 292,
    "rust": 271,
    "sql": 207,
    "typescript": 269,
}
CLIENTS = {"chat": chat.CLIENT, "messages": messages.CLIENT, "responses": responses.CLIENT}


def sample(kind: str) -> str:
    return (GOLDEN / "tokens" / f"{kind}.txt").read_text(encoding="utf-8")


def test_every_sample_was_counted():
    assert {path.stem for path in (GOLDEN / "tokens").glob("*.txt")} == set(COUNTED)


@pytest.mark.parametrize("kind", COUNTED)
def test_an_estimate_is_within_a_quarter_of_a_real_tokenizer(kind):
    assert 0.75 * COUNTED[kind] <= estimate_tokens(sample(kind)) <= 1.25 * COUNTED[kind]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", COUNTED)
def test_so_is_a_request_of_it(client, kind):
    text = sample(kind) * 5
    prompt = {"input": text} if client == "responses" else {"messages": [{"role": "user", "content": text}]}
    body = {"model": "a/b", "max_tokens": 50, **prompt}
    counted = COUNTED[kind] * 5
    assert 0.75 * counted <= estimate_request(CLIENTS[client].parse(orjson.dumps(body))) <= 1.25 * counted


@given(st.sampled_from(sorted(COUNTED)), st.integers(0, 1200), st.integers(0, 200))
def test_more_of_a_text_is_never_fewer_tokens(kind, size, more):
    text = sample(kind)
    assert estimate_tokens(text[:size]) <= estimate_tokens(text[: size + more])
    assert (estimate_tokens(text[:size]) > 0) == (size > 0)


BLOCKS = [
    {"type": "text", "text": "word"},
    {"type": "thinking", "thinking": "word", "signature": "s"},
    {"type": "redacted_thinking", "data": "word" * 4},
    {"type": "tool_use", "id": "t", "name": "get", "input": {"a": "word"}},
    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "word"}]},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}},
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "word"}},
    {"type": "search_result", "title": "word", "source": "https://a.example", "content": []},
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "word"}},
    {"type": "new_kind", "word": "word"},
]


@pytest.mark.parametrize("block", BLOCKS, ids=[block["type"] for block in BLOCKS])
def test_every_block_counts(block):
    def counted(*blocks):
        turn = {"role": "assistant" if "use" in block["type"] or "thinking" in block["type"] else "user"}
        body = {"model": "a/b", "max_tokens": 5, "messages": [turn | {"content": list(blocks)}]}
        return estimate_request(messages.CLIENT.parse(orjson.dumps(body)))

    assert counted() < counted(block) < counted(block, block)


def test_system_text_tools_and_schemas_count():
    body = {"model": "a/b", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    tool = {"name": "get", "description": "words", "input_schema": {"type": "object"}}
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    schema = {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}
    plain = estimate_request(messages.CLIENT.parse(orjson.dumps(body)))
    for more in ({"system": "S"}, {"tools": [tool]}, {"tools": [hosted]}, {"output_config": schema}):
        assert estimate_request(messages.CLIENT.parse(orjson.dumps(body | more))) > plain, more
