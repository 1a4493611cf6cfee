"""Turns become contents: roles, results, media, signatures."""

from typing import Any

import orjson
import pytest

from freetheai.errors import ApiError
from freetheai.wire import chat, gemini, messages, responses
from freetheai.wire.formats import ClientFormat, Quirks, Stamp, Target
from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from freetheai.wire.signature import tag
from freetheai.wire.translate import convert_body

NEW = Target(model="gemini-3-pro-preview", origin="gemini:gemini-3-pro-preview")
OLD = Target(model="gemini-2.5-flash", origin="gemini:gemini-2.5-flash")
DUMMY = "skip_thought_signature_validator"
PNG = "iVBORw0KGgoAAAA="


def contents(*turns: Turn, target: Target = OLD) -> list[Any]:
    request = ChatRequest(format="chat", body={}, model="pre/alias", turns=list(turns))
    found = orjson.loads(gemini.UPSTREAM.build(request, target, Quirks()))["contents"]
    assert isinstance(found, list)
    return found


def user(*parts: Part) -> Turn:
    return Turn("user", list(parts))


def model(*parts: Part) -> Turn:
    return Turn("assistant", list(parts))


def text(words: str) -> TextPart:
    return TextPart(words)


def roles(found: list[Any]) -> list[str]:
    return [content["role"] for content in found]


def test_neighbours_of_one_role_are_one_content_with_their_parts_apart():
    found = contents(user(text("a")), user(text("b"), text("")), model(text("c")), model(RefusalPart("d")))
    assert found == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
    ]


@pytest.mark.parametrize(
    "turns", [pytest.param([], id="nothing"), pytest.param([model(text("Hello!"))], id="a greeting")]
)
def test_the_user_speaks_first(turns):
    found = contents(*turns)
    assert found[0] == {"role": "user", "parts": [{"text": "."}]}
    assert roles(found[1:]) == ["model"] * len(turns)


def test_system_text_in_the_middle_is_told_in_place_by_the_user():
    found = contents(user(text("a")), model(text("b")), Turn("system", [text("Be brief.")]), user(text("c")))
    assert found[2] == {"role": "user", "parts": [{"text": "<system>\nBe brief.\n</system>"}, {"text": "c"}]}


def test_results_stand_first_in_the_order_of_the_calls_under_their_names():
    calls = [
        ToolCallPart("a", "get", '{"n":1}'),
        ToolCallPart("b", "set", ""),
        ToolCallPart("c", "t", "{}", namespace="ns"),
    ]
    answers = [ToolResultPart("c", [text("3")]), ToolResultPart("a", [text('{"x":1}')], name="other")]
    found = contents(user(text("Go")), model(text("Both."), *calls), user(text("and"), *answers))
    assert found[1]["parts"] == [
        {"text": "Both."},
        {"functionCall": {"id": "a", "name": "get", "args": {"n": 1}}},
        {"functionCall": {"id": "b", "name": "set", "args": {}}},
        {"functionCall": {"id": "c", "name": "ns__t", "args": {}}},
    ]
    assert found[2]["parts"] == [
        {"functionResponse": {"id": "a", "name": "get", "response": {"x": 1}}},
        {"functionResponse": {"id": "b", "name": "set", "response": {"error": "no result"}}},
        {"functionResponse": {"id": "c", "name": "ns__t", "response": {"output": "3"}}},
        {"text": "and"},
    ]


@pytest.mark.parametrize(
    ("words", "is_error", "response"),
    [
        pytest.param("sunny", False, {"output": "sunny"}, id="text"),
        pytest.param("", False, {"output": ""}, id="nothing"),
        pytest.param(' {"a": [1]} ', False, {"a": [1]}, id="an object"),
        pytest.param("[1]", False, {"output": "[1]"}, id="a list is text"),
        pytest.param('{"a":', False, {"output": '{"a":'}, id="half an object is text"),
        pytest.param('{"a": 1}', True, {"error": '{"a": 1}'}, id="an error"),
        pytest.param('{"a":' * 300 + "1" + "}" * 300, False, None, id="an object too deep to be written is text"),
    ],
)
def test_what_a_tool_gave_back_is_an_object(words, is_error, response):
    result = ToolResultPart("a", [text(words)], is_error=is_error)
    found = contents(user(text("Go")), model(ToolCallPart("a", "get", "{}")), user(result))
    expected = {"output": words} if response is None else response
    assert found[2]["parts"][0]["functionResponse"]["response"] == expected


def test_a_call_is_answered_even_where_the_client_forgot():
    found = contents(user(text("Go")), model(ToolCallPart("a", "get", "{}")))
    assert roles(found) == ["user", "model", "user"]
    assert found[2]["parts"][0]["functionResponse"]["response"] == {"error": "no result"}


