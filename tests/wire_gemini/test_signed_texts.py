"""What signs a text goes to the client and back on the very part it came on, and to no other model.

A part of Gemini's answer is kept by a client of each format as such clients do, and sent back in its next request.
"""

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freetheai.wire import gemini
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.gemini.signed import SignedText, text_signature, with_signed_texts
from freetheai.wire.request import Part, RefusalPart, TextPart, ThinkingPart, ToolCallPart
from freetheai.wire.signature import tag
from support.gemini_streams import call, chunk, stream, usage
from support.pairs import CLIENTS, ORIGIN, converted, opened, request, run
from support.rounds import Kept, kept_of

Json = dict[str, Any]
Compared = tuple[str, Any, str]

DUMMY = "skip_thought_signature_validator"
signatures = st.text("abcXYZ019+/=", min_size=1, max_size=24)
words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
texts = st.builds(lambda text: {"text": text}, words)
signed_texts = st.builds(
    lambda text, signature: {"text": text, "thoughtSignature": signature},
    st.one_of(words, words, st.just("")),
    signatures,
)
calls = st.builds(
    lambda number, signature: {**call("get", {"a": number}), **({"thoughtSignature": signature} if signature else {})},
    st.integers(0, 9),
    st.one_of(st.just(""), signatures),
)


def sent_back(client: str, kept: Kept, origin: str = ORIGIN) -> list[Json]:
    """The parts of the model's turn in the next request."""
    body = {"model": "pre/alias", "tools": request(client).body["tools"], **kept.next_request()}
    if client == "messages":
        body |= {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    asked = CLIENTS[client].parse(orjson.dumps(body))
    made = orjson.loads(gemini.UPSTREAM.build(asked, Target(model="gemini-3-pro", origin=origin), Quirks()))
    return [part for content in made["contents"] if content["role"] == "model" for part in content["parts"]]


def compared(parts: list[Json]) -> list[Compared]:
    """Kind, words or arguments, and signature of each part, neighbouring texts that nobody signed joined."""
    out: list[Compared] = []
    for part in parts:
        signature = part.get("thoughtSignature", "")
        if "functionCall" in part:
            out.append(("call", part["functionCall"]["args"], "" if signature == DUMMY else signature))
        elif not part.get("thought"):
            if out and out[-1][0] == "text" and not out[-1][2] and not signature:
                out[-1] = ("text", out[-1][1] + part["text"], "")
            else:
                out.append(("text", part["text"], signature))
    return out


def signed_words(parts: list[Compared]) -> list[Compared]:
    return [part for part in parts if part[0] == "text" and part[1] and part[2]]


def signed_without_words(parts: list[Compared]) -> list[Compared]:
    return sorted(part for part in parts if part[0] == "text" and not part[1])


def calls_in(parts: list[Compared]) -> list[Compared]:
    return [part for part in parts if part[0] == "call"]


def said(parts: list[Compared]) -> str:
    return "".join(part[1] for part in parts if part[0] == "text")


def kept_by(client: str, parts: list[Json], *, is_plain: bool, together: bool) -> Kept:
    whole = chunk(*parts, finish="STOP", **usage(5, 4, 3))
    if is_plain:
        return kept_of(client, converted(client, "gemini", orjson.dumps(whole)).data, is_plain=True)
    chunks = [whole] if together else [*map(chunk, parts), chunk(finish="STOP", **usage(5, 4, 3))]
    return kept_of(client, run(opened(client, "gemini"), [stream(*chunks)]))


@pytest.mark.parametrize("client", CLIENTS)
@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.one_of(texts, signed_texts, calls), min_size=1, max_size=6),
    has_thought=st.booleans(),
    is_plain=st.booleans(),
    together=st.booleans(),
)
@example(parts=[{"text": "a"}, {"text": "", "thoughtSignature": "S"}], has_thought=True, is_plain=False, together=False)
@example(parts=[{"text": "aa", "thoughtSignature": "S"}] * 2, has_thought=True, is_plain=False, together=True)
@example(
    parts=[{"text": "a"}, call("get", {}), {"text": "", "thoughtSignature": "S"}, {"text": "a"}],
    has_thought=False,
    is_plain=True,
    together=True,
)
def test_a_signed_text_comes_back_as_it_was(
    client: str, parts: list[Json], has_thought: bool, is_plain: bool, together: bool
) -> None:
    answer = [{"text": "Hm.", "thought": True}, *parts] if has_thought else parts
    if not any(part.get("text") or "functionCall" in part for part in answer):
        return
    kept = kept_by(client, answer, is_plain=is_plain, together=together)
    found, expected = compared(sent_back(client, kept)), compared(parts)
    # A chat message keeps its text and its calls apart: a part without words may stand at one or at the other.
    views = (signed_words, signed_without_words, calls_in, said) if client == "chat" else (list,)
    for view in views:
        assert view(found) == view(expected)
    foreign = compared(sent_back(client, kept, "gemini:another"))
    assert not any(signature for _, _, signature in foreign)
    assert said(foreign) == said(expected)


