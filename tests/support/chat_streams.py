"""Make upstream chat streams as providers write them, good and bad, for the properties of the codecs."""

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import strategies as st

Chunk = dict[str, Any]


def event(chunk: Any) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> Chunk:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-up",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": "up/model-1",
        "choices": [choice],
        **more,
    }


def stream(*chunks: Chunk, done: bool = True) -> bytes:
    return b"".join(map(event, chunks)) + (b"data: [DONE]\n\n" if done else b"")


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


_words = st.sampled_from(
    ["", " ", "a", "Hi ", "\n", "ü", "🎉", "<think>", "</think>", '"', "\\", "{}", '{"a":', "1}", "null"]
)
_ids = st.sampled_from([None, "", "c0", "c1", "c2", 5])
_names = st.sampled_from([None, "", "get", "set", "ge", "t", "other", 7])
_indexes = st.sampled_from([None, 0, 1, 2, 5, -1, "0", True, 2**60])
_arguments = st.sampled_from([None, "", "{", "}", "{}", '{"a":', '{"a":1}', "1}", " ", {"a": 1}, [], 3, "null", "x"])
_pieces = st.fixed_dictionaries(
    {},
    optional={
        "index": _indexes,
        "id": _ids,
        "type": st.sampled_from(["function", None, "custom"]),
        "function": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"name": _names, "arguments": _arguments})),
        "custom": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"name": _names, "input": _words})),
    },
)
_parts = st.lists(
    st.one_of(
        _words,
        st.fixed_dictionaries({"type": st.just("text"), "text": _words}),
        st.fixed_dictionaries({"type": st.just("thinking"), "thinking": _words}),
        st.fixed_dictionaries(
            {"type": st.just("image_url"), "image_url": st.just({"url": "data:image/png;base64,QUJD"})}
        ),
        st.integers(-5, 5),
    ),
    max_size=3,
)
annotations = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["url_citation", "file_citation", None])},
            optional={
                "url": st.sampled_from(["https://a.example/1", "", 4]),
                "url_citation": st.fixed_dictionaries(
                    {},
                    optional={
                        "url": st.sampled_from(["https://a.example/2", "javascript:x", None]),
                        "title": st.one_of(_words, st.none()),
                        "start_index": st.sampled_from([0, 1, 3, -1, None, 2**60, True]),
                        "end_index": st.sampled_from([0, 1, 4, None, 2**60]),
                    },
                ),
            },
        ),
        st.sampled_from([None, 5, "x"]),
    ),
    max_size=2,
)
details = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["reasoning.text", "reasoning.encrypted", None])},
            optional={
                "text": st.one_of(_words, st.none()),
                "signature": st.sampled_from(["sig", "", None, 3]),
                "data": st.sampled_from(["gAAA", "", None, {}]),
                "index": st.sampled_from([0, 1, None]),
            },
        ),
        st.sampled_from([None, 5]),
    ),
    max_size=2,
)
_deltas = st.one_of(
    st.none(),
    st.integers(-5, 5),
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["assistant", "", None, "user"]),
            "content": st.one_of(st.none(), _words, _words, _words, _parts, st.integers(-5, 5)),
            "reasoning_content": st.one_of(st.none(), _words),
            "reasoning": st.one_of(st.none(), _words, _parts),
            "refusal": st.one_of(st.none(), _words),
            "tool_calls": st.one_of(st.none(), st.lists(st.one_of(_pieces, st.none()), max_size=3), st.integers(-5, 5)),
            "function_call": st.fixed_dictionaries({}, optional={"name": _names, "arguments": _arguments}),
            "images": st.one_of(st.none(), _parts),
            "annotations": st.one_of(st.none(), annotations, _words),
            "reasoning_details": st.one_of(st.none(), details),
        },
    ),
)
_finishes = st.sampled_from(
    [None, None, None, None, "", "null", "stop", "length", "tool_calls", "content_filter", "eos", "error", 4]
)
_usages = st.sampled_from(
    [None, {}, {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}, {"prompt_tokens": -1}, "x", [1]]
)
_choices = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 0, 0, 1, None, "0"]),
        "delta": _deltas,
        "message": _deltas,
        "finish_reason": _finishes,
        "logprobs": st.one_of(st.none(), st.just({"content": [{"token": "a", "logprob": -0.5}]})),
        "usage": _usages,
    },
)
chunks = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["chatcmpl-up", "chatcmpl-2", "gen-1", None, 7, ""]),
        "object": st.sampled_from(["chat.completion.chunk", "x", None]),
        "created": st.sampled_from([1790000000, 1790000001, None, "now", 0.5]),
        "model": st.sampled_from(["up/model-1", None]),
        "choices": st.one_of(
            st.lists(_choices, min_size=1, max_size=1),
            st.lists(_choices, max_size=3),
            st.none(),
            st.just([None]),
        ),
        "usage": _usages,
        "obfuscation": st.just("xyz"),
        "cost": st.just("0.1"),
        "citations": st.sampled_from([None, [], ["https://a.example/3", 4], "x"]),
        "system_fingerprint": st.just("fp_1"),
        "x_groq": st.sampled_from([None, {"id": "r"}, {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}]),
    },
)

# Chunks as a provider with ordinary faults writes them: these mostly end well.
usual_pieces = st.fixed_dictionaries(
    {
        "index": st.sampled_from([0, 0, 1]),
        "function": st.fixed_dictionaries({"arguments": st.sampled_from(["{}", "", None])}),
    },
    optional={"id": st.sampled_from(["c0", "c1"]), "type": st.just("function")},
)
usual_chunks = st.builds(
    chunk,
    st.one_of(
        st.builds(lambda text: {"content": text}, _words),
        st.builds(lambda text: {"role": "assistant", "content": text}, _words),
        st.builds(lambda text: {"reasoning_content": text}, _words),
        st.builds(lambda found: {"annotations": found}, annotations),
        st.builds(lambda found: {"reasoning_details": found}, details),
        st.builds(lambda piece: {"tool_calls": [piece]}, usual_pieces),
        st.builds(
            lambda index, name: {
                "tool_calls": [
                    {"index": index, "id": f"c{index}", "type": "function", "function": {"name": name, "arguments": ""}}
                ]
            },
            st.sampled_from([0, 1]),
            st.sampled_from(["get", "set"]),
        ),
    ),
    st.sampled_from([None, None, None, None, None, "stop", "tool_calls", "length"]),
)
some_streams = st.builds(
    lambda made, done, tail: b"".join(map(event, made)) + (b"data: [DONE]\n\n" if done else b"") + tail,
    st.one_of(st.lists(usual_chunks, max_size=8), st.lists(st.one_of(chunks, usual_chunks), max_size=8)),
    st.booleans(),
    st.sampled_from([b"", b": comment\n\n", b"data: {", event({"choices": [], "cost": "1"}), event({"error": "no"})]),
)