def test_a_result_without_a_call_is_text():
    found = contents(user(text("Go")), model(text("ok")), user(ToolResultPart("z", [text("42")])))
    assert found[2] == {"role": "user", "parts": [{"text": "[result of an earlier tool call] 42"}]}


def test_arguments_that_are_no_json_and_free_text_become_objects():
    calls = [
        ToolCallPart("a", "get", '{"a":[1'),
        ToolCallPart("b", "get", "3"),
        ToolCallPart("c", "patch", "*** x", custom=True),
    ]
    found = contents(user(text("Go")), model(*calls))
    arguments = [part["functionCall"]["args"] for part in found[1]["parts"]]
    assert arguments == [{"a": [1]}, {"value": 3}, {"input": "*** x"}]


def test_a_name_that_had_to_be_changed_is_changed_in_call_and_result():
    found = contents(
        user(text("Go")), model(ToolCallPart("a", "my tool", "{}")), user(ToolResultPart("a", [text("1")]))
    )
    name = found[1]["parts"][0]["functionCall"]["name"]
    assert name.startswith("my_tool_")
    assert found[2]["parts"][0]["functionResponse"]["name"] == name


@pytest.mark.parametrize(
    ("part", "written"),
    [
        pytest.param(
            ImagePart("image/gif", "R0lG"), {"inlineData": {"mimeType": "image/gif", "data": "R0lG"}}, id="image"
        ),
        pytest.param(ImagePart("", PNG), {"inlineData": {"mimeType": "image/png", "data": PNG}}, id="image of no type"),
        pytest.param(
            ImagePart(url="https://h/a.WEBP?x=1"),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://h/a.WEBP?x=1"}},
            id="linked image",
        ),
        pytest.param(
            ImagePart(url="https://h/a"),
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://h/a"}},
            id="linked image of no type",
        ),
        pytest.param(AudioPart("QQ==", "mp3"), {"inlineData": {"mimeType": "audio/mp3", "data": "QQ=="}}, id="audio"),
        pytest.param(
            FilePart("application/pdf", "QQ=="),
            {"inlineData": {"mimeType": "application/pdf", "data": "QQ=="}},
            id="PDF",
        ),
        pytest.param(
            FilePart("", "QQ==", name="a.csv"),
            {"inlineData": {"mimeType": "text/csv", "data": "QQ=="}},
            id="file by name",
        ),
        pytest.param(
            FilePart(url="https://h/a"),
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://h/a"}},
            id="linked document",
        ),
        pytest.param(FilePart("text/plain", "words", name="n", is_text=True), {"text": "[n]\nwords"}, id="text file"),
    ],
)
def test_media(part, written):
    assert contents(user(part))[0]["parts"] == [written]


def test_images_of_results_are_inside_them_from_generation_3_on_and_behind_all_of_them_before():
    image = ImagePart("image/png", PNG)
    turns = [
        user(text("Go")),
        model(ToolCallPart("a", "get", "{}"), ToolCallPart("b", "get", "{}")),
        user(ToolResultPart("a", [text("see"), image]), ToolResultPart("b", [text("ok")]), text("?")),
    ]
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    new = contents(*turns, target=NEW)[2]["parts"]
    assert new[0]["functionResponse"]["response"] == {"output": "see"}
    assert new[0]["functionResponse"]["parts"] == [inline]
    assert "parts" not in new[1]["functionResponse"]
    old = contents(*turns)[2]["parts"]
    assert [next(iter(part)) for part in old] == ["functionResponse", "functionResponse", "text", "inlineData", "text"]
    assert old[0]["functionResponse"]["response"] == {"output": "see\n[shown below]"}
    assert old[3] == inline


def test_what_a_model_cannot_read_is_refused_by_name_and_marked_inside_results():
    blind = Target(model="gemini-3-pro", supports_image_input=False)
    image = ImagePart("image/png", PNG)
    with pytest.raises(ApiError, match="image input is not supported"):
        contents(user(image), target=blind)
    with pytest.raises(ApiError, match="video_url input is not supported"):
        contents(user(OpaquePart("video_url", {})))
    found = contents(
        user(text("Go")), model(ToolCallPart("a", "get", "{}")), user(ToolResultPart("a", [image])), target=blind
    )
    assert "can't read images" in found[2]["parts"][0]["functionResponse"]["response"]["output"]
    assert "parts" not in found[2]["parts"][0]["functionResponse"]


