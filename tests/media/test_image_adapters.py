"""Image and video adapters as pure functions: what goes to each provider, and what is made of what it says."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adapters
from adapters.deferral import Accepted
from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult
from freetheai.errors import ApiError
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target
from freetheai.wire.multipart import FormPart, FormReader, boundary_of, fields_of, text_part

TARGET = Target(model="real-model")
PNG = b"\x89PNG\r\n\x1a\n\0\0--x\r\n--b\r\n"
FAMILIES = ("openai", "xai", "zai", "gemini")


def find(family: str, name: str = "images") -> MediaAdapter:
    adapter = adapters.find(family, name)
    assert isinstance(adapter, MediaAdapter)
    return adapter


def request(route: str = "/v1/images/generations", parts: list[FormPart] | None = None, **fields: Any) -> MediaRequest:
    body = fields_of(parts) if parts else {"model": "img/one", "prompt": "a cat", **fields}
    return MediaRequest(route=route, model="img/one", fields=body, parts=parts or (), boundary="b0undary")


def edit(*files: FormPart, **texts: str) -> MediaRequest:
    parts = [text_part("model", "img/one"), text_part("prompt", "a hat"), *files]
    return request("/v1/images/edits", [*parts, *(text_part(name, text) for name, text in texts.items())])


def file(name: str = "image", data: bytes = PNG, content_type: str = "image/png") -> FormPart:
    half = len(data) // 2
    return FormPart(
        name=name,
        filename="kätze.png",
        content_type=content_type,
        pieces=[data[:half], data[half:]],
        size_bytes=len(data),
    )


def body_of(call: MediaCall) -> Any:
    assert not call.pieces
    return orjson.loads(call.body)


def read(family: str, value: Any, asked: MediaRequest | None = None, name: str = "images") -> Any:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return find(family, name).read(asked or request(), MediaAnswer(status=200, headers={}, body=data))


def test_openai_gets_the_client_s_own_json_under_the_real_name() -> None:
    call = find("openai").build(
        request(n=2, size="auto", user="u", metadata={}, future_field={"a": None}, style=None), TARGET
    )
    assert (call.path, call.content_type) == ("/images/generations", "application/json")
    assert body_of(call) == {
        "model": "real-model",
        "prompt": "a cat",
        "n": 2,
        "size": "auto",
        "future_field": {"a": None},
    }


def test_openai_gets_the_client_s_form_part_by_part_with_the_real_name() -> None:
    asked = edit(file("image[]"), file("image[]", b"", "image/webp"), file("mask"), n="2", user="u", stream="false")
    call = find("openai").build(asked, TARGET)
    assert call.path == "/images/edits"
    reader = FormReader(boundary_of(call.content_type))
    reader.feed(b"".join(call.pieces))
    sent = [(part.name, part.filename, part.content_type, part.data) for part in reader.close()]
    assert sent == [
        ("model", None, "", b"real-model"),
        ("prompt", None, "", b"a hat"),
        ("image[]", "kätze.png", "image/png", PNG),
        ("image[]", "kätze.png", "image/webp", b""),
        ("mask", "kätze.png", "image/png", PNG),
        ("n", None, "", b"2"),
        ("stream", None, "", b"false"),
    ]


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("1536x1024", "3:2"),
        ("1024x1536", "2:3"),
        ("1792x1024", "16:9"),
        ("auto", None),
        ("0x5", None),
        ("big", None),
        (7, None),
    ],
)
def test_xai_gets_sizes_as_ratios(size: Any, ratio: str | None) -> None:
    body = body_of(find("xai").build(request(size=size, style="vivid", resolution="2k"), TARGET))
    assert body.get("aspect_ratio") == ratio
    assert "size" not in body and "style" not in body
    assert body["resolution"] == "2k"


def test_xai_keeps_the_ratio_a_client_asks_for() -> None:
    assert body_of(find("xai").build(request(size="1x1", aspect_ratio="9:16"), TARGET))["aspect_ratio"] == "9:16"


def test_xai_gets_edits_as_json_with_the_images_in_it() -> None:
    url = "data:image/png;base64,iVBORw0KGgoAAC0teA0KLS1iDQo="
    one = find("xai").build(edit(file(), n="2", deferred="true"), TARGET)
    assert one.path == "/images/edits"
    assert body_of(one) == {
        "model": "real-model",
        "prompt": "a hat",
        "n": 2,
        "deferred": True,
        "image": {"url": url, "type": "image_url"},
    }
    two = body_of(find("xai").build(edit(file("image[]"), file("image[]", b"\xff\xd8", "")), TARGET))
    assert [image["url"][:22] for image in two["images"]] == ["data:image/png;base64,", "data:image/jpeg;base64"]


def test_gemini_gets_the_prompt_and_the_images_as_one_turn() -> None:
    call = find("gemini").build(edit(file(), size="1536x1024"), TARGET)
    assert call.path == "/models/real-model:generateContent"
    assert body_of(call) == {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "a hat"},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAC0teA0KLS1iDQo="}},
                ],
            }
        ],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "3:2"}},
    }


@pytest.mark.parametrize(
    ("family", "asked", "field"),
    [
        pytest.param("xai", request(stream=True), "stream", id="xAI: partial images"),
        pytest.param("xai", edit(file(), file("mask")), "mask", id="xAI: a mask"),
        pytest.param("zai", request(stream=True), "stream", id="Z.ai: partial images"),
        pytest.param("zai", request(n=2), "n", id="Z.ai: several"),
        pytest.param("zai", request(response_format="b64_json"), "response_format", id="Z.ai: bytes"),
        pytest.param("zai", edit(file()), "image", id="Z.ai: edits"),
        pytest.param("gemini", edit(file(), stream="true"), "stream", id="Gemini: partial images"),
        pytest.param("gemini", edit(file(), n="3"), "n", id="Gemini: several"),
        pytest.param("gemini", edit(file(), file("mask")), "mask", id="Gemini: a mask"),
        pytest.param("gemini", request(response_format="url"), "response_format", id="Gemini: addresses"),
    ],
)
def test_what_a_provider_can_t_make_is_refused_by_its_name(family: str, asked: MediaRequest, field: str) -> None:
    with pytest.raises(ApiError) as raised:
        find(family).build(asked, TARGET)
    assert (raised.value.status, raised.value.type) == (400, "invalid_request_error")
    assert raised.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize("family", ["openai", "xai", "zai"])
def test_images_come_in_openai_s_shape_without_what_a_member_must_not_see(family: str) -> None:
    answer = {
        "created": 5,
        "model": "real-model",
        "id": "x",
        "request_id": "echo",
        "provider": "acme",
        "data": [
            {"url": "https://cdn.test/a.png", "revised_prompt": "A cat.", "respect_moderation": True},
            {"b64_json": "aGk="},
            {"url": "https://cdn.test/b.png", "respect_moderation": False},
            "noise",
        ],
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "cost_in_usd_ticks": 9},
        "quality": "high",
    }
    result = read(family, answer)
    assert isinstance(result, MediaResult)
    assert result.value == {
        "created": 5,
        "data": [{"url": "https://cdn.test/a.png", "revised_prompt": "A cat."}, {"b64_json": "aGk="}],
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
        "quality": "high",
    }
    assert result.usage is not None and (result.usage.in_total, result.usage.out_total) == (3, 4)


GEMINI = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"inlineData": {"data": "ZHJhZnQ="}, "thought": True},
                    {"text": "Here it is."},
                    {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                ]
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 1},
}


def test_gemini_s_images_are_found_among_its_parts() -> None:
    assert read("gemini", GEMINI).value == {
        "data": [{"b64_json": "aGk="}],
        "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
    }


HELD = {"respect_moderation": False}


@pytest.mark.parametrize(
    ("family", "answer", "kind", "code"),
    [
        pytest.param("openai", {"data": []}, "empty", "", id="no image"),
        pytest.param("openai", {"data": [{"b64_json": ""}]}, "empty", "", id="an empty image"),
        pytest.param("openai", {"error": {"code": "moderation_blocked"}}, "answer", "moderation_blocked", id="error"),
        pytest.param("openai", b"<html>", "malformed", "", id="a page"),
        pytest.param("openai", [], "malformed", "", id="a list"),
        pytest.param("openai", {"request_id": "r"}, "empty", "", id="a job nobody asked for"),
        pytest.param("xai", {"data": [{"url": "a", **HELD}]}, "answer", "content_policy_violation", id="held back"),
        pytest.param("xai", {"data": [HELD]}, "answer", "content_policy_violation", id="held back, no address"),
        pytest.param("gemini", {"candidates": []}, "empty", "", id="Gemini: nothing"),
        pytest.param(
            "gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, "answer", "content_policy_violation", id="p"
        ),
        pytest.param(
            "gemini", {"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, "answer", "content_policy_violation", id="i"
        ),
        pytest.param("gemini", {"candidates": [{"finishReason": "NO_IMAGE"}]}, "empty", "", id="Gemini: no image"),
    ],
)
def test_a_good_status_without_an_image_is_a_failure(family: str, answer: Any, kind: str, code: str) -> None:
    failure = read(family, answer)
    assert isinstance(failure, UpstreamFailure)
    assert (failure.kind, failure.code) == (kind, code)


@pytest.mark.parametrize("family", ["openai", "xai"])
def test_a_job_is_taken_where_one_was_asked_for(family: str) -> None:
    result = read(family, {"request_id": "r-1"}, request(deferred=True))
    assert result.value == Accepted("r-1")
    at_once = read(family, {"data": [{"url": "a"}], "request_id": "r-1"}, request(deferred=True))
    assert at_once.value == {"data": [{"url": "a"}]}


@pytest.mark.parametrize(
    ("family", "answer", "upstream_id"),
    [
        pytest.param("xai", {"request_id": "r-1"}, "r-1", id="xAI"),
        pytest.param("openai", {"id": "video_1", "status": "queued"}, "video_1", id="OpenAI's words"),
        pytest.param("zai", {"id": "8", "request_id": "echo", "task_status": "PROCESSING"}, "8", id="Z.ai"),
    ],
)
def test_videos_are_jobs(family: str, answer: Any, upstream_id: str) -> None:
    adapter = find(family, "videos")
    assert adapter.deferral is not None
    call = adapter.build(request("/v1/videos/generations", duration=5, unknown=[1]), TARGET)
    assert call.path == "/videos/generations"
    assert body_of(call) == {"model": "real-model", "prompt": "a cat", "duration": 5, "unknown": [1]}
    assert read(family, answer, name="videos").value == Accepted(upstream_id)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param({"error": {"message": "no"}}, "answer", id="an error"),
        pytest.param({"status": "queued"}, "malformed", id="no id"),
        pytest.param(b"", "malformed", id="nothing"),
    ],
)
def test_a_video_that_no_one_took_is_a_failure(answer: Any, kind: str) -> None:
    failure = read("xai", answer, name="videos")
    assert isinstance(failure, UpstreamFailure)
    assert failure.kind == kind


def test_zai_gets_only_what_it_knows() -> None:
    asked = request(n=1, size="1024x1024", response_format="url", style="vivid", user="u", quality="hd")
    assert body_of(find("zai").build(asked, TARGET)) == {
        "model": "real-model",
        "prompt": "a cat",
        "size": "1024x1024",
        "quality": "hd",
    }


def test_zai_takes_the_first_image_of_a_video_as_an_address() -> None:
    asked = request("/v1/videos/generations", image={"url": "https://a.test/1.png"})
    assert body_of(find("zai", "videos").build(asked, TARGET))["image_url"] == "https://a.test/1.png"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "url",
                    "b64_json",
                    "usage",
                    "error",
                    "id",
                    "candidates",
                    "content",
                    "parts",
                    "inlineData",
                    "input_tokens",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(value=_JSON, family=st.sampled_from(FAMILIES), is_deferred=st.booleans())
def test_no_answer_makes_the_reading_raise(value: Any, family: str, is_deferred: bool) -> None:
    result = read(family, value, request(deferred=is_deferred))
    assert isinstance(result, UpstreamFailure | MediaResult)
    if isinstance(result, MediaResult) and isinstance(result.value, dict):
        assert result.value["data"]
