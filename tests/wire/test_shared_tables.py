"""The tables all formats share: finish reasons, usage, effort, token estimates; and JSON as the wire carries it."""

from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.wire import effort, finish, jsontext, signature, usage
from freetheai.wire.events import FinishReason, Usage
from freetheai.wire.request import Effort, Reasoning
from freetheai.wire.think import ThinkSplitter
from freetheai.wire.tokens import estimate_tokens
from support.chat_streams import cut

REASONS = get_args(FinishReason)


@pytest.mark.parametrize(
    ("word", "has_calls", "reason", "chat"),
    [
        ("stop", False, "stop", "stop"),
        ("stop", True, "tool_calls", "tool_calls"),
        ("tool_calls", True, "tool_calls", "tool_calls"),
        ("tool_calls", False, "stop", "stop"),
        ("length", True, "length", "length"),
        ("content_filter", True, "content_filter", "content_filter"),
        ("sensitive", False, "content_filter", "content_filter"),
        ("model_context_window_exceeded", False, "context_window", "length"),
        ("eos", False, "stop", "stop"),
    ],
)
def test_finish_words(word, has_calls, reason, chat):
    found = finish.settled(finish.FROM_CHAT.get(word, "stop"), has_calls=has_calls)
    assert found == reason
    assert finish.TO_CHAT[found] == chat


@pytest.mark.parametrize("table", [finish.TO_CHAT, finish.TO_MESSAGES, finish.TO_RESPONSES])
def test_every_reason_can_be_written(table):
    assert set(table) == set(REASONS)


@pytest.mark.parametrize(
    "table", [finish.FROM_CHAT, finish.FROM_MESSAGES, finish.FROM_GEMINI, finish.FROM_RESPONSES_INCOMPLETE]
)
def test_what_is_read_is_a_reason_and_no_breakdown(table):
    assert set(table.values()) <= set(REASONS)
    assert not any(map(finish.is_breakdown, table))


@pytest.mark.parametrize(
    ("reason", "spent", "kind", "code"),
    [
        ("stop", None, "empty", ""),
        ("stop", Usage(out_total=0), "empty", ""),
        ("content_filter", None, "answer", "content_filter"),
        ("context_window", None, "answer", "context_length_exceeded"),
    ],
)
def test_ends_without_output_that_are_failures(reason, spent, kind, code):
    failure = finish.empty_failure(reason, spent)
    assert failure is not None
    assert (failure.kind, failure.code) == (kind, code)


@pytest.mark.parametrize(("reason", "spent"), [("stop", Usage(out_total=1)), ("length", None)])
def test_ends_without_output_that_can_be(reason, spent):
    assert finish.empty_failure(reason, spent) is None


@pytest.mark.parametrize(
    ("given_usage", "expected"),
    [
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, 5, 4, 2, 3),
            id="OpenAI",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}, Usage(10, 5, 4), id="DeepSeek"
        ),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 4}, Usage(10, 5, 4), id="Kimi"),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 42}, Usage(10, 32), id="xAI: beside"
        ),
        pytest.param(
            {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(3, 0, 3), id="too many cached"
        ),
        pytest.param({"prompt_tokens": "x", "completion_tokens": -4}, Usage(), id="no counts"),
        pytest.param({"prompt_tokens": 1e300, "completion_tokens": 2.0}, Usage(0, 2), id="absurd counts"),
        pytest.param({}, None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param([], None, id="no object"),
    ],
)
def test_usage_of_chat(given_usage, expected):
    assert usage.from_chat(given_usage) == expected


def test_usage_of_the_other_formats():
    messages = {"input_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 7}
    assert usage.from_messages(messages) == Usage(10, 7, 5, 2)
    responses = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 6},
    }
    assert usage.from_responses(responses) == Usage(10, 7, 4, 0, 6)
    gemini = {"promptTokenCount": 8, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 3, "thoughtsTokenCount": 4}
    assert usage.from_gemini(gemini) == Usage(10, 7, 0, 0, 4)


@given(st.tuples(*[st.integers(0, 1000)] * 5))
def test_usage_survives_every_format(counts):
    total, out, cached, written, reasoning = counts
    cached = min(cached, total)
    one = Usage(total, out, cached, min(written, total - cached), min(reasoning, out))
    assert usage.from_chat(usage.to_chat(one)) == one
    assert usage.from_responses(usage.to_responses(one)) == one
    back = usage.from_messages(usage.to_messages(one))
    assert back == Usage(one.in_total, one.out_total, one.in_cached, one.in_written)


@pytest.mark.parametrize("name", get_args(Effort))
def test_an_effort_is_its_budgets_effort(name):
    assert effort.effort_for(effort.BUDGETS[name]) == name


@pytest.mark.parametrize(
    ("reasoning", "max_tokens", "budget"),
    [
        (Reasoning(), None, None),
        (Reasoning(enabled=True), None, None),
        (Reasoning(effort="none"), None, 0),
        (Reasoning(enabled=False, effort="high"), None, 0),
        (Reasoning(effort="high"), None, 16384),
        (Reasoning(budget_tokens=5000), None, 5000),
        (Reasoning(budget_tokens=10), None, 1024),
        (Reasoning(effort="high"), 4000, 3999),
        (Reasoning(effort="high"), 1024, 0),
    ],
)
def test_budgets(reasoning, max_tokens, budget):
    assert effort.wanted_budget(reasoning, max_tokens) == budget


