"""Links that an answer cites: from every upstream to every client that is translated, streamed, plain and sent back."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.wire.citations import linked, placed
from freetheai.wire.events import Citation, Citations
from support import chat_streams
from support.bodies import body, built
from support.citing import URL, answer
from support.pairs import CLIENTS, converted, opened, request, run
from support.responses_rules import check_responses_stream
from support.rounds import kept_of

PAIRS = [
    (client, upstream)
    for client in CLIENTS
    for upstream in ("chat", "messages", "responses", "gemini")
    if client != upstream
]


def found_in(client: str, kept: Any) -> list[tuple[str, str, str]]:
    """What the client can show: address, title and the words it stands for (of Messages: the block's)."""
    if client == "chat":
        notes = [note["url_citation"] for note in kept.message["annotations"]]
        text = kept.message["content"]
        return [(note["url"], note["title"], text[note["start_index"] : note["end_index"]]) for note in notes]
    if client == "messages":
        return [
            (link["url"], link["title"], block["text"]) for block in kept.items for link in block.get("citations") or ()
        ]
    parts = [part for item in kept.items for part in item["content"]]
    return [
        (note["url"], note["title"], part["text"][note["start_index"] : note["end_index"]])
        for part in parts
        for note in part["annotations"]
    ]


words = st.lists(st.text("aé🎉漢 \n", min_size=1, max_size=6), min_size=1, max_size=4)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@settings(max_examples=25)
@given(texts=words, is_plain=st.booleans())
def test_each_link_comes_with_its_words(client, upstream, texts, is_plain):
    asked = request(client, stream=not is_plain)
    data = answer(upstream, texts, is_plain=is_plain)
    if is_plain:
        kept = kept_of(client, converted(client, upstream, data, asked=asked).data, is_plain=True)
    else:
        out = run(opened(client, upstream, asked), [data])
        kept = kept_of(client, out)
        if client == "responses":
            parts = [part for item in check_responses_stream(out).items for part in item.parts.values()]
            told = [note for part in parts for note in part.annotations]
            assert told == [note for item in kept.items for part in item["content"] for note in part["annotations"]]
    expected = [(URL + str(number), f"T{number}", text) for number, text in enumerate(texts)]
    if client == "messages" and upstream in ("chat", "gemini"):
        # One block of text holds all of them.
        expected = [(url, title, "".join(texts)) for url, title, _ in expected]
    assert found_in(client, kept) == expected


@pytest.mark.parametrize("upstream", ["chat", "responses", "gemini"])
def test_a_messages_client_never_sends_our_links_to_a_provider(upstream):
    """An `encrypted_index` that Anthropic did not make would be refused; its own goes back as it came."""
    own = {
        "type": "web_search_result_location",
        "url": URL,
        "title": None,
        "cited_text": "Q",
        "encrypted_index": "EqcB",
    }
    kept = kept_of("messages", run(opened("messages", upstream), [answer(upstream, ["One."], is_plain=False)]))
    kept.items.append({"type": "text", "text": "Two.", "citations": [own]})
    assert len(kept.items[0]["citations"]) == 1
    kept.items.append({"type": "text", "text": "Three.", "citations": [*kept.items[0]["citations"], own]})
    sent = built("messages", "messages", body("messages", **kept.next_request()))["messages"][1]["content"]
    assert sent == [
        {"type": "text", "text": "One."},
        {"type": "text", "text": "Two.", "citations": [own]},
        {"type": "text", "text": "Three.", "citations": [own]},
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_history_with_links_goes_to_every_upstream_as_text(client):
    kept = kept_of(client, run(opened(client, "gemini"), [answer("gemini", ["One."], is_plain=False)]))
    for upstream in ("chat", "messages", "responses", "gemini"):
        sent = orjson.dumps(built(client, upstream, body(client, **kept.next_request())))
        assert b"One." in sent
        # A Responses provider has the same field for them, and gets them as they were.
        assert (URL.encode() in sent) == (client == upstream == "responses")


def test_a_link_of_an_earlier_message_stands_for_the_open_one():
    """A Responses client was told already that the earlier text is done."""
    made = chat_streams
    note = {"type": "url_citation", "url_citation": {"url": URL, "title": "T", "start_index": 0, "end_index": 3}}
    wire = made.stream(
        made.chunk({"content": "One"}),
        made.chunk({"reasoning_content": "Hm"}),
        made.chunk({"content": "Two."}),
        made.chunk({"annotations": [note]}, "stop"),
    )
    output = check_responses_stream(run(opened("responses", "chat"), [wire])).response["output"]
    assert [item["type"] for item in output] == ["message", "reasoning", "message"]
    found = output[2]["content"][0]["annotations"]
    assert [(link["start_index"], link["end_index"]) for link in found] == [(0, 4)]


def test_only_what_a_browser_opens_is_a_link():
    for url in ("", "javascript:alert(1)", "file:///etc/passwd", "gs://b/o", 5, None, ["https://a.example"]):
        assert linked(url) is None
    assert linked("HTTPS://A.example", 5, None, (None, 3)) == Citation("HTTPS://A.example")


@given(
    at=st.integers(0, 9),
    size=st.integers(0, 9),
    start=st.integers(-3, 30),
    end=st.integers(-3, 30),
    in_block=st.booleans(),
)
def test_a_place_always_lies_in_the_text(at, size, start, end, in_block):
    citation = linked(URL, place=(start, end), in_block=in_block)
    assert citation is not None
    found = placed(Citations(0, [citation]), at, size).cited[0]
    assert 0 <= found.start <= found.end <= at + size
