"""Stop strings for every pair: those the upstream takes are its affair, all others are cut here; none is ever lost."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks, Target
from support import chat_streams, gemini_streams, messages_streams, responses_streams
from support.pairs import PAIRS, UPSTREAMS, converted, opened, plain, request, run, seen

Json = dict[str, Any]

pairs = pytest.mark.parametrize(("client", "upstream"), PAIRS)
# None is part of another, and only the last is blank.
STOPS = ["<a>", "</b>", "STOP", "###", "Üe🎉", "\nUser:", "|end|", "\n\n\n"]
FIELDS = {"chat": "stop", "messages": "stop_sequences"}


def asked(client: str, stops: list[str], **more: Any) -> Any:
    """A request with these stop strings; the Responses format has no field for any."""
    return request(client, **({FIELDS[client]: stops} if client in FIELDS else {}), **more)


def taken_by(client: str, upstream: str, given_request: Any, quirks: Quirks) -> list[str]:
    """The stop strings that the upstream gets."""
    made = UPSTREAMS[upstream]
    data = (made.rewrite if client == upstream else made.build)(given_request, Target(model="m"), quirks)
    body = orjson.loads(data)
    if upstream == "gemini":
        return body.get("generationConfig", {}).get("stopSequences") or []
    found = body.get("stop") or body.get("stop_sequences") or []
    return [found] if isinstance(found, str) else found


def first_of(stops: list[str], text: str) -> int:
    """Where the stop string stands that is complete first; the text's end if there is none."""
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return min(found, default=(len(text), len(text)))[1]


def wire_of(upstream: str, pieces: list[str]) -> bytes:
    """A stream of one text."""
    if upstream == "chat":
        made: Any = chat_streams
        return made.stream(*(made.chunk({"content": piece}) for piece in pieces), made.chunk({}, "stop"))
    if upstream == "messages":
        made = messages_streams
        return made.stream(made.start(), made.text(0, *pieces), made.end())
    if upstream == "responses":
        made = responses_streams
        events = made.message_events(0, pieces)
        return made.stream([*made.begin(), *events, made.end(events[-1]["item"])])
    made = gemini_streams
    return made.stream(*(made.chunk({"text": piece}) for piece in pieces), made.chunk(finish="STOP", **made.usage()))


def body_of(upstream: str, text: str) -> bytes:
    """A plain answer of one text."""
    if upstream == "chat":
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
        return orjson.dumps({"id": "chatcmpl-1", "choices": [choice], "usage": usage})
    if upstream == "messages":
        content = [{"type": "text", "text": text}]
        usage = {"input_tokens": 5, "output_tokens": 7}
        said = {"id": "msg_1", "type": "message", "role": "assistant", "content": content}
        return orjson.dumps({**said, "stop_reason": "end_turn", "usage": usage})
    if upstream == "responses":
        return orjson.dumps(responses_streams.response([responses_streams.message(text)]))
    return orjson.dumps(gemini_streams.chunk({"text": text}, finish="STOP", **gemini_streams.usage(5, 4, 3)))


said = st.lists(st.one_of(st.sampled_from(STOPS), st.sampled_from(["a", "ST", " ", "<", "\n", "Ü"])), max_size=8)


@pairs
@settings(max_examples=40)
@given(
    words=said,
    stops=st.permutations(STOPS).flatmap(lambda all_: st.integers(0, len(all_)).map(lambda n: all_[:n])),
    places=st.lists(st.integers(0, 60), max_size=5),
    max_stop=st.sampled_from([0, 1, 4]),
)
def test_every_stop_string_is_obeyed(client, upstream, words, stops, places, max_stop):
    quirks = Quirks(max_stop=max_stop)
    streaming = asked(client, stops)
    text = "x" + "".join(words)
    taken = taken_by(client, upstream, streaming, quirks)
    assert set(taken) <= set(stops)
    # What the upstream writes: it obeys those it was given.
    written = text[: first_of(taken, text)]
    edges = sorted({0, len(written), *(place for place in places if place < len(written))})
    pieces = [written[a:b] for a, b in pairwise(edges)]
    wanted = text[: first_of(stops if client in FIELDS else [], text)]
    found = seen(client, run(opened(client, upstream, streaming, quirks), [wire_of(upstream, pieces)]), streaming)
    assert (found.text, found.reason) == (wanted, "stop")
    plainly = plain(
        client, upstream, body_of(upstream, written), asked=asked(client, stops, stream=False), quirks=quirks
    )
    assert (plainly.text, plainly.reason) == (wanted, "stop")
    assert plainly.tokens == 12, "what was spent is told although the text was cut"


