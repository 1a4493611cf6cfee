"""Images through the whole program: the unmodified OpenAI SDK, forms, fallbacks, jobs, and what counts."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from fakes.upstream import (
    CutAfter,
    Gate,
    Reply,
    Reset,
    ScriptedUpstream,
    ShortError,
    Silent,
    json_reply,
)
from freetheai import clock
from freetheai.wire.multipart import FormReader, boundary_of
from support.http_client import RawClient
from support.media_program import (
    fresh_scripts,
    house,
    last_line,
    make_program,
    new_member,
    redis_server,
    spare,
    upstream,
)
from support.members import Members
from support.program import Program
from support.waiting import patient

__all__ = ["fresh_scripts", "house", "make_program", "redis_server", "spare", "upstream"]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
ONE = json_reply({"created": 5, "model": "real-image", "data": [{"b64_json": "aGk=", "revised_prompt": "A cat."}]})
House = tuple[Program, Members]
GENERATE = {"model": "img/one", "prompt": "a cat"}


@pytest.fixture
def member(house: House) -> tuple[str, str]:
    return new_member(house[1])


@pytest.fixture
def client(house: House, member: tuple[str, str]) -> Iterator[OpenAI]:
    with OpenAI(api_key=member[1], base_url=house[0].base_url, max_retries=0, timeout=20) as client:
        yield client


def post(program: Program, key: str, path: str = "images/generations", **options: Any) -> httpx2.Response:
    return httpx2.post(f"{program.base_url}/{path}", headers={"x-api-key": key}, timeout=20, **options)


def get(program: Program, key: str, request_id: str) -> httpx2.Response:
    url = f"{program.base_url}/images/generations/{request_id}"
    return httpx2.get(url, headers={"x-api-key": key}, timeout=20)


wait_until = patient(15.0)


# -- plain


def test_the_sdk_gets_images_under_the_alias(
    client: OpenAI, upstream: ScriptedUpstream, house: House, member: tuple[str, str]
) -> None:
    upstream.script = json_reply({"data": [{"b64_json": "aGk="}, {"url": "https://cdn.test/b"}], "usage": USAGE})
    before_s = int(clock.now_s())
    answer = client.images.generate(model="img/one", prompt="a cat", n=2, size="1024x1024", extra_body={"x": 1})
    assert answer.data is not None
    assert [image.b64_json or image.url for image in answer.data] == ["aGk=", "https://cdn.test/b"]
    assert answer.created >= before_s, "ours, where the provider told none"
    assert answer.model == "img/one"  # type: ignore[attr-defined]
    assert answer.usage is not None and answer.usage.total_tokens == 7
    sent = upstream.requests[-1]
    assert (sent.path, sent.headers["authorization"]) == ("/v1/images/generations", "Bearer sk-image")
    assert sent.json() == {"model": "real-image", "prompt": "a cat", "n": 2, "size": "1024x1024", "x": 1}
    line = last_line(house[0], member[0])
    assert (line["route"], line["input_tokens"], line["output_tokens"]) == ("/v1/images/generations", 3, 4)
    assert "a cat" not in house[0].log_file.read_text()


def test_the_sdk_edits_images_with_files_byte_for_byte(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = ONE
    answer = client.images.edit(
        model="img/one",
        prompt="a hat",
        image=[("eins.png", PNG, "image/png"), ("zwei.png", PNG[::-1], "image/png")],
        mask=("mask.png", b"m", "image/png"),
        n=1,
    )
    assert answer.data is not None and answer.data[0].revised_prompt == "A cat."
    sent = upstream.requests[-1]
    assert sent.path == "/v1/images/edits"
    reader = FormReader(boundary_of(sent.headers["content-type"]))
    reader.feed(sent.body)
    parts = {(part.name, part.filename): part.data for part in reader.close()}
    assert parts == {
        ("model", None): b"real-image",
        ("prompt", None): b"a hat",
        ("n", None): b"1",
        ("image[]", "eins.png"): PNG,
        ("image[]", "zwei.png"): PNG[::-1],
        ("mask", "mask.png"): b"m",
    }


def test_an_edit_reaches_xai_as_json(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = ONE
    answer = client.images.edit(model="xai/grok-imagine", prompt="a hat", image=("a.png", PNG, "image/png"))
    assert answer.data is not None and answer.data[0].b64_json == "aGk="
    image = upstream.requests[-1].json()["image"]["url"]
    assert base64.b64decode(image.removeprefix("data:image/png;base64,")) == PNG


def test_success_counts_and_shows_the_limits(house: House, member: tuple[str, str], upstream: ScriptedUpstream) -> None:
    program, members = house
    upstream.script = [ShortError(400), ONE]
    refused = post(program, member[1], json=GENERATE)
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert members.counters(member[0]) == (1, 0, 0)
    answer = post(program, member[1], json=GENERATE)
    assert answer.headers["x-dailylimit-remaining"] == "999"
    assert answer.headers["x-concurrency-remaining"] == "49"
    assert members.counters(member[0]) == (2, 0, 1)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(ShortError(500), id="broken"),
        pytest.param(Reset(), id="reset"),
        pytest.param(Silent(), id="silent"),
        pytest.param(ShortError(200, b"no json"), id="no JSON"),
        pytest.param(json_reply({"data": []}), id="no image"),
        pytest.param(CutAfter(20, ONE), id="cut"),
    ],
)
def test_another_provider_serves_when_the_first_fails(
    client: OpenAI, upstream: ScriptedUpstream, spare: ScriptedUpstream, part: Any
) -> None:
    upstream.script, spare.script = part, ONE
    answer = client.images.generate(model="img/one", prompt="a cat")
    assert answer.data is not None and answer.data[0].b64_json == "aGk="
    assert spare.requests[-1].json()["model"] == "spare-image"
    assert answer.model == "img/one"  # type: ignore[attr-defined]


def test_an_edit_is_sent_again_whole(client: OpenAI, upstream: ScriptedUpstream, spare: ScriptedUpstream) -> None:
    upstream.script, spare.script = ShortError(503), ONE
    client.images.edit(model="img/one", prompt="a hat", image=("a.png", PNG, "image/png"))
    assert PNG in upstream.requests[-1].body
    assert PNG in spare.requests[-1].body
    assert b"spare-image" in spare.requests[-1].body


def test_what_a_provider_s_filter_objects_to_is_the_member_s_to_change(
    client: OpenAI, upstream: ScriptedUpstream, spare: ScriptedUpstream, house: House, member: tuple[str, str]
) -> None:
    upstream.script = ShortError(400, {"code": "x", "error": "Generated image rejected by content moderation."})
    asked = spare.request_count
    with pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(model="xai/grok-imagine", prompt="a cat")
    assert raised.value.type == "content_policy_violation"
    upstream.script = json_reply({"data": [{"url": "", "respect_moderation": False}]})
    with pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(model="img/one", prompt="a cat")
    assert raised.value.type == "content_policy_violation"
    assert spare.request_count == asked, "nobody else is asked for it"
    assert house[1].counters(member[0])[2] == 0


# -- what is refused before anyone is asked


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        pytest.param(b"{", "invalid json payload", id="no JSON"),
        pytest.param({"prompt": "a"}, "missing model", id="no model"),
        pytest.param({"model": "img/one"}, "missing prompt", id="no prompt"),
        pytest.param({"model": "img/one", "prompt": " \n"}, "missing prompt", id="an empty prompt"),
        pytest.param({"model": "img/one", "prompt": ["a"]}, "prompt must be", id="no text"),
        pytest.param({"model": "img/none", "prompt": "a"}, "unknown aliased model", id="no such alias"),
        pytest.param({"model": "img/words", "prompt": "a"}, "This model is not served here", id="makes no images"),
        pytest.param({"model": "img/narrow", "prompt": "cat " * 400}, "prompt is too long", id="too long"),
        pytest.param({"model": "xai/grok-imagine", "prompt": "a", "stream": True}, "stream: ", id="no partial images"),
    ],
)
def test_a_bad_request_costs_no_success(house: House, member: tuple[str, str], body: Any, begins: str) -> None:
    program, members = house
    options = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = post(program, member[1], **options)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(begins)
    assert members.counters(member[0])[1:] == (0, 0)


FORM = {"content-type": "multipart/form-data; boundary=b"}


def form(*parts: tuple[str, str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    heads = [f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n' for name, more, _ in parts]
    return b"".join(head.encode() + part[2] + b"\r\n" for head, part in zip(heads, parts, strict=True)) + end


IMAGE = ("image", '; filename="a.png"', b"png")
MODEL, PROMPT = ("model", "", b"img/one"), ("prompt", "", b"a hat")


@pytest.mark.parametrize(
    ("headers", "body", "begins"),
    [
        pytest.param(FORM, form(MODEL, PROMPT, IMAGE, end=b""), "invalid form payload", id="cut"),
        pytest.param(FORM, b"hello", "invalid form payload", id="no form"),
        pytest.param(FORM, b"", "invalid form payload", id="empty"),
        pytest.param({"content-type": "multipart/form-data"}, form(MODEL), "invalid form payload", id="no boundary"),
        pytest.param(FORM, form(("", "", b"x"), MODEL, PROMPT), "image: ", id="a part without a name"),
        pytest.param(FORM, form(PROMPT, IMAGE), "missing model", id="no model"),
        pytest.param(FORM, form(MODEL, IMAGE), "missing prompt", id="no prompt"),
        pytest.param(FORM, form(MODEL, PROMPT), "image: ", id="no image"),
        pytest.param(FORM, form(MODEL, PROMPT, ("image", "", b"x")), "image: ", id="an image that is text"),
        pytest.param(FORM, form(("model", "", b"img/words"), PROMPT, IMAGE), "This model is not", id="wrong model"),
    ],
)
def test_a_bad_form_costs_no_success(
    house: House, member: tuple[str, str], headers: dict[str, str], body: bytes, begins: str
) -> None:
    program, members = house
    answer = httpx2.post(
        f"{program.base_url}/images/edits", headers={**headers, "x-api-key": member[1]}, content=body, timeout=20
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"].startswith(begins)
    assert members.counters(member[0])[1:] == (0, 0)


def test_an_upload_over_the_bound_is_refused_in_words(house: House, member: tuple[str, str]) -> None:
    files = {"image": ("a.png", b"x" * 1_100_000, "image/png")}
    answer = post(house[0], member[1], "images/edits", data=GENERATE, files=files)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "context_length_exceeded")


def test_edits_take_json_too(house: House, member: tuple[str, str], upstream: ScriptedUpstream) -> None:
    upstream.script = ONE
    body = {**GENERATE, "images": [{"image_url": "data:image/png;base64,aGk="}]}
    assert post(house[0], member[1], "images/edits", json=body).status_code == 200
    assert upstream.requests[-1].json() == {**body, "model": "real-image"}


# -- clients that leave


def test_a_client_that_leaves_pays_nothing_and_the_provider_sees_it(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, members = house
    upstream.script = Silent()
    left, asked = len(upstream.closed_by_client), upstream.request_count
    with RawClient(program.port).post(
        "/v1/images/generations", {**GENERATE, "model": "slow/image"}, member[1]
    ) as running:
        wait_until(lambda: upstream.request_count > asked)
        assert members.counters(member[0])[1] == 1
        running.reset()
    wait_until(lambda: len(upstream.closed_by_client) > left)
    wait_until(lambda: members.counters(member[0]) == (1, 0, 0))
    assert last_line(program, member[0])["status"] == 499


# -- deferred


def begin(house: House, key: str, upstream: ScriptedUpstream, model: str = "xai/grok-imagine") -> Any:
    upstream.routes["/v1/images/generations"] = json_reply({"request_id": "up-1"}, 202)
    answer = post(house[0], key, json={"model": model, "prompt": "a cat", "deferred": True})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_deferred_image_is_begun_asked_for_and_fetched(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, members = house
    begun = begin(house, member[1], upstream)
    assert begun["request_id"].startswith("fta-") and "up-1" not in str(begun)
    assert (begun["status"], begun["model"]) == ("pending", "xai/grok-imagine")
    assert upstream.requests[-1].json()["deferred"] is True
    assert members.counters(member[0]) == (1, 0, 1)
    upstream.routes["/v1/images/generations/up-1"] = json_reply({"status": "pending"}, 202)
    pending = get(program, member[1], begun["request_id"])
    assert (pending.status_code, pending.json()["status"]) == (202, "pending")
    assert int(pending.headers["retry-after"]) >= 1
    upstream.routes["/v1/images/generations/up-1"] = ONE
    wait_until(lambda: get(program, member[1], begun["request_id"]).status_code == 200)
    done = get(program, member[1], begun["request_id"]).json()
    assert done["data"] == [{"b64_json": "aGk=", "revised_prompt": "A cat."}]
    assert (done["status"], done["model"], done["request_id"]) == ("done", "xai/grok-imagine", begun["request_id"])
    assert members.counters(member[0]) == (1, 0, 1), "fetched as often as one likes"


def test_a_provider_that_answers_at_once_is_answered_at_once(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    upstream.script = ONE
    answer = post(house[0], member[1], json={**GENERATE, "deferred": True})
    assert answer.json()["data"][0]["b64_json"] == "aGk="
    assert "request_id" not in answer.json()


def test_a_job_that_nobody_asked_for_is_no_answer(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script = spare.script = json_reply({"request_id": "up-1"})
    answer = post(house[0], member[1], json=GENERATE)
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "provider_error")
    assert house[1].counters(member[0])[2] == 0


def test_an_image_s_job_is_no_video(house: House, member: tuple[str, str], upstream: ScriptedUpstream) -> None:
    begun = begin(house, member[1], upstream)
    answer = httpx2.get(
        f"{house[0].base_url}/videos/{begun['request_id']}", headers={"x-api-key": member[1]}, timeout=20
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")


def test_a_client_that_leaves_before_a_job_is_kept_pays_nothing(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, members = house
    gate = Gate()
    upstream.routes["/v1/images/generations"] = Reply([gate, b'{"request_id": "up-9"}'])
    body = {"model": "slow/image", "prompt": "a cat", "deferred": True}
    with RawClient(program.port).post("/v1/images/generations", body, member[1]) as running:
        wait_until(lambda: members.counters(member[0])[1] == 1)
        running.reset()
    wait_until(lambda: members.counters(member[0]) == (1, 0, 0))
    assert members._database["jobs"].count_documents({"user_id": member[0]}) == 0