@pytest.mark.parametrize(
    ("style", "reasoning", "fields"),
    [
        ("effort", Reasoning(), {}),
        ("effort", Reasoning(effort="high"), {"reasoning_effort": "high"}),
        ("effort", Reasoning(enabled=False), {"reasoning_effort": "none"}),
        ("effort", Reasoning(enabled=True), {}),
        ("effort", Reasoning(budget_tokens=3000), {"reasoning_effort": "low"}),
        ("effort3", Reasoning(effort="max"), {"reasoning_effort": "high"}),
        ("effort3", Reasoning(effort="none"), {}),
        ("groq", Reasoning(effort="xhigh"), {"reasoning_format": "parsed", "reasoning_effort": "high"}),
        ("groq", Reasoning(effort="none"), {"reasoning_effort": "none"}),
        ("thinking", Reasoning(adaptive=True), {"thinking": {"type": "enabled"}}),
        ("thinking", Reasoning(effort="none"), {"thinking": {"type": "disabled"}}),
        ("thinking_effort", Reasoning(effort="max"), {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
        ("thinking_effort", Reasoning(enabled=False), {"thinking": {"type": "disabled"}}),
        ("enable_thinking", Reasoning(effort="low"), {"enable_thinking": True, "thinking_budget": 2048}),
        ("enable_thinking", Reasoning(enabled=False), {"enable_thinking": False}),
        ("template", Reasoning(effort="none"), {"chat_template_kwargs": {"enable_thinking": False}}),
        ("openrouter", Reasoning(budget_tokens=3000), {"reasoning": {"max_tokens": 3000}}),
        ("openrouter", Reasoning(effort="low"), {"reasoning": {"effort": "low"}}),
        ("openrouter", Reasoning(enabled=True), {"reasoning": {"enabled": True}}),
        ("openrouter", Reasoning(enabled=False), {"reasoning": {"enabled": False}}),
        ("none", Reasoning(effort="high"), {}),
    ],
)
def test_how_chat_upstreams_are_told(style, reasoning, fields):
    assert effort.chat_fields(style, reasoning) == fields


# Tokens as counted by two tokenizers of current models (200,000 and 130,000 entries).
COUNTED = [
    pytest.param(
        "It was a bright cold day in April, and the clocks were striking thirteen. The old man walked slowly down the"
        " lane, thinking of nothing in particular, while his dog ran ahead through the wet grass. ",
        (42, 42),
        id="English",
    ),
    pytest.param(
        'export async function handler(event, context) {\n  const { userId, items } = JSON.parse(event.body || "{}");\n'
        '  if (!userId) { return { statusCode: 400, body: "missing userId" }; }\n'
        "  for (let i = 0; i < items.length; i++) {\n"
        '    await db.collection("orders").insertOne({ userId, item: items[i], createdAt: new Date() });\n  }\n}\n',
        (94, 91),
        id="code",
    ),
    pytest.param(
        "人工智能正在改变我们的生活方式。许多公司已经开始使用大型语言模型来回答客户的问题，撰写文章，甚至编写程序代码。",
        (33,),
        id="Chinese",
    ),
]


@pytest.mark.parametrize(("text", "counted"), COUNTED)
def test_estimates_are_within_a_quarter_of_real_tokenizers(text, counted):
    for tokens in counted:
        assert 0.75 * tokens <= estimate_tokens(text) <= 1.25 * tokens


@given(st.text(), st.text(max_size=40))
def test_an_estimate_is_never_zero_and_never_shrinks(text, more):
    assert (estimate_tokens(text) > 0) == bool(text)
    assert estimate_tokens(text + more) >= estimate_tokens(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\ud83d\ude00 \ude00"', "\U0001f600 \ufffd"),
        (rb'"\\ud83d \\\ud83d"', "\\ud83d \\\ufffd"),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    ],
)
def test_json_that_is_mended(text, value):
    assert jsontext.loads(text) == value


@pytest.mark.parametrize("text", [b"", b"\xff", b'"\xff"', b"{", b"NaN", b"[" * 5000, b"1e999", b'"\\ud83'])
def test_json_that_is_none(text):
    with pytest.raises(ValueError):
        jsontext.loads(text)
    assert jsontext.try_loads(text) is None


def test_signatures_find_their_maker_and_nobody_else():
    tagged = signature.tag("openai/a.b", "x.y=")
    assert signature.untag("openai/a.b", tagged) == "x.y="
    assert signature.untag("openai/other", tagged) == ""
    assert signature.tag("openai/a", "") == ""


@given(st.text(max_size=30), st.text(max_size=60))
def test_forged_signatures_are_nobodys(origin, forged):
    assert signature.untag(origin, forged) == ""
    assert signature.untag("real/origin", f"fta1.{forged}") == ""


_template_text = st.lists(
    st.sampled_from(["<think>", "</think>", "<thi", "nk>", " ", "\n", "a", "<", "</"]), max_size=8
).map("".join)


@given(_template_text, st.lists(st.integers(0, 40), max_size=5))
def test_thinking_is_told_apart_however_the_text_is_cut(text, places):
    found = {"thinking": "", "text": ""}
    splitter = ThinkSplitter()
    pieces = [piece for part in cut(text.encode(), places) for piece in splitter.feed(part.decode())]
    for kind, piece in [*pieces, *splitter.end()]:
        found[kind] += piece
    begin = text.lstrip()
    if begin.startswith("<think>"):
        thought, _, rest = begin.removeprefix("<think>").lstrip("\r\n").partition("</think>")
        assert found == {"thinking": thought, "text": rest.lstrip("\r\n")}
    else:
        assert found == {"thinking": "", "text": text}


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_text_is_json_or_it_is_not(value):
    text = orjson.dumps(value).decode()
    assert jsontext.is_json(text)
    assert not jsontext.is_json(text[:-1])