def blocks_of(upstream: str, texts: list[str], *, is_parted: bool) -> bytes:
    """A stream of several blocks of text; ``is_parted``: something else stands between them."""
    if upstream == "gemini":
        signed: list[Json] = [{"text": text, "thoughtSignature": "c2ln"} for text in texts]
        parts = [part for text in signed for part in (text, {"text": "Hm", "thought": True})] if is_parted else signed
        return gemini_streams.stream(*map(gemini_streams.chunk, parts), gemini_streams.chunk(finish="STOP"))
    made = responses_streams
    events: list[Json] = []
    output: list[Json] = []
    for text in texts:
        index = len(output)
        events += made.message_events(index, [text[:1], text[1:]] if text else [], f"msg_{index}")
        output.append(events[-1]["item"])
        if is_parted:
            events += made.reasoning_events(index + 1, ["Hm"], f"rs_{index}")
            output.append(events[-1]["item"])
    return made.stream([*made.begin(), *events, made.end(*output)])


@pytest.mark.parametrize("client", FIELDS)
@pytest.mark.parametrize("upstream", ["responses", "gemini"])
@pytest.mark.parametrize("is_parted", [False, True])
@settings(max_examples=60)
@given(texts=st.lists(st.text("STOP<a>x", max_size=6), min_size=1, max_size=5))
def test_neighbouring_blocks_of_text_are_one_text_to_stop_strings(client, upstream, is_parted, texts):
    # Gemini's own would be five.
    stops = ["STOP", "<a>", "S<", "aaxx", "OPST", "T>S<P"][::-1]
    given_request = asked(client, stops)
    taken = taken_by(client, upstream, given_request, Quirks())
    if any(stop in text for stop in taken for text in (["".join(texts)] if not is_parted else texts)):
        return  # the upstream would have stopped there
    wire = blocks_of(upstream, texts, is_parted=is_parted)
    runs = texts if is_parted else ["".join(texts)]
    cut = next((number for number, text in enumerate(runs) if first_of(stops, text) < len(text)), len(runs))
    wanted = "".join(runs[:cut]) + "".join(text[: first_of(stops, text)] for text in runs[cut : cut + 1])
    found = seen(client, run(opened(client, upstream, given_request), [wire]), given_request)
    bitwise = run(opened(client, upstream, given_request), [wire[at : at + 1] for at in range(len(wire))])
    assert not found.error or not wanted
    assert (found.text, seen(client, bitwise, given_request).text) == (wanted, wanted)


@pairs
def test_the_stream_is_over_at_the_stop_string(client, upstream):
    if client not in FIELDS:
        return
    given_request = asked(client, STOPS[::-1])
    way = opened(client, upstream, given_request, Quirks(max_stop=0))
    frames = wire_of(upstream, ["One ", "<", "a", "> two", " three"])
    cut_at = frames.index(b"three")
    way.feed(frames[:cut_at])
    is_cut_here = len(taken_by(client, upstream, given_request, Quirks(max_stop=0))) < len(STOPS)
    assert way.is_finished == is_cut_here, "the transfer can be ended: the model would write on, and be paid for it"


def test_of_several_answers_each_is_cut():
    texts = ("One STOP x", "Two", "T|end|")
    parts = [gemini_streams.chunk({"text": text}, finish="STOP")["candidates"][0] for text in texts]
    data = orjson.dumps({"candidates": [{**part, "index": index} for index, part in enumerate(parts)]})
    answer = orjson.loads(converted("chat", "gemini", data, asked=asked("chat", STOPS, n=3, stream=False)).data)
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["One ", "Two", "T"]


@pytest.mark.parametrize("stream", [False, True])
def test_several_answers_that_only_the_upstream_could_cut_are_refused(stream):
    given_request = asked("chat", STOPS, n=2, stream=stream)
    with pytest.raises(ApiError, match="n greater than 1 together with more than 4 stop strings"):
        UPSTREAMS["chat"].rewrite(given_request, Target(model="m"), Quirks())
    with pytest.raises(ApiError, match="n greater than 1 together with stop strings"):
        UPSTREAMS["chat"].rewrite(asked("chat", ["a"], n=2), Target(model="m"), Quirks(max_stop=0))
