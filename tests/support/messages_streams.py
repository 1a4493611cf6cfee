"""Make upstream Messages streams as providers write them, good and bad, for the properties of the codecs."""

from typing import Any

import orjson
from hypothesis import strategies as st

Value = dict[str, Any]


def event(value: Any, *, named: bool = True) -> bytes:
    name = value.get("type") if isinstance(value, dict) else None
    line = b"event: " + name.encode() + b"\n" if named and isinstance(name, str) else b""
    return line + b"data: " + orjson.dumps(value) + b"\n\n"


def start(**more: Any) -> Value:
    message = {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "up-model-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 1},
    }
    return {"type": "message_start", "message": message | more}


def block(index: int, content: Value, *deltas: Value, stop: bool = True) -> list[Value]:
    """A block's events: its start, its deltas, its stop."""
    values = [{"type": "content_block_start", "index": index, "content_block": content}]
    values += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return values + ([{"type": "content_block_stop", "index": index}] if stop else [])


def text(index: int, *pieces: str) -> list[Value]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def thinking(index: int, *pieces: str, signature: str = "") -> list[Value]:
    deltas: list[Value] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    if signature:
        deltas.append({"type": "signature_delta", "signature": signature})
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas)


def call(index: int, call_id: str, name: str, *pieces: str) -> list[Value]:
    content = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return block(index, content, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def end(reason: str | None = "end_turn", **usage: Any) -> list[Value]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7} | usage},
        {"type": "message_stop"},
    ]


def stream(*values: Value | list[Value]) -> bytes:
    flat: list[Value] = []
    for value in values:
        flat.extend(value if isinstance(value, list) else [value])
    return b"".join(map(event, flat))


