"""The body of a request: system text, tools, sampling, thinking, structured output."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, gemini
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.gemini.models import generation
from freetheai.wire.gemini.tools import clean_schema

NEW = Target(model="gemini-3-pro-preview", origin="gemini:gemini-3-pro-preview")
FLASH = replace(NEW, model="gemini-3.5-flash")
OLD = replace(NEW, model="gemini-2.5-flash")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}

FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": {**SCHEMA, "$schema": "s"}}}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def body(target: Target = NEW, quirks: Quirks | None = None, **more: Any) -> Any:
    asked = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], **more}
    return orjson.loads(gemini.UPSTREAM.build(chat.CLIENT.parse(orjson.dumps(asked)), target, quirks or Quirks()))


def config(target: Target = NEW, **more: Any) -> Any:
    return body(target, **more).get("generationConfig", {})


def test_the_smallest_body():
    assert body() == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_system_texts_are_parts_in_order():
    asked = [
        {"role": "system", "content": "a"},
        {"role": "developer", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert body(messages=asked)["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}


def test_sampling_is_renamed_and_brought_within_bounds():
    found = config(
        replace(NEW, max_output_tokens=100),
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=2**40 + 3,
        presence_penalty=1,
        frequency_penalty=-1,
        stop=list("abcdefg"),
        max_tokens=500,
        logprobs=True,
        top_logprobs=25,
    )
    assert found == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 3,
        "presencePenalty": 1,
        "frequencyPenalty": -1,
        "stopSequences": list("abcde"),
        "maxOutputTokens": 100,
        "responseLogprobs": True,
        "logprobs": 20,
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({"top_k": 0}, {}, id="top_k is off"),
        pytest.param({"seed": -5}, {"seed": -5}, id="a small seed stays"),
        pytest.param({"logprobs": True}, {"responseLogprobs": True}, id="only the chosen tokens"),
        pytest.param({"max_tokens": 7}, {"maxOutputTokens": 7}, id="no limit is known"),
    ],
)
def test_sampling_at_its_edges(asked, found):
    assert config(**asked) == found


def test_models_of_2_5_take_no_penalties():
    assert config(OLD, presence_penalty=1, frequency_penalty=1) == {}


def test_the_clients_own_fields_stay_with_us():
    assert (
        body(user="me", metadata={"a": "b"}, store=True, service_tier="flex", logit_bias={"1": 2}, safetySettings=[])
        == body()
    )


def test_the_operators_fields_are_laid_under_and_refused_ones_taken_out():
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    quirks = Quirks(extra_body={"safetySettings": safety, "contents": []}, drop_fields=frozenset({"toolConfig"}))
    found = body(quirks=quirks, tools=[tool("get")], tool_choice="required")
    assert found["safetySettings"] == safety
    assert found["contents"] != []
    assert "toolConfig" not in found


class TestTools:
    """Functions as declarations, and the choice among them."""

    def test_declarations(self):
        found = body(
            tools=[tool("get", description="Gets.", parameters=SCHEMA), tool("my tool"), {"type": "web_search"}]
        )
        first, second = found["tools"][0]["functionDeclarations"]
        assert first == {"name": "get", "description": "Gets.", "parametersJsonSchema": SCHEMA}
        assert second.keys() == {"name"}
        assert "toolConfig" not in found

    @pytest.mark.parametrize(
        "parameters",
        [
            pytest.param(None, id="none"),
            pytest.param({}, id="an empty one"),
            pytest.param({"type": "object", "properties": {}, "additionalProperties": False}, id="no properties"),
        ],
    )
    def test_a_function_without_arguments_has_no_schema(self, parameters):
        assert body(tools=[tool("now", parameters=parameters)])["tools"] == [
            {"functionDeclarations": [{"name": "now"}]}
        ]

    def test_a_schema_of_references_is_kept(self):
        schema = {"$ref": "#/$defs/A", "$defs": {"A": SCHEMA}}
        declaration = body(tools=[tool("get", parameters=schema)])["tools"][0]["functionDeclarations"][0]
        assert declaration["parametersJsonSchema"] == schema

    def test_a_free_form_tool_is_a_function_of_one_text(self):
        custom = {"name": "patch", "description": "Patch.", "format": {"type": "grammar", "definition": "x"}}
        declaration = body(tools=[{"type": "custom", "custom": custom}])["tools"][0]["functionDeclarations"][0]
        assert declaration["parametersJsonSchema"]["required"] == ["input"]
        assert '"definition":"x"' in declaration["description"]

    @pytest.mark.parametrize(
        ("choice", "calling"),
        [
            pytest.param("auto", {"mode": "AUTO"}, id="auto"),
            pytest.param("none", {"mode": "NONE"}, id="none"),
            pytest.param("required", {"mode": "ANY"}, id="required"),
            pytest.param(tool("set"), {"mode": "ANY", "allowedFunctionNames": ["set"]}, id="named"),
            pytest.param(
                {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("get"), tool("set")]}},
                {"mode": "ANY", "allowedFunctionNames": ["get", "set"]},
                id="one of some",
            ),
        ],
    )
    def test_choices(self, choice, calling):
        found = body(tools=[tool("get"), tool("set"), tool("put")], tool_choice=choice)
        assert found["toolConfig"] == {"functionCallingConfig": calling}
        assert len(found["tools"][0]["functionDeclarations"]) == 3

    def test_some_of_them_if_any_shortens_the_list(self):
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("set")]}}
        found = body(tools=[tool("get"), tool("set")], tool_choice=choice)
        assert found["tools"] == [{"functionDeclarations": [{"name": "set"}]}]
        assert found["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}

    @pytest.mark.parametrize(
        ("strict", "choice", "mode"),
        [
            pytest.param(True, None, "VALIDATED", id="a strict tool"),
            pytest.param(True, "auto", "VALIDATED", id="a strict tool, chosen freely"),
            pytest.param(True, "required", "ANY", id="a call is demanded anyway"),
            pytest.param(False, "auto", "AUTO", id="no strict tool"),
        ],
    )
    def test_strict_tools_are_validated_where_the_provider_can(self, strict, choice, mode):
        more = {} if choice is None else {"tool_choice": choice}
        tools = [tool("get", strict=strict, parameters=SCHEMA)]
        found = body(quirks=Quirks(strict_tools=True), tools=tools, **more)
        assert found["toolConfig"]["functionCallingConfig"]["mode"] == mode

    def test_a_choice_that_names_what_cannot_be_given_is_refused(self):
        for choice in (tool("put"), {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}):
            with pytest.raises(ApiError, match="tools this model can be given"):
                body(tools=[tool("get")], tool_choice=choice)

    def test_without_tools_no_choice_is_told(self):
        assert body(tools=[{"type": "web_search"}], tool_choice="required") == body()


@pytest.mark.parametrize(
    ("schema", "cleaned"),
    [
        pytest.param({"const": "x"}, {"enum": ["x"]}, id="const"),
        pytest.param({"enum": ["a"], "const": "a"}, {"enum": ["a"]}, id="const beside enum"),
        pytest.param(
            {"$schema": "s", "$id": "i", "type": "object"}, {"type": "object"}, id="names of the schema itself"
        ),
        pytest.param(
            {"properties": {"const": {"const": 1}, "$id": {"type": "string"}}},
            {"properties": {"const": {"enum": [1]}, "$id": {"type": "string"}}},
            id="properties may have any name",
        ),
        pytest.param({"anyOf": [{"const": 1}, {"$id": "x"}]}, {"anyOf": [{"enum": [1]}, {}]}, id="alternatives"),
        pytest.param({"items": {"const": None}}, {"items": {"enum": [None]}}, id="items"),
        pytest.param(
            {"default": {"const": 1}, "enum": [{"$id": 1}]}, {"default": {"const": 1}, "enum": [{"$id": 1}]}, id="data"
        ),
    ],
)
def test_schemas_are_put_into_words_gemini_knows(schema, cleaned):
    before = orjson.dumps(schema)
    assert clean_schema(schema) == cleaned
    assert orjson.dumps(schema) == before


def test_a_schema_too_deep_to_be_written_is_refused():
    schema: dict[str, Any] = {"const": 1}
    for _ in range(200):
        schema = {"properties": {"a": schema}}
    asked = chat.CLIENT.parse(orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}))
    asked.tools = chat.CLIENT.parse(
        orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": [tool("get")]})
    ).tools
    asked.tools[0].schema = schema
    with pytest.raises(ApiError) as refusal:
        gemini.UPSTREAM.build(asked, NEW, Quirks())
    assert refusal.value.spec is errors.INVALID_JSON


class TestOutput:
    """JSON mode and schemas."""

    def test_json_mode(self):
        assert config(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}

    def test_a_schema(self):
        found = config(response_format=FORMAT)
        assert found == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}

    def test_with_tools_it_is_told_in_words_where_both_are_refused(self):
        found = body(OLD, response_format=FORMAT, tools=[tool("get")])
        assert "generationConfig" not in found
        assert '"properties"' in found["systemInstruction"]["parts"][0]["text"]
        assert config(NEW, response_format=FORMAT, tools=[tool("get")])["responseJsonSchema"] == SCHEMA


@pytest.mark.parametrize(
    ("model", "number"),
    [
        pytest.param("gemini-3-pro-preview", (3, 0), id="3"),
        pytest.param("gemini-3.1-pro", (3, 1), id="3.1"),
        pytest.param("models/gemini-2.5-flash-lite", (2, 5), id="2.5"),
        pytest.param("google/gemini-2.0-flash-001", (2, 0), id="2.0"),
        pytest.param("gemini-flash-latest", (99, 0), id="the newest"),
        pytest.param("gemma-3-27b-it", (0, 0), id="no Gemini"),
    ],
)
def test_generations(model, number):
    assert generation(model) == number


@pytest.mark.parametrize(
    ("model", "asked", "thinking"),
    [
        pytest.param("gemini-3-pro", {}, None, id="3: nothing said"),
        pytest.param(
            "gemini-3-pro", {"reasoning_effort": "low"}, {"thinkingLevel": "LOW", "includeThoughts": True}, id="3: low"
        ),
        pytest.param(
            "gemini-3-pro",
            {"reasoning_effort": "xhigh"},
            {"thinkingLevel": "HIGH", "includeThoughts": True},
            id="3: xhigh",
        ),
        pytest.param(
            "gemini-3-pro",
            {"reasoning_effort": "minimal"},
            {"thinkingLevel": "LOW", "includeThoughts": True},
            id="3 pro: minimal",
        ),
        pytest.param("gemini-3-pro", {"reasoning_effort": "none"}, {"thinkingLevel": "LOW"}, id="3 pro: off"),
        pytest.param("gemini-3-flash", {"reasoning_effort": "none"}, {"thinkingLevel": "MINIMAL"}, id="3 flash: off"),
        pytest.param(
            "gemini-3-flash",
            {"thinking": {"type": "enabled", "budget_tokens": 9000}},
            {"thinkingLevel": "MEDIUM", "includeThoughts": True},
            id="3: budget",
        ),
        pytest.param("gemini-3-flash", {"thinking": {"type": "enabled"}}, {"includeThoughts": True}, id="3: on"),
        pytest.param(
            "gemini-flash-latest",
            {"reasoning_effort": "high"},
            {"thinkingLevel": "HIGH", "includeThoughts": True},
            id="newest",
        ),
        pytest.param(
            "gemini-2.5-flash",
            {"reasoning_effort": "medium"},
            {"thinkingBudget": 8192, "includeThoughts": True},
            id="2.5: medium",
        ),
        pytest.param(
            "gemini-2.5-flash",
            {"reasoning_effort": "max"},
            {"thinkingBudget": 24576, "includeThoughts": True},
            id="2.5 flash: max",
        ),
        pytest.param(
            "gemini-2.5-pro",
            {"reasoning_effort": "max"},
            {"thinkingBudget": 32768, "includeThoughts": True},
            id="2.5 pro: max",
        ),
        pytest.param("gemini-2.5-flash", {"reasoning_effort": "none"}, {"thinkingBudget": 0}, id="2.5 flash: off"),
        pytest.param("gemini-2.5-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 128}, id="2.5 pro: off"),
        pytest.param(
            "gemini-2.5-pro",
            {"thinking": {"type": "enabled"}},
            {"thinkingBudget": -1, "includeThoughts": True},
            id="2.5: on",
        ),
        pytest.param(
            "gemini-2.5-flash",
            {"reasoning_effort": "high", "max_tokens": 2000},
            {"thinkingBudget": 1999, "includeThoughts": True},
            id="2.5: below the cap",
        ),
        pytest.param(
            "gemini-2.5-flash-lite",
            {"reasoning_effort": "high", "max_tokens": 100},
            {"thinkingBudget": 0},
            id="2.5: no room",
        ),
        pytest.param("gemini-2.0-flash", {"reasoning_effort": "high"}, None, id="2.0 can't think"),
        pytest.param("gemini-3-pro-image", {"reasoning_effort": "high"}, None, id="painters can't be told"),
        pytest.param("gemma-3-27b-it", {"reasoning_effort": "high"}, None, id="no Gemini"),
    ],
)
def test_thinking(model, asked, thinking):
    assert config(replace(NEW, model=model), **asked).get("thinkingConfig") == thinking


def test_a_model_that_cannot_think_is_told_nothing():
    assert config(replace(NEW, supports_reasoning=False), reasoning_effort="high") == {}


def test_tools_for_a_model_without_are_refused():
    with pytest.raises(ApiError, match="tools are not supported"):
        body(replace(NEW, supports_tools=False), tools=[tool("get")])


def test_several_answers_are_asked_for_but_in_streams():
    assert config(n=3) == {"candidateCount": 3}
    with pytest.raises(ApiError, match="n greater than 1"):
        body(n=3, stream=True)
