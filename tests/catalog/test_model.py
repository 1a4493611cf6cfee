"""One row: what it may say, what follows, and what clients see of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.catalog import BadRow, access_of, check_row, full_row, list_row, model_of
from freetheai.catalog.model import CHAT_ROUTES, FIELDS

NOBODY: frozenset[str] = frozenset()


def a_model(**row):
    return model_of({"id": "opc/deepseek-v4", **row}, "seems_legit")


def test_a_row_that_says_nothing_but_its_id_is_a_chat_model():
    model = a_model()
    assert (model.prefix, model.upstream_model, model.display_name) == ("opc", "deepseek-v4", "opc/deepseek-v4")
    assert (model.visibility, model.routes, model.supports_chat) == ("site_catalog", CHAT_ROUTES, True)
    assert (model.context_window, model.max_input_tokens, model.max_output_tokens) == (None, None, None)
    assert model.enabled and model.is_listed and model.allows(NOBODY)
    assert not model.requires_seems_legit


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param({"id": "or/meta/llama:free"}, {"prefix": "or", "upstream_model": "meta/llama:free"}, id="slashes"),
        pytest.param({"upstream_model": "x"}, {"upstream_model": "x"}, id="another name upstream"),
        pytest.param({"context_window": 9}, {"max_input_tokens": 9}, id="input up to the window"),
        pytest.param({"context_window": 9, "max_input_tokens": 5}, {"max_input_tokens": 5}, id="input less than that"),
        pytest.param({"roles": ["vip"]}, {"visibility": "role_gated", "requires_seems_legit": False}, id="a role"),
        pytest.param({"roles": ["seems_legit"]}, {"requires_seems_legit": True}, id="the verified role"),
        pytest.param({"roles": ["vip", "seems_legit"]}, {"requires_seems_legit": False}, id="one of two roles"),
        pytest.param(
            {"requires_seems_legit": True}, {"visibility": "role_gated", "roles": ()}, id="verified, no roles"
        ),
        pytest.param(
            {"roles": ["a"], "visibility": "hidden"}, {"visibility": "hidden", "is_listed": False}, id="hidden"
        ),
        pytest.param({"enabled": False}, {"is_listed": False}, id="switched off"),
        pytest.param(
            {"supports_images": True},
            {"supports_chat": False, "routes": ("/v1/images/generations", "/v1/images/edits")},
            id="images do not chat",
        ),
        pytest.param(
            {"supports_images": True, "supports_chat": True},
            {"routes": (*CHAT_ROUTES, "/v1/images/generations", "/v1/images/edits")},
            id="unless said",
        ),
        pytest.param(
            {"supports_audio": True, "routes": ["/v1/audio/speech"]},
            {"routes": ("/v1/audio/speech",)},
            id="speech only",
        ),
        pytest.param({"supports_video": True}, {"routes": ("/v1/videos/generations",)}, id="videos"),
        pytest.param({"created": 1_700_000_000}, {"created_s": 1_700_000_000}, id="a time of creation"),
        pytest.param({"context_window": 8192.0, "x": 1, "display_name": None}, {"context_window": 8192}, id="by hand"),
    ],
)
def test_what_is_not_said_follows_from_what_is(row, expected):
    model = a_model(**row)
    assert {name: getattr(model, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("row", "roles", "may"),
    [
        pytest.param({"roles": ["a", "b"]}, {"b"}, True, id="one of the roles"),
        pytest.param({"roles": ["a", "b"]}, {"c"}, False, id="none of the roles"),
        pytest.param({"requires_seems_legit": True}, {"seems_legit"}, True, id="verified"),
        pytest.param({"requires_seems_legit": True}, {"a"}, False, id="not verified"),
        pytest.param({"requires_seems_legit": True, "roles": ["a"]}, {"a"}, False, id="a role, not verified"),
        pytest.param({"requires_seems_legit": True, "roles": ["a"]}, {"a", "seems_legit"}, True, id="both"),
    ],
)
def test_who_may_use_a_model(row, roles, may):
    model = a_model(**row)
    assert model.allows(frozenset(roles)) is may
    assert access_of(model, frozenset(roles))["available"] is may
    assert access_of(model, NOBODY)["available"] is False


def test_the_verified_role_may_have_another_name():
    model = model_of({"id": "a/b", "requires_seems_legit": True}, "trusted")
    assert model.allows(frozenset({"trusted"})) and not model.allows(frozenset({"seems_legit"}))
    assert access_of(model, NOBODY)["required_discord_roles"] == ["trusted"]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        pytest.param({}, "id", "is missing", id="no id"),
        pytest.param({"id": 5}, "id", "text", id="a number for an id"),
        pytest.param({"id": "noslash"}, "id", "prefix/name", id="no slash"),
        pytest.param({"id": "a/"}, "id", "prefix/name", id="no name"),
        pytest.param({"id": "/a"}, "id", "prefix/name", id="no prefix"),
        pytest.param({"id": "a//b"}, "id", "prefix/name", id="an empty part"),
        pytest.param({"id": "a/b c"}, "id", "prefix/name", id="a space"),
        pytest.param({"id": "a/b?c"}, "id", "prefix/name", id="what ends a path"),
        pytest.param({"id": "a/b\n"}, "id", "prefix/name", id="a line end"),
        pytest.param({"id": "a/" + "b" * 199}, "id", "200", id="too long"),
        pytest.param({"id": "a/b", "contextwindow": 5}, "contextwindow", "did you mean 'context_window'", id="a typo"),
        pytest.param({"id": "a/b", "prefix": "a"}, "prefix", "computed", id="computed"),
        pytest.param({"id": "a/b", "status": "up"}, "status", "computed", id="computed too"),
        pytest.param({"id": "a/b", "context_window": 0}, "context_window", "above 0", id="zero"),
        pytest.param({"id": "a/b", "context_window": -1}, "context_window", "above 0", id="less than zero"),
        pytest.param({"id": "a/b", "context_window": True}, "context_window", "whole", id="a truth for a number"),
        pytest.param({"id": "a/b", "max_output_tokens": 1.5}, "max_output_tokens", "whole", id="half a token"),
        pytest.param({"id": "a/b", "max_output_tokens": 2**60}, "max_output_tokens", "whole", id="beyond all"),
        pytest.param({"id": "a/b", "supports_tools": 1}, "supports_tools", "true or false", id="a number for a truth"),
        pytest.param({"id": "a/b", "visibility": "public"}, "visibility", "one of", id="no such visibility"),
        pytest.param({"id": "a/b", "visibility": "role_gated"}, "visibility", "needs roles", id="gated without roles"),
        pytest.param({"id": "a/b", "roles": "vip"}, "roles", "list", id="a text for a list"),
        pytest.param({"id": "a/b", "roles": [""]}, "roles", "each", id="an empty role"),
        pytest.param({"id": "a/b", "fallbacks": ["x"]}, "fallbacks", "each", id="a fallback that is no alias"),
        pytest.param({"id": "a/b", "routes": ["/v1/chat"]}, "routes", "one of", id="no such route"),
        pytest.param({"id": "a/b", "display_name": ""}, "display_name", "1 to", id="an empty name"),
        pytest.param({"id": "a/b", "description": 5}, "description", "text", id="a number for a text"),
        pytest.param({"id": "a/b", "created": -1}, "created", "time", id="before all time"),
    ],
)
def test_a_row_that_cannot_be_taken_names_field_and_reason(row, field, reason):
    with pytest.raises(BadRow) as caught:
        check_row(row)
    assert caught.value.field == field
    assert reason in caught.value.reason


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=3), st.just({"a": 1})
)


@given(document=st.dictionaries(st.sampled_from(list(FIELDS)), VALUES))
def test_whatever_stands_in_the_database_it_is_a_model_or_a_bad_row(document):
    try:
        model = model_of({"id": "a/b", **document}, "seems_legit")
    except BadRow:
        return
    assert list_row(model)["id"] == model.id
    assert full_row(model)["routes"] == list(model.routes)


def test_the_row_of_the_list_serves_openai_and_anthropic_clients():
    assert list_row(a_model(created=1_763_856_000, display_name="DeepSeek")) == {
        "id": "opc/deepseek-v4",
        "object": "model",
        "created": 1_763_856_000,
        "owned_by": "gateway",
        "type": "model",
        "display_name": "DeepSeek",
        "created_at": "2025-11-23T00:00:00Z",
    }


def test_the_full_row_has_every_field_of_the_contract():
    model = a_model(roles=["seems_legit"], supports_tools=True, context_window=128_000)
    row = {**full_row(model), "access": access_of(model, NOBODY), "status": "up"}
    names = "id object created owned_by prefix display_name description visibility context_window max_input_tokens"
    names += " max_output_tokens supports_chat supports_images supports_image_input supports_audio supports_video"
    names += " supports_tools supports_reasoning supports_structured_outputs routes requires_seems_legit access status"
    assert list(row) == names.split()
    assert row["access"] == {
        "available": False,
        "required_discord_roles": ["seems_legit"],
        "requires_seems_legit": True,
    }
