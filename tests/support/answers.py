"""One answer, written as each upstream format streams it, with the deviations seen in the wild, and as a plain body.

Whatever deviations are drawn, the answer is the same: so is what every client must see of it.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import strategies as st

from support import chat_streams, gemini_streams, messages_streams, responses_streams
from support.pairs import Seen

Json = dict[str, Any]
Draw = st.DrawFn


@dataclass(slots=True)
class Answer:
    """What a model said, in pieces as it streams them. ``calls`` are names and arguments."""

    thoughts: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    calls: list[tuple[str, Json]] = field(default_factory=list)

    @property
    def seen(self) -> Seen:
        """What every client must see of it."""
        reason = "tool_calls" if self.calls else "stop"
        return Seen("".join(self.texts), "".join(self.thoughts), "", list(self.calls), reason)


_words = st.sampled_from(["a", "Hi ", "\n", "ü", "🎉", '"', "\\", "{}", "null", "<b>", "data: x", "[DONE]", "\u2028"])
_arguments = st.dictionaries(
    st.sampled_from(["path", "n"]), st.one_of(st.integers(-3, 3), _words, st.none(), st.just(["x", {"y": 0.5}]))
)
answers = st.builds(
    Answer,
    st.lists(_words, max_size=3),
    st.lists(_words, min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["get", "set"]), _arguments), max_size=3),
)


def written(arguments: Json) -> str:
    """Arguments as the text a model writes."""
    return orjson.dumps(arguments).decode()


def _pieces(draw: Draw, text: str) -> list[str]:
    """The text cut at some places."""
    places = draw(st.lists(st.integers(0, len(text)), max_size=3))
    edges = sorted({0, len(text), *places})
    return [text[a:b] for a, b in pairwise(edges)]


def _one_of(draw: Draw, *names: str) -> str:
    return draw(st.sampled_from(names))


@st.composite
def chat_wires(draw: Draw, answer: Answer) -> bytes:
    """A Chat Completions stream of the answer."""
    chunk, event = chat_streams.chunk, chat_streams.event
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    reasoning = _one_of(draw, "reasoning_content", "reasoning", "reasoning_text")
    role = _one_of(draw, "once", "always", "never")
    counted = _one_of(draw, "after", "with", "every", "before", "never")
    chunks = [chunk({"role": "assistant", "content": ""})] if role == "once" else []
    chunks += [chunk({reasoning: text}) for text in answer.thoughts]
    chunks += [chunk({"content": text, **({"role": "assistant"} if role == "always" else {})}) for text in answer.texts]
    if answer.calls:
        chunks += [chunk({"tool_calls": pieces}) for pieces in draw(_chat_pieces(answer))]
    if counted == "before":
        chunks.append(chunk(choices=[], usage=usage))
    last = chunk({}, _one_of(draw, "stop", "tool_calls" if answer.calls else "stop", "end_turn", "eos"))
    if draw(st.booleans()):
        last["choices"][0]["message"] = {"role": "assistant", "content": "".join(answer.texts)}
    chunks.append(last | ({"usage": usage} if counted == "with" else {}))
    if counted == "after":
        chunks.append(chunk(choices=[], usage=usage))
    if counted == "every":
        chunks = [item | {"usage": usage} for item in chunks]
    frames = [event(item) for item in chunks]
    for place in draw(st.lists(st.integers(0, len(frames)), max_size=2)):
        frames.insert(place, draw(st.sampled_from([b": keep-alive\n\n", event(chunk()), event({"choices": []})])))
    frames.append(draw(st.sampled_from([b"data: [DONE]\n\n", b"data: [DONE]\n\n", b""])))
    if frames[-1]:
        frames.append(draw(st.sampled_from([b"", event({"choices": [], "cost": "1"}), event(chunk({"content": "x"}))])))
    return b"".join(frames)


@st.composite
def _chat_pieces(draw: Draw, answer: Answer) -> list[list[Json]]:
    """The tool-call pieces, a list a chunk."""
    style = _one_of(
        draw, "usual", "whole", "no index", "no id", "index 0", "late name", "interleaved", "object", "null"
    )
    made: list[list[list[Json]]] = []
    for index, (name, arguments) in enumerate(answer.calls):
        text = written(arguments)
        head: Json = {"index": index, "id": f"call_{index}", "type": "function"}
        texts = [text] if style in ("whole", "no index", "no id") else _pieces(draw, text)
        if not arguments and style in ("null", "usual"):
            texts = []
        first: Json = {**head, "function": {"name": name, "arguments": None if style == "null" else ""}}
        pieces = [first, *({"index": index, "function": {"arguments": piece}} for piece in texts)]
        if style in ("whole", "no index", "no id", "object"):
            pieces = [{**head, "function": {"name": name, "arguments": arguments if style == "object" else text}}]
        if style == "late name":
            pieces = [head, {"index": index, "function": {"name": name}}, *pieces[1:]]
        for piece in pieces:
            if style == "no index":
                piece.pop("index")
            elif style == "index 0":
                piece["index"] = 0
            elif style == "no id":
                piece.pop("id", None)
        made.append([[piece] for piece in pieces])
    if style != "interleaved":
        return [pieces for call in made for pieces in call]
    return [
        [call[number][0] for call in made if number < len(call)] for number in range(max(len(call) for call in made))
    ]


@st.composite
def messages_wires(draw: Draw, answer: Answer) -> bytes:
    """A Messages stream of the answer."""
    made = messages_streams
    stops = _one_of(draw, "always", "always", "never")
    numbering = _one_of(draw, "usual", "usual", "all 0")
    blocks: list[list[Json]] = []
    if answer.thoughts:
        blocks.append(made.thinking(0, *answer.thoughts, signature=_one_of(draw, "c2ln", "")))
    held = draw(st.booleans())
    if held:
        content = {"type": "text", "text": answer.texts[0]}
        deltas = [{"type": "text_delta", "text": text} for text in answer.texts[1:]]
        blocks.append(made.block(0, content, *deltas) if not deltas else made.text(0, *answer.texts))
    else:
        blocks.append(made.text(0, *answer.texts))
    for number, (name, arguments) in enumerate(answer.calls):
        blocks.append(_message_call(draw, number, name, arguments))
    values = [made.start(usage=draw(st.sampled_from([{"input_tokens": 5, "output_tokens": 1}, {}, None])))]
    for index, block in enumerate(blocks):
        events = [{**value, "index": index if numbering == "usual" else 0} for value in block]
        # Without stops only a new index tells that a block is over.
        values += events[:-1] if stops == "never" and numbering == "usual" else events
    reason = _one_of(draw, "end_turn", "tool_use" if answer.calls else "end_turn", "stop")
    delta, stop = made.end(reason, input_tokens=5)
    for place in draw(st.lists(st.integers(1, len(values)), max_size=2)):
        values.insert(place, {"type": _one_of(draw, "ping", "new_event")})
    frames = [made.event(value, named=draw(st.booleans())) for value in (*values, delta)]
    end = draw(st.sampled_from([made.event(stop), made.event(stop) + b"data: [DONE]\n\n", b"data: [DONE]\n\n", b""]))
    after = draw(st.sampled_from([b"", made.event({"type": "ping", "cost": "1"}), *frames[:1]])) if end else b""
    return b"".join([*frames, end, after])


def _message_call(draw: Draw, number: int, name: str, arguments: Json) -> list[Json]:
    call_id = f"toolu_{number}"
    if draw(st.booleans()):
        pieces = _pieces(draw, written(arguments)) if arguments or draw(st.booleans()) else []
        return messages_streams.call(0, call_id, name, *pieces)
    content = {"type": "tool_use", "id": call_id, "name": name, "input": arguments}
    return messages_streams.block(0, content)


@st.composite
def responses_wires(draw: Draw, answer: Answer) -> bytes:
    """A Responses stream of the answer."""
    made = responses_streams
    as_summary = draw(st.booleans())
    groups: list[list[Json]] = []
    if answer.thoughts:
        groups.append(made.reasoning_events(len(groups), answer.thoughts, as_summary=as_summary))
    groups.append(made.message_events(len(groups), answer.texts))
    calls = []
    for number, (name, arguments) in enumerate(answer.calls):
        pieces = _pieces(draw, written(arguments)) if arguments or draw(st.booleans()) else []
        calls.append(made.call_events(len(groups) + number, name, pieces, number))
    output = [group[-1]["item"] for group in (*groups, *calls)]
    kept = _one_of(draw, "all", "all", "done only", "items", "completed only", "no parts")
    if len(calls) > 1 and kept != "done only" and draw(st.booleans()):
        # The items' events take turns, each item's own in order: their order is that of their first events.
        longest = max(len(call) for call in calls)
        calls = [[call[number] for number in range(longest) for call in calls if number < len(call)]]
    told = [event for group in (*groups, *calls) for event in group]
    told = [event for event in told if _is_kept(event["type"], kept)]
    end = made.end(*output if kept == "completed only" or draw(st.booleans()) else ())
    begin = made.begin()[: draw(st.integers(0, 2))]
    numbered, named = draw(st.booleans()), draw(st.booleans())
    events = [*begin, *told, end]
    for place in draw(st.lists(st.integers(0, len(events) - 1), max_size=2)):
        events.insert(place, {"type": _one_of(draw, "response.queued", "ping", "response.new")})
    frames = [
        made.frame(event, number=number if numbered else None, named=named) for number, event in enumerate(events)
    ]
    tail = draw(st.sampled_from([b"", b"data: [DONE]\n\n", b'event: ping\ndata: {"cost":"1"}\n\n', frames[0]]))
    return b"".join(frames) + tail


def _is_kept(kind: str, kept: str) -> bool:
    if kept == "completed only":
        return False
    if kept == "items":
        return "output_item" in kind
    if kept == "done only":
        return kind.endswith("item.done")
    return kept == "all" or "_part." not in kind


@st.composite
def gemini_wires(draw: Draw, answer: Answer) -> bytes:
    """A generateContent stream of the answer."""
    made = gemini_streams
    parts: list[Json] = [{"text": text, "thought": True} for text in answer.thoughts]
    parts += [{"text": text} for text in answer.texts]
    has_ids = _one_of(draw, "no", "yes", "same")
    for number, (name, arguments) in enumerate(answer.calls):
        told = {} if has_ids == "no" else {"id": f"c{number}" if has_ids == "yes" else "c0"}
        parts.append(made.call(name, arguments, **told))
        if not arguments and draw(st.booleans()):
            del parts[-1]["functionCall"]["args"]
        if not number and draw(st.booleans()):
            parts[-1]["thoughtSignature"] = "c2ln"
    edges = sorted({0, len(parts), *draw(st.lists(st.integers(0, len(parts)), max_size=4))})
    counts = made.usage() if draw(st.booleans()) else {}
    chunks = [made.chunk(*parts[a:b], **counts) for a, b in pairwise(edges)]
    if draw(st.booleans()):
        chunks[-1]["candidates"][0]["finishReason"] = "STOP"
    else:
        chunks.append(made.chunk(finish=_one_of(draw, "STOP", "OTHER"), **made.usage()))
    if draw(st.booleans()):
        chunks.append({"usageMetadata": made.usage()["usageMetadata"]})
    if draw(st.booleans()):
        return orjson.dumps(chunks)
    return made.stream(*chunks) + draw(st.sampled_from([b"", b"data: [DONE]\n\n", b": bye\n\n"]))


WIRES = {"chat": chat_wires, "messages": messages_wires, "responses": responses_wires, "gemini": gemini_wires}


def plain_body(upstream: str, answer: Answer) -> bytes:
    """The answer as the upstream gives it at once."""
    return orjson.dumps(_PLAIN[upstream](answer))


def _plain_chat(answer: Answer) -> Json:
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": written(arguments)}}
        for number, (name, arguments) in enumerate(answer.calls)
    ]
    message: Json = {"role": "assistant", "content": "".join(answer.texts)}
    if answer.thoughts:
        message["reasoning_content"] = "".join(answer.thoughts)
    if calls:
        message["tool_calls"] = calls
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return {"id": "chatcmpl-up", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage}


def _plain_message(answer: Answer) -> Json:
    content: list[Json] = []
    if answer.thoughts:
        content.append({"type": "thinking", "thinking": "".join(answer.thoughts), "signature": "c2ln"})
    content.append({"type": "text", "text": "".join(answer.texts)})
    for number, (name, arguments) in enumerate(answer.calls):
        content.append({"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments})
    message = messages_streams.start(content=content, stop_reason="tool_use" if answer.calls else "end_turn")["message"]
    return {**message, "usage": {"input_tokens": 5, "output_tokens": 7}}


def _plain_response(answer: Answer) -> Json:
    made = responses_streams
    output = [made.reasoning("".join(answer.thoughts))] if answer.thoughts else []
    output.append(made.message("".join(answer.texts)))
    for number, (name, arguments) in enumerate(answer.calls):
        output.append(made.call(name, written(arguments), number))
    return made.response(output)


def _plain_gemini(answer: Answer) -> Json:
    parts: list[Json] = [{"text": "".join(answer.thoughts), "thought": True}] if answer.thoughts else []
    parts.append({"text": "".join(answer.texts)})
    parts += [gemini_streams.call(name, arguments) for name, arguments in answer.calls]
    return gemini_streams.chunk(*parts, finish="STOP", **gemini_streams.usage(5, 4, 3))


_PLAIN = {"chat": _plain_chat, "messages": _plain_message, "responses": _plain_response, "gemini": _plain_gemini}