_words = st.sampled_from(["", " ", "a", "Hi ", "\n", "ü", "🎉", '"', "\\", "{}", '{"a":', "1}", "null"])
_indexes = st.sampled_from([0, 0, 0, 1, 1, 2, -1, None, "0", True])
_odd = st.sampled_from([None, 5, "x", [], {}])
_inputs = st.sampled_from([{}, {}, {"a": 1}, None, "", '{"a":1}', "x", [1], 3])
_contents = st.one_of(
    st.fixed_dictionaries({"type": st.just("text")}, optional={"text": st.one_of(_words, _odd)}),
    st.fixed_dictionaries(
        {"type": st.just("thinking")},
        optional={"thinking": st.one_of(_words, _odd), "signature": st.sampled_from(["", "sig", None, 3])},
    ),
    st.fixed_dictionaries(
        {"type": st.just("redacted_thinking")}, optional={"data": st.sampled_from(["abc", "", None])}
    ),
    st.fixed_dictionaries(
        {"type": st.just("tool_use"), "name": st.sampled_from(["get", "set", "get", "set", "", None, 7])},
        optional={"id": st.sampled_from(["c0", "c1", "", None, 4]), "input": _inputs},
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["server_tool_use", "web_search_tool_result", "new_kind", None, 5])}
    ),
    _odd,
)
citations = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["web_search_result_location", "search_result_location", "char_location", None, 5])},
        optional={
            "url": st.sampled_from(["https://a.example/1", "x", None]),
            "source": st.sampled_from(["https://a.example/2", "my notes", 3]),
            "title": st.sampled_from(["One", None, 4]),
            "cited_text": st.sampled_from(["Far", None, []]),
        },
    ),
    _odd,
)
_deltas = st.one_of(
    st.fixed_dictionaries({"type": st.just("text_delta")}, optional={"text": st.one_of(_words, _odd)}),
    st.fixed_dictionaries({"type": st.just("thinking_delta")}, optional={"thinking": st.one_of(_words, _odd)}),
    st.fixed_dictionaries(
        {"type": st.just("signature_delta")}, optional={"signature": st.sampled_from(["s", "", None])}
    ),
    st.fixed_dictionaries(
        {"type": st.just("input_json_delta")},
        optional={"partial_json": st.one_of(st.sampled_from(["{", "}", "{}", '{"a":', "1}", "x"]), _odd)},
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["citations_delta", "new_delta", None, 5])}),
    st.builds(lambda found: {"type": "citations_delta", "citation": found}, citations),
    _odd,
)
_usages = st.sampled_from(
    [
        None,
        {},
        {"input_tokens": 3},
        {"output_tokens": 4},
        {"input_tokens": 0, "output_tokens": 2},
        {"output_tokens": -1},
        "x",
    ]
)
_reasons = st.sampled_from(
    [
        "end_turn",
        "end_turn",
        "tool_use",
        "max_tokens",
        "stop_sequence",
        "refusal",
        "pause_turn",
        "stop",
        None,
        "",
        "error",
        4,
    ]
)
_starts = st.builds(
    start,
    id=st.sampled_from(["msg_up", "gen-1", None, 7]),
    usage=_usages,
    model=st.sampled_from(["up-model-1", None, "msg_up"]),
)
values = st.one_of(
    _starts,
    st.builds(
        lambda index, content: {"type": "content_block_start", "index": index, "content_block": content},
        _indexes,
        _contents,
    ),
    st.builds(lambda index, delta: {"type": "content_block_delta", "index": index, "delta": delta}, _indexes, _deltas),
    st.builds(lambda index: {"type": "content_block_stop", "index": index}, _indexes),
    st.builds(
        lambda reason, usage: {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        _reasons,
        _usages,
    ),
    st.sampled_from(
        [
            {"type": "message_stop"},
            {"type": "ping"},
            {"type": "ping", "cost": "0.1"},
            {"type": "message_delta"},
            {"type": 5},
            {},
            [],
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        ]
    ),
)
# Blocks as a provider with ordinary faults writes them: these mostly end well.
_usual_blocks = st.one_of(
    st.builds(lambda index, piece: text(index, piece), st.sampled_from([0, 1, 2]), _words),
    st.builds(
        lambda index, piece, found: block(
            index,
            {"type": "text", "text": ""},
            {"type": "citations_delta", "citation": found},
            {"type": "text_delta", "text": piece},
            {"type": "citations_delta", "citation": found},
        ),
        st.sampled_from([0, 1, 2]),
        _words,
        citations,
    ),
    st.builds(lambda index, piece: thinking(index, piece, signature="s"), st.sampled_from([0, 1, 2]), _words),
    st.builds(
        lambda index, name, pieces, stop: call(index, f"c{index}", name, *pieces)[: None if stop else -1],
        st.sampled_from([0, 1, 2]),
        st.sampled_from(["get", "set"]),
        st.sampled_from([(), ("",), ("{}",), ('{"a":', "1}")]),
        st.booleans(),
    ),
)
_usual = st.builds(
    lambda blocks, reason: stream(start(), *blocks, end(reason)),
    st.lists(_usual_blocks, max_size=4),
    st.sampled_from(["end_turn", "tool_use", "max_tokens"]),
)


def _mixed(blocks: list[list[Value]], order: list[int], reason: str) -> bytes:
    """Blocks whose events overlap in some order."""
    queues = [list(block_) for block_ in blocks]
    flat: list[Value] = []
    for number in order:
        queue = queues[number % len(queues)] if queues else []
        flat.extend([queue.pop(0)] if queue else [])
    for queue in queues:
        flat.extend(queue)
    return stream(start(), flat, end(reason))


_overlapping = st.builds(
    _mixed,
    st.permutations([0, 1, 2]).flatmap(
        lambda order: st.tuples(
            st.just(call(order[0], "c0", "get", '{"a":', "1}")),
            st.just(call(order[1], "c1", "set")),
            st.one_of(st.just(text(order[2], "x", "y")), st.just(thinking(order[2], "h"))),
        ).map(list)
    ),
    st.lists(st.integers(0, 2), max_size=12),
    st.sampled_from(["end_turn", "tool_use"]),
)
_wild = st.builds(
    lambda found, named: b"".join(event(value, named=named) for value in found),
    st.lists(values, max_size=10),
    st.booleans(),
)
some_streams = st.one_of(_usual, _overlapping, _wild, st.builds(lambda a, b: a + b, _wild, _usual))
