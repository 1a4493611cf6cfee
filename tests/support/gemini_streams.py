"""Make upstream Gemini streams as providers write them, good and bad, for the properties of the codec."""

from typing import Any

import orjson
from hypothesis import strategies as st

Chunk = dict[str, Any]


def event(chunk: Any) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\r\n\r\n"


def chunk(*parts: Any, finish: Any = None, **more: Any) -> Chunk:
    candidate: Chunk = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-3-pro", "responseId": "resp-up", **more}


def usage(prompt: int = 5, text: int = 7, thoughts: int = 3) -> Chunk:
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": text, "thoughtsTokenCount": thoughts}
    return {"usageMetadata": {**counts, "totalTokenCount": prompt + text + thoughts}}


def stream(*chunks: Chunk) -> bytes:
    return b"".join(map(event, chunks))


def call(name: str = "get", arguments: Any = None, **more: Any) -> Chunk:
    return {"functionCall": {"name": name, "args": {} if arguments is None else arguments, **more}}


_words = st.sampled_from(["", " ", "a", "Hi ", "\n", "ü", "🎉", "\u2028", '"', "{}", "null"])
_signatures = st.sampled_from(["c2ln", "", None, 5])
_any = st.sampled_from([None, 0, "", "x", [], {}, [{}], True, 2**60])
_calls = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["get", "get", "set", "", None, 4]),
        "args": st.sampled_from([{}, {"a": 1}, {"input": "free"}, None, "", "x", '{"a":1}', [1], 3]),
        "id": st.sampled_from(["c0", "c0", "c1", "", None, 7]),
    },
)
_media = st.fixed_dictionaries(
    {}, optional={"mimeType": st.sampled_from(["image/png", None]), "data": st.sampled_from(["QUJD", "", 3])}
)
odd_parts = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.one_of(_words, _any),
            "thought": st.sampled_from([True, False, None]),
            "thoughtSignature": _signatures,
            "functionCall": st.one_of(_calls, _any),
            "inlineData": st.one_of(_media, _any),
            "executableCode": st.just({"code": "1"}),
        },
    ),
    _any,
)
usual_parts = st.one_of(
    st.builds(lambda text: {"text": text}, _words),
    st.builds(lambda text: {"text": text, "thought": True}, _words),
    st.builds(lambda text: {"text": text, "thoughtSignature": "c2ln"}, _words),
    st.builds(lambda name, n: call(name, {"n": n}), st.sampled_from(["get", "set"]), st.integers(0, 3)),
    st.builds(lambda name: {**call(name, id="c0"), "thoughtSignature": "c2ln"}, st.sampled_from(["get", "set"])),
    st.just({"inlineData": {"mimeType": "image/png", "data": "QUJD"}}),
)
good_finishes = st.sampled_from(["STOP", "STOP", "MAX_TOKENS", "SAFETY", "OTHER", "A_NEW_WORD"])
_finishes = st.one_of(st.none(), st.none(), good_finishes, st.sampled_from(["MALFORMED_FUNCTION_CALL", "", 4]))
_segments = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "startIndex": st.sampled_from([0, 1, 3, None, -1, 2**60]),
            "endIndex": st.sampled_from([0, 2, 4, None, "x", 2**60]),
            "text": st.one_of(_words, _any),
        },
    ),
    _any,
)
_groundings = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "groundingChunks": st.one_of(
                st.lists(st.sampled_from([{"web": {"uri": "https://a.example/1"}}, {"web": 4}, {}, None]), max_size=3),
                _any,
            ),
            "groundingSupports": st.one_of(
                st.lists(
                    st.one_of(
                        st.builds(
                            lambda segment, found: {"segment": segment, "groundingChunkIndices": found},
                            _segments,
                            st.sampled_from([[0], [0, 1, 2, 7, -1, None], None]),
                        ),
                        _any,
                    ),
                    max_size=2,
                ),
                _any,
            ),
        },
    ),
    _any,
)
_odd_chunks = st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.one_of(
            st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "index": st.sampled_from([0, 1, None, "0"]),
                        "content": st.one_of(
                            st.fixed_dictionaries({}, optional={"parts": st.one_of(st.lists(odd_parts), _any)}), _any
                        ),
                        "finishReason": _finishes,
                        "groundingMetadata": _groundings,
                        "citationMetadata": st.one_of(
                            st.just({"citationSources": [{"endIndex": 2, "uri": "https://a.example/2"}, None]}), _any
                        ),
                        "logprobsResult": st.one_of(
                            _any, st.just({"chosenCandidates": [{"token": "a", "logProbability": -0.5}, 5]})
                        ),
                    },
                ),
                max_size=2,
            ),
            _any,
        ),
        "promptFeedback": st.one_of(st.just({"blockReason": "SAFETY"}), _any),
        "usageMetadata": st.one_of(st.just(usage()["usageMetadata"]), _any),
        "responseId": _any,
        "modelVersion": _any,
        "error": st.sampled_from([None, None, {"code": 503, "message": "busy", "status": "UNAVAILABLE"}, "x"]),
    },
)


def _usual(parts: list[Any], finish: Any, counted: bool, grounding: Any) -> Chunk:
    made = chunk(*parts, finish=finish, **(usage() if counted else {}))
    made["candidates"][0] |= {"groundingMetadata": grounding} if grounding else {}
    return made


usual_chunks = st.builds(
    _usual,
    st.lists(usual_parts, max_size=3),
    st.one_of(st.none(), st.none(), st.none(), good_finishes),
    st.booleans(),
    st.one_of(st.none(), st.none(), _groundings),
)
some_streams = st.builds(
    lambda made, tail: stream(*made) + tail,
    st.lists(st.one_of(usual_chunks, usual_chunks, usual_chunks, _odd_chunks), max_size=8),
    st.sampled_from(
        [
            b"",
            b": comment\n\n",
            b"data: {",
            event({"error": {"code": 500}}),
            event(chunk(finish="STOP")),
            b"data: [1]\n\n",
        ]
    ),
)