def carried(start: int, text: str, signature: str, origin: str = ORIGIN) -> ThinkingPart:
    return ThinkingPart("", tag(origin, text_signature(start, text, signature)))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(
            [TextPart("one two"), carried(4, "two", "S")],
            [TextPart("one "), SignedText("two", "S")],
            id="the end of the text before it",
        ),
        pytest.param(
            [carried(4, "two", "S"), TextPart("one two three")],
            [TextPart("one "), SignedText("two", "S"), TextPart(" three")],
            id="in the middle of all text",
        ),
        pytest.param(
            [carried(3, "two", "S"), TextPart("one"), RefusalPart("two")],
            [TextPart("one"), SignedText("two", "S")],
            id="in a later text",
        ),
        pytest.param(
            [TextPart("[image] one"), carried(0, "one", "S")],
            [TextPart("[image] "), SignedText("one", "S")],
            id="where the client shows more than was said",
        ),
        pytest.param(
            [TextPart("one tow"), carried(4, "two", "S")],
            [TextPart("one tow")],
            id="words the client changed: left out",
        ),
        pytest.param(
            [carried(2, "cd", "S"), carried(1, "bcd", "T"), TextPart("abcde")],
            [TextPart("ab"), SignedText("cd", "S"), TextPart("e")],
            id="words signed twice: once",
        ),
        pytest.param(
            [TextPart("a"), ToolCallPart("c", "get", "{}"), carried(1, "", "S")],
            [TextPart("a"), ToolCallPart("c", "get", "{}"), SignedText("", "S")],
            id="no words, behind a call",
        ),
        pytest.param(
            [carried(0, "", "S"), ToolCallPart("c", "get", "{}")],
            [SignedText("", "S"), ToolCallPart("c", "get", "{}")],
            id="no words at all",
        ),
        pytest.param([TextPart("a"), carried(0, "a", "S", "gemini:another")], None, id="of another model"),
        pytest.param([TextPart("a"), ThinkingPart("", tag(ORIGIN, "c2ln"))], None, id="no text's"),
        pytest.param([TextPart("a"), ThinkingPart("", tag(ORIGIN, "text.0.1.zz.S"))], None, id="broken"),
        pytest.param(
            [TextPart("a"), ThinkingPart("Hm", tag(ORIGIN, "text.0.0.0.S"))], None, id="with words of its own"
        ),
    ],
)
def test_a_signature_finds_its_words(parts: list[Part], expected: list[Any] | None) -> None:
    assert with_signed_texts(parts, ORIGIN) == (parts if expected is None else expected)


@settings(max_examples=80)
@given(
    parts=st.lists(
        st.one_of(
            st.builds(TextPart, words),
            st.builds(
                lambda numbers, rest: ThinkingPart("", tag(ORIGIN, f"text.{numbers}{rest}")),
                st.lists(st.integers(0, 12), min_size=3, max_size=3).map(lambda values: ".".join(map(str, values))),
                st.sampled_from([".S", "", ".", ".a.b"]),
            ),
        ),
        max_size=6,
    )
)
def test_a_forged_value_changes_no_word(parts: list[Part]) -> None:
    found = with_signed_texts(parts, ORIGIN)
    said = "".join(part.text for part in parts if isinstance(part, TextPart))
    assert "".join(part.text for part in found if isinstance(part, TextPart | SignedText)) == said
