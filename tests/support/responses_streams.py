"""Make upstream Responses streams as providers write them, good and bad, for the properties of the codecs."""

from collections.abc import Iterable
from typing import Any

import orjson
from hypothesis import strategies as st

Json = dict[str, Any]


def event(kind: str, **fields: Any) -> Json:
    return {"type": f"response.{kind}", **fields}


def frame(item: Json, *, number: int | None = None, named: bool = True) -> bytes:
    data = item if number is None else {**item, "sequence_number": number}
    name = b"event: " + str(item.get("type")).encode() + b"\n" if named else b""
    return name + b"data: " + orjson.dumps(data) + b"\n\n"


def stream(events: Iterable[Json]) -> bytes:
    return b"".join(frame(item, number=number) for number, item in enumerate(events))


def response(output: list[Json] | None = None, status: str = "completed", **more: Any) -> Json:
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 12,
    }
    return {
        "id": "resp_up",
        "object": "response",
        "created_at": 1790000000,
        "model": "up/model-1",
        "status": status,
        "output": output or [],
        "usage": usage if status in ("completed", "incomplete") else None,
        **more,
    }


def begin() -> list[Json]:
    told = response(status="in_progress")
    return [event("created", response=told), event("in_progress", response=told)]


def message(text: str, item_id: str = "msg_up", status: str = "completed") -> Json:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def message_events(index: int, pieces: list[str], item_id: str = "msg_up") -> list[Json]:
    place = {"item_id": item_id, "output_index": index, "content_index": 0}
    text = "".join(pieces)
    done = message(text, item_id)
    part = done["content"][0]
    return [
        event("output_item.added", output_index=index, item={**done, "status": "in_progress", "content": []}),
        event("content_part.added", **place, part={**part, "text": ""}),
        *(event("output_text.delta", **place, delta=piece, logprobs=[]) for piece in pieces),
        event("output_text.done", **place, text=text, logprobs=[]),
        event("content_part.done", **place, part=part),
        event("output_item.done", output_index=index, item=done),
    ]


def reasoning(text: str, encrypted: str | None = "gAAA", item_id: str = "rs_up", *, as_summary: bool = True) -> Json:
    pieces = [{"type": "summary_text" if as_summary else "reasoning_text", "text": text}] if text else []
    summary, content = (pieces, []) if as_summary else ([], pieces)
    item = {"id": item_id, "type": "reasoning", "summary": summary, "content": content}
    return {**item, "encrypted_content": encrypted, "status": "completed"}


def reasoning_events(index: int, pieces: list[str], item_id: str = "rs_up", *, as_summary: bool = True) -> list[Json]:
    name = "summary_index" if as_summary else "content_index"
    place = {"item_id": item_id, "output_index": index, name: 0}
    text = "".join(pieces)
    stem = "reasoning_summary_text" if as_summary else "reasoning_text"
    part_stem = "reasoning_summary_part" if as_summary else "content_part"
    part = {"type": "summary_text" if as_summary else "reasoning_text", "text": text}
    empty = reasoning("", None, item_id)
    inner = [
        event(f"{part_stem}.added", **place, part={**part, "text": ""}),
        *(event(f"{stem}.delta", **place, delta=piece) for piece in pieces),
        event(f"{stem}.done", **place, text=text),
        event(f"{part_stem}.done", **place, part=part),
    ]
    return [
        event("output_item.added", output_index=index, item={**empty, "status": "in_progress"}),
        *(inner if text else []),
        event("output_item.done", output_index=index, item=reasoning(text, "gAAA", item_id, as_summary=as_summary)),
    ]


def call(name: str, arguments: str, number: int = 0) -> Json:
    head = {"id": f"fc_{number}", "type": "function_call", "status": "completed", "call_id": f"call_{number}"}
    return {**head, "name": name, "arguments": arguments}


def call_events(index: int, name: str, pieces: list[str], number: int = 0) -> list[Json]:
    place = {"item_id": f"fc_{number}", "output_index": index}
    done = call(name, "".join(pieces), number)
    return [
        event("output_item.added", output_index=index, item={**done, "status": "in_progress", "arguments": ""}),
        *(event("function_call_arguments.delta", **place, delta=piece) for piece in pieces),
        event("function_call_arguments.done", **place, arguments=done["arguments"]),
        event("output_item.done", output_index=index, item=done),
    ]


def end(*output: Json, status: str = "completed", **more: Any) -> Json:
    return event(status, response=response(list(output), status, **more))