class TestSignatures:
    """Opaque values go back to the model that made them, on the part they came on."""

    def test_own_ones_go_back_each_on_its_part(self):
        own = tag(NEW.origin, "c2lnMQ==")
        thoughts = [ThinkingPart("Hm.", tag(NEW.origin, "c2lnMA==")), ThinkingPart("", tag(NEW.origin, "c2lnMg=="))]
        calls = [ToolCallPart("a", "get", "{}", signature=own), ToolCallPart("b", "get", "{}")]
        found = contents(user(text("Go")), model(*thoughts, text("ok"), *calls), target=NEW)
        assert found[1]["parts"] == [
            {"text": "Hm.", "thought": True, "thoughtSignature": "c2lnMA=="},
            {"text": "", "thoughtSignature": "c2lnMg=="},
            {"text": "ok"},
            {"functionCall": {"id": "a", "name": "get", "args": {}}, "thoughtSignature": "c2lnMQ=="},
            {"functionCall": {"id": "b", "name": "get", "args": {}}},
        ]

    @pytest.mark.parametrize(
        "signature",
        [
            pytest.param("", id="none"),
            pytest.param("c2ln", id="untagged"),
            pytest.param(tag("gemini:gemini-3-flash", "c2ln"), id="of another model"),
            pytest.param(tag("anthropic:claude", "c2ln"), id="of another family"),
            pytest.param("fta1.unsigned", id="nobody's"),
        ],
    )
    def test_no_other_ever_goes_out(self, signature):
        turn = model(
            ThinkingPart("Hm.", signature), RedactedPart(signature), ToolCallPart("a", "get", "{}", signature=signature)
        )
        call = {"functionCall": {"id": "a", "name": "get", "args": {}}}
        assert contents(user(text("Go")), turn, target=OLD)[1]["parts"] == [call]
        assert contents(user(text("Go")), turn, target=NEW)[1]["parts"] == [{**call, "thoughtSignature": DUMMY}]

    def test_the_first_call_of_each_model_turn_gets_the_dummy_and_no_other(self):
        calls = [ToolCallPart(call_id, "get", "{}") for call_id in "abc"]
        found = contents(
            user(text("Go")),
            model(calls[0]),
            user(ToolResultPart("a", [text("1")])),
            model(text("more"), calls[1], calls[2]),
            target=NEW,
        )
        signed = [
            (part["functionCall"]["id"], part.get("thoughtSignature"))
            for content in found
            for part in content["parts"]
            if "functionCall" in part
        ]
        assert signed == [("a", DUMMY), ("b", DUMMY), ("c", None)]

    def test_a_turn_of_nothing_but_foreign_thinking_leaves_no_trace(self):
        found = contents(user(text("a")), model(ThinkingPart("Hm.")), user(text("b")))
        assert found == [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]

    @pytest.mark.parametrize("client", [chat.CLIENT, messages.CLIENT, responses.CLIENT], ids=lambda client: client.name)
    def test_what_an_answer_was_signed_with_comes_back_through_the_client(self, client):
        """Clients echo what they got: the message, the content, the items."""
        parts: list[Any] = [
            {"text": "Hm.", "thought": True, "thoughtSignature": "c2lnMA=="},
            {"functionCall": {"name": "get"}, "thoughtSignature": "c2lnMQ=="},
        ]
        answer = orjson.dumps({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})
        echo = _echo(client, orjson.loads(_plain(client, _asked(client), answer)))
        found = orjson.loads(gemini.UPSTREAM.build(_asked(client, *echo), NEW, Quirks()))["contents"][1]["parts"]
        assert found[0] == parts[0]
        # A Messages client has no place for the signature of a call.
        assert found[1]["thoughtSignature"] in {"messages": (DUMMY, "c2lnMQ==")}.get(client.name, ("c2lnMQ==",))


def _asked(client: ClientFormat, *echo: Any) -> ChatRequest:
    said = [{"role": "user", "content": "Hi"}, *echo]
    body: dict[str, Any] = {"model": "m", "input" if client.name == "responses" else "messages": said}
    if client.name == "messages":
        body |= {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    return client.parse(orjson.dumps(body))


def _echo(client: ClientFormat, answer: Any) -> list[Any]:
    if client.name == "chat":
        return [answer["choices"][0]["message"]]
    return [{"role": "assistant", "content": answer["content"]}] if client.name == "messages" else answer["output"]


def _plain(client: ClientFormat, asked: ChatRequest, answer: bytes) -> bytes:
    stamp = Stamp(id=f"{client.id_prefix}ours", created_s=1800000000, model="pre/alias", origin=NEW.origin)
    return convert_body(client, gemini.UPSTREAM, asked, stamp, Quirks(), answer).data
