"""What a Messages client gets of events that no chat upstream makes: signatures, redacted thinking, stop strings."""

from typing import Any

import orjson
import pytest

from freetheai.wire import messages
from freetheai.wire.events import BlockDelta, BlockEnd, BlockKind, BlockStart, Event, Finish, ResponseStart, Usage
from freetheai.wire.fold import fold
from freetheai.wire.formats import Stamp
from freetheai.wire.messages.signed import UNSIGNED
from freetheai.wire.signature import tag
from support.messages_rules import MessageSummary, check_messages_stream

STAMP = Stamp(id="msg_ours", created_s=1, model="pre/alias", origin="gemini:pro")
SHOWN, OMITTED, SILENT = {"type": "adaptive"}, {"type": "adaptive", "display": "omitted"}, None


def block(index: int, kind: BlockKind, text: str = "", signature: str = "", **start: Any) -> list[Event]:
    delta: list[Event] = [BlockDelta(index, text)] if text else []
    return [BlockStart(index, kind, **start), *delta, BlockEnd(index, signature)]


def answered(*blocks: list[Event], thinking: Any = None, end: Finish | None = None) -> MessageSummary:
    """The stream's message; its plain answer must say the same."""
    body = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], "thinking": thinking}
    request = messages.CLIENT.parse(orjson.dumps(body))
    usage = Usage(in_total=100, out_total=20, in_cached=60, in_written=10, out_reasoning=8)
    events = [ResponseStart(), *(event for block_ in blocks for event in block_), usage, end or Finish("stop")]
    encoder = messages.CLIENT.encoder(request, STAMP)
    summary = check_messages_stream(b"".join(map(encoder.encode, events)), model="pre/alias")
    plain = orjson.loads(messages.CLIENT.encode_body(fold(events), request, STAMP))
    assert [_bare(item) for item in plain["content"]] == summary.content
    assert (plain["stop_reason"], plain["stop_sequence"]) == (summary.stop_reason, summary.stop_sequence)
    assert all(plain["usage"][name] == summary.usage[name] for name in ("input_tokens", "output_tokens"))
    return summary


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("citations", "caller")}


@pytest.mark.parametrize(
    ("asked", "signature", "content"),
    [
        pytest.param(SHOWN, "c2ln", [("hm", tag("gemini:pro", "c2ln"))], id="signed"),
        pytest.param(SHOWN, "", [("hm", UNSIGNED)], id="unsigned"),
        pytest.param(OMITTED, "c2ln", [("", tag("gemini:pro", "c2ln"))], id="omitted: the signature alone"),
        pytest.param(OMITTED, "", [], id="omitted and unsigned"),
        pytest.param(SILENT, "c2ln", [], id="not asked for"),
    ],
)
def test_thinking(asked, signature, content):
    found = answered(block(0, "thinking", "hm", signature), block(1, "text", "a"), thinking=asked).content
    assert [(item["thinking"], item["signature"]) for item in found[:-1]] == content
    assert found[-1] == {"type": "text", "text": "a"}


@pytest.mark.parametrize(("asked", "is_shown"), [(SHOWN, True), (SILENT, False)], ids=["asked for", "not asked for"])
def test_redacted_thinking(asked, is_shown):
    found = answered(block(0, "redacted", "b64"), block(1, "text", "a"), thinking=asked).content
    redacted = {"type": "redacted_thinking", "data": tag("gemini:pro", "b64")}
    assert found[:-1] == ([redacted] if is_shown else [])


def test_counts_leave_cached_and_written_tokens_out_of_the_input():
    usage = answered(block(0, "text", "a")).usage
    assert (usage["input_tokens"], usage["output_tokens"]) == (30, 20)
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (60, 10)
    assert usage["output_tokens_details"] == {"thinking_tokens": 8}


@pytest.mark.parametrize(
    ("finish", "stop_reason", "stop_sequence"),
    [
        pytest.param(Finish("stop"), "end_turn", None, id="finished"),
        pytest.param(Finish("length"), "max_tokens", None, id="limit"),
        pytest.param(Finish("stop_sequence", "END"), "stop_sequence", "END", id="stop string"),
        pytest.param(Finish("content_filter"), "refusal", None, id="refused"),
        pytest.param(Finish("context_window"), "model_context_window_exceeded", None, id="window full"),
        pytest.param(Finish("pause"), "pause_turn", None, id="paused"),
    ],
)
def test_stop_reason(finish, stop_reason, stop_sequence):
    summary = answered(block(0, "text", "a"), end=finish)
    assert (summary.stop_reason, summary.stop_sequence) == (stop_reason, stop_sequence)


def test_free_form_input_is_an_object():
    call = block(0, "tool_call", "free text", call_id="c", name="patch", custom=True)
    assert answered(call, end=Finish("tool_calls")).calls() == [("c", "patch", {"input": "free text"})]


def test_a_text_block_without_text_is_none():
    call = block(1, "tool_call", "{}", call_id="c", name="f")
    found = answered(block(0, "text"), call, end=Finish("tool_calls")).content
    assert [item["type"] for item in found] == ["tool_use"]
