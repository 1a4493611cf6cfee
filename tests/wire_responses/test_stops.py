"""Stop strings for upstreams that know none: cut in the text, wherever the pieces are cut."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.wire import chat, responses
from freetheai.wire.events import Finish
from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks, Stamp, Target
from freetheai.wire.translate import convert_body, open_stream
from support import responses_streams as made
from support.responses_rules import check_responses_stream
from support.stream_rules import RequestFacts, check_chat_stream


def request(*stops: str) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stop": list(stops), "stream": True}
    return chat.CLIENT.parse(orjson.dumps(body))


def wire(pieces: list[str], *before: dict[str, Any]) -> bytes:
    index = 1 if before else 0
    return made.stream([*made.begin(), *before, *made.message_events(index, pieces), made.end()])


def decoded(data: bytes, *stops: str) -> Any:
    decoder = responses.UPSTREAM.decoder(request(*stops), Quirks())
    return fold([*decoder.feed(data), *decoder.end()])


@pytest.mark.parametrize(
    ("pieces", "stops", "text", "stopped_by"),
    [
        pytest.param(["Hello END more"], ["END"], "Hello ", "END", id="in one piece"),
        pytest.param(["Hello E", "N", "D more"], ["END"], "Hello ", "END", id="over three pieces"),
        pytest.param(["Hello E", "N", "X"], ["END"], "Hello ENX", "", id="only the beginning of one"),
        pytest.param(["Hello EN"], ["END"], "Hello EN", "", id="the text ends within one"),
        pytest.param(["aab"], ["ab", "aab"], "", "aab", id="the earliest of two"),
        pytest.param(["xab"], ["a", "ab"], "x", "a", id="the first that is complete"),
        pytest.param(["a[b]"], ["[b]", "b"], "a[", "b", id="one that is complete within another"),
        pytest.param(["EEND"], ["END"], "E", "END", id="a false start right before"),
        pytest.param(["Hello"], ["!"], "Hello", "", id="none"),
        pytest.param(["END"], ["END"], "", "END", id="at once"),
    ],
)
def test_cut(pieces, stops, text, stopped_by):
    response = decoded(wire(pieces), *stops)
    assert response.text() == text
    assert response.stop_sequence == stopped_by
    assert response.reason == ("stop_sequence" if stopped_by else "stop")


def test_reasoning_and_arguments_are_not_looked_at():
    data = made.stream(
        [
            *made.begin(),
            *made.reasoning_events(0, ["END of thought"]),
            *made.call_events(1, "get", ['{"a":"END"}']),
            made.end(),
        ]
    )
    response = decoded(data, "END")
    assert response.blocks[0].text == "END of thought"
    assert response.blocks[1].call.arguments == '{"a":"END"}'
    assert response.reason == "tool_calls"


@given(
    text=st.text("aEND ", max_size=30),
    places=st.lists(st.integers(0, 30), max_size=5),
    stops=st.lists(st.sampled_from(["END", "a", "EN", "NDa", "  "]), min_size=1, max_size=3),
)
def test_where_the_pieces_are_cut_does_not_matter(text, places, stops):
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    pieces = [text[a:b] for a, b in pairwise(edges)] or [""]
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    expected = text[: min(ends)] if ends else text
    assert decoded(wire(pieces), *stops).text() == expected
    plain = orjson.dumps(made.response([made.message(text)] if text else []))
    events = responses.UPSTREAM.decode_body(plain, request(*stops), Quirks())
    assert fold(events).text() == expected
    assert not ends or isinstance(events[-1], Finish)


def test_the_stream_is_over_at_the_match():
    stamp = Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias")
    way = open_stream(chat.CLIENT, responses.UPSTREAM, request("END"), stamp, Quirks())
    data = wire(["Hello ", "END", " more"])
    out = way.feed(data[: data.index(b" more")])
    assert way.is_finished
    summary = check_chat_stream(out, RequestFacts(model="pre/alias"))
    assert summary.first.text == "Hello "
    assert summary.first.finish_reason == "stop"
    assert way.feed(data[data.index(b" more") :]) == b""


def test_a_clients_own_stop_is_cut_and_never_sent():
    body = {"model": "m", "input": "Hi", "stop": ["END"], "stream": True}
    asked = responses.CLIENT.parse(orjson.dumps(body))
    sent = orjson.loads(responses.UPSTREAM.rewrite(asked, Target(model="up"), Quirks()))
    assert "stop" not in sent
    stamp = Stamp(id="resp_ours", created_s=1800000000, model="pre/alias")
    way = open_stream(responses.CLIENT, responses.UPSTREAM, asked, stamp, Quirks())
    out = way.feed(wire(["Hello ", "END", " more"]))
    assert way.is_finished
    assert check_responses_stream(out).text == "Hello "
    plain = orjson.dumps(made.response([made.message("Hello END more")]))
    told = orjson.loads(convert_body(responses.CLIENT, responses.UPSTREAM, asked, stamp, Quirks(), plain).data)
    assert told["output"][0]["content"][0]["text"] == "Hello "
