"""Quirks of chat upstreams that reach into both ways: stop strings that are cut here, and thinking by style."""

import orjson
import pytest

from fakes.replies import chat_events
from freetheai.wire import chat, effort, messages
from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.request import Reasoning
from freetheai.wire.translate import open_stream
from support import chat_streams as made
from support.stream_rules import RequestFacts, check_chat_stream

STAMP = Stamp(id="chatcmpl-1", created_s=1800000000, model="pre/alias", origin="x:y")
PIECES = ["One, t", "wo, thr", "ee, END of", " it"]
NONE = Quirks(max_stop=0)


def asked(stop, **more):
    body = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], "stop": stop, **more}
    return chat.CLIENT.parse(orjson.dumps(body))


def streamed(request, quirks):
    way = open_stream(chat.CLIENT, chat.UPSTREAM, request, STAMP, quirks)
    out = b"".join(way.feed(event) for event in chat_events(PIECES)) + way.end()
    assert way.failure is None
    assert way.is_finished
    return check_chat_stream(out, RequestFacts(model="pre/alias", include_usage=request.include_usage)).first


def plain(request, quirks):
    whole = {"content": "".join(PIECES), "role": "assistant"}
    body = orjson.dumps({"id": "c", "choices": [{"index": 0, "message": whole, "finish_reason": "stop"}]})
    return orjson.loads(chat.CLIENT.relay_body(body, request, STAMP, quirks))["choices"][0]


@pytest.mark.parametrize(
    ("stop", "quirks", "text"),
    [
        pytest.param(["three"], NONE, "One, two, ", id="a provider that knows none"),
        pytest.param("END", NONE, "One, two, three, ", id="a single string"),
        pytest.param(["nowhere", "two"], Quirks(max_stop=1), "One, ", id="more than it takes"),
        pytest.param(["nowhere"], NONE, "One, two, three, END of it", id="none of them said"),
        pytest.param(["two"], Quirks(max_stop=1), "One, two, three, END of it", id="the provider's own affair"),
    ],
)
def test_stop_strings_that_a_provider_does_not_take_are_cut_here(stop, quirks, text):
    first = streamed(asked(stop, stream=True), quirks)
    assert (first.text, first.finish_reason) == (text, "stop")
    choice = plain(asked(stop), quirks)
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, "stop")


def test_a_translated_answer_is_cut_too():
    body = {"model": "pre/alias", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    request = messages.CLIENT.parse(orjson.dumps({**body, "stop_sequences": ["END"]}))
    way = open_stream(messages.CLIENT, chat.UPSTREAM, request, STAMP, NONE)
    out = b"".join(way.feed(event) for event in chat_events(PIECES)) + way.end()
    assert b'"stop_reason":"stop_sequence","stop_sequence":"END"' in out
    assert b"of" not in out


@pytest.mark.parametrize(
    ("style", "reasoning", "fields"),
    [
        ("glm", Reasoning(), {}),
        ("glm", Reasoning(effort="high"), {"thinking": {"type": "enabled", "clear_thinking": False}}),
        ("glm", Reasoning(enabled=False), {"thinking": {"type": "disabled"}}),
        (
            "glm_effort",
            Reasoning(effort="minimal"),
            {"thinking": {"type": "enabled", "clear_thinking": False}, "reasoning_effort": "low"},
        ),
        ("glm_effort", Reasoning(effort="none"), {"thinking": {"type": "disabled"}}),
        ("effort_to_xhigh", Reasoning(effort="max"), {"reasoning_effort": "xhigh"}),
        ("effort_to_xhigh", Reasoning(enabled=False), {"reasoning_effort": "none"}),
        ("effort_to_xhigh", Reasoning(enabled=True), {}),
    ],
)
def test_how_upstreams_are_told_to_think(style, reasoning, fields):
    assert effort.chat_fields(style, reasoning) == fields


FLAG = {"extra_content": {"google": {"thought": True}}}


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        pytest.param([("Add.", FLAG), ("Four", {})], [("thinking", "Add."), ("text", "Four")], id="flagged"),
        pytest.param(
            [("<thought>Add", FLAG), (".", FLAG), ("</thought>Fo", {}), ("ur</thought>", {})],
            [("thinking", "Add."), ("text", "Four</thought>")],
            id="in tags too",
        ),
        pytest.param(
            [("<thought>", FLAG), ("Add.", FLAG), ("</thought>", {}), ("Four", {})],
            [("thinking", "Add."), ("text", "Four")],
            id="tags alone",
        ),
        pytest.param([("<thought>Four", {})], [("text", "<thought>Four")], id="a tag without the flag"),
    ],
)
def test_pieces_that_gemini_flags_are_thoughts(pieces, told):
    decoder = chat.UPSTREAM.decoder(asked(None), NONE)
    data = made.stream(*(made.chunk({"content": text, **flag}) for text, flag in pieces), made.chunk({}, "stop"))
    blocks = fold([*decoder.feed(data), *decoder.end()]).blocks
    assert [(block.kind, block.text) for block in blocks] == told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("Four.", [("text", "Four.")], id="a signed answer is flagged as well"),
        pytest.param("<thought>Add.</thought>\nFour.", [("thinking", "Add."), ("text", "Four.")], id="both in one"),
        pytest.param("<thought>Add.</thought>", [("thinking", "Add.")], id="a thought alone"),
        pytest.param("<thought>Add.", [("thinking", "Add.")], id="cut in the thought"),
    ],
)
def test_of_a_whole_message_that_gemini_flags_only_what_stands_in_tags_is_a_thought(content, told):
    message = {"role": "assistant", "content": content, **FLAG}
    body = orjson.dumps({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    blocks = fold(chat.UPSTREAM.decode_body(body, asked(None), NONE)).blocks
    assert [(block.kind, block.text) for block in blocks] == told