# Events of an upstream that gets nearly everything wrong.
_words = st.sampled_from(["", " ", "a", "Hi ", "\n", "ü", "🎉", '"', "\\", "{}", '{"a":', "1}", "null"])
_ids = st.sampled_from([None, "", "msg_up", "rs_up", "fc_0", "fc_1", 5])
_indexes = st.sampled_from([None, 0, 0, 1, 2, 7, -1, "0", True])
annotations = st.fixed_dictionaries(
    {"type": st.sampled_from(["url_citation", "url_citation", "file_citation", None])},
    optional={
        "url": st.sampled_from(["https://a.example/1", "https://a.example/2", "x", 4]),
        "title": st.one_of(_words, st.none()),
        "start_index": st.sampled_from([0, 1, 3, -1, None]),
        "end_index": st.sampled_from([0, 1, 4, None, 2**60]),
    },
)
_parts = st.one_of(
    st.none(),
    st.fixed_dictionaries({"type": st.just("output_text"), "text": _words}),
    st.fixed_dictionaries(
        {"type": st.just("output_text"), "text": _words, "annotations": st.lists(annotations, max_size=2)}
    ),
    st.fixed_dictionaries({"type": st.just("refusal"), "refusal": _words}),
    st.fixed_dictionaries({"type": st.just("reasoning_text"), "text": _words}),
    st.fixed_dictionaries({"type": st.just("summary_text"), "text": st.one_of(_words, st.none())}),
    st.fixed_dictionaries({"type": st.sampled_from([None, "odd", 4])}),
)
_part_lists = st.one_of(st.none(), st.lists(_parts, max_size=3), _words)
items = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message", "reasoning", "function_call", "custom_tool_call", "web_search_call", "image_generation_call"]
        )
    },
    optional={
        "id": _ids,
        "call_id": st.sampled_from(["call_0", "call_1", "", None]),
        "name": st.sampled_from(["get", "set", "patch", "", None, 3]),
        "arguments": st.one_of(_words, st.none(), st.just({"a": 1})),
        "input": st.one_of(_words, st.none()),
        "content": _part_lists,
        "summary": _part_lists,
        "encrypted_content": st.one_of(_words, st.none()),
        "status": st.sampled_from(["completed", "in_progress", "incomplete", None]),
        "result": st.sampled_from([None, "QUJD"]),
    },
)
responses = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["resp_up", "resp_2", None, 4]),
            "created_at": st.sampled_from([1790000000, 1790000000.5, None, "now"]),
            "status": st.sampled_from(["completed", "incomplete", "in_progress", "failed", None]),
            "output": st.one_of(st.none(), st.lists(st.one_of(items, st.none()), max_size=3)),
            "error": st.sampled_from([None, None, {"code": "server_error", "message": "no"}]),
            "incomplete_details": st.sampled_from(
                [None, {"reason": "max_output_tokens"}, {"reason": "content_filter"}]
            ),
            "usage": st.sampled_from([None, {"input_tokens": 1, "output_tokens": 2}, "x", {"input_tokens": -1}]),
        },
    ),
)
_kinds = st.sampled_from(
    [
        *(f"response.{stem}.{end}" for stem in ("output_text", "refusal") for end in ("delta", "done")),
        *(
            f"response.{stem}.{end}"
            for stem in ("reasoning_text", "reasoning_summary_text")
            for end in ("delta", "done")
        ),
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.output_item.added",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.output_text.annotation.added",
        "response.web_search_call.searching",
        "response.created",
        "response.in_progress",
        "response.queued",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.odd",
        "ping",
        None,
    ]
)
events = st.fixed_dictionaries(
    {"type": _kinds},
    optional={
        "sequence_number": st.sampled_from([0, 1, 2, 3, None, "4"]),
        "output_index": _indexes,
        "content_index": _indexes,
        "summary_index": _indexes,
        "item_id": _ids,
        "item": st.one_of(items, st.none()),
        "part": _parts,
        "delta": st.one_of(_words, st.none()),
        "text": st.one_of(_words, st.none()),
        "refusal": _words,
        "arguments": st.one_of(_words, st.none()),
        "input": _words,
        "logprobs": st.sampled_from([None, [], [{"token": "a", "logprob": -0.5, "top_logprobs": []}]]),
        "annotation": st.one_of(annotations, st.sampled_from([None, 5])),
        "annotation_index": _indexes,
        "response": responses,
        "obfuscation": st.just("xyz"),
    },
)


@st.composite
def usual_events(draw: st.DrawFn) -> list[Json]:
    """A good stream of a few items, some of whose events got lost, doubled or moved."""
    made: list[Json] = []
    output: list[Json] = []
    for index in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["message", "reasoning", "summary", "call"]))
        pieces = draw(st.lists(_words, max_size=3))
        if kind == "message":
            new = message_events(index, pieces, f"msg_{index}")
            found = draw(st.lists(annotations, max_size=2))
            new[-1]["item"]["content"][0]["annotations"].extend(found)
            place = {"item_id": f"msg_{index}", "output_index": index, "content_index": 0}
            new[-3:-3] = [
                event("output_text.annotation.added", **place, annotation_index=number, annotation=annotation)
                for number, annotation in enumerate(found)
            ]
        elif kind == "call":
            new = call_events(index, draw(st.sampled_from(["get", "set"])), ['{"a"', ":1}"], index)
        else:
            new = reasoning_events(index, pieces, f"rs_{index}", as_summary=kind == "summary")
        made += new
        output.append(new[-1]["item"])
    status = draw(st.sampled_from(["completed", "completed", "completed", "incomplete"]))
    whole = [*begin(), *made, end(*(output if draw(st.booleans()) else []), status=status)]
    for place in draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        what = draw(st.sampled_from(["lose", "double", "swap"]))
        place = min(place, len(whole) - 1)
        if what == "lose" and len(whole) > 1:
            del whole[place]
        elif what == "double":
            whole.insert(place, whole[place])
        elif place:
            whole[place - 1], whole[place] = whole[place], whole[place - 1]
    return whole


def _written(made: list[Json], numbered: bool, named: bool, tail: bytes) -> bytes:
    return (
        b"".join(frame(item, number=number if numbered else None, named=named) for number, item in enumerate(made))
        + tail
    )


some_streams = st.builds(
    _written,
    st.one_of(
        usual_events(), st.lists(events, max_size=8), st.tuples(usual_events(), events).map(lambda x: x[0] + [x[1]])
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from([b"", b"data: [DONE]\n\n", b": comment\n\n", b"data: {", b'event: ping\ndata: {"cost":"1"}\n\n']),
)
