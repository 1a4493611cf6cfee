"""Images piece by piece through the whole program, as the unmodified OpenAI SDK sees them."""

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from fakes.upstream import Cut, Delay, ScriptedUpstream, ShortError, json_reply, named_sse, stream
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

PNG = b"\x89PNG\r\n\x1a\n"
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
ONE = json_reply({"created": 5, "model": "real-image", "data": [{"b64_json": "aGk="}]})
House = tuple[Program, Members]
GENERATE = {"model": "img/one", "prompt": "a cat"}
PARTIAL = {"type": "image_generation.partial_image", "b64_json": "aGE=", "partial_image_index": 0}
WHOLE = {"type": "image_generation.completed", "b64_json": "aGFsbG8=", "created_at": 5, "usage": USAGE}


@pytest.fixture
def member(house: House) -> tuple[str, str]:
    return new_member(house[1])


@pytest.fixture
def client(house: House, member: tuple[str, str]) -> Iterator[OpenAI]:
    with OpenAI(api_key=member[1], base_url=house[0].base_url, max_retries=0, timeout=20) as client:
        yield client


wait_until = patient(15.0)


def post(program: Program, key: str, path: str = "images/generations", **options: Any) -> httpx2.Response:
    return httpx2.post(f"{program.base_url}/{path}", headers={"x-api-key": key}, timeout=20, **options)


def test_the_sdk_sees_an_image_grow(client: OpenAI, upstream: ScriptedUpstream, house: House, member: Any) -> None:
    upstream.script = stream([*named_sse(PARTIAL), Delay(0.05), *named_sse(WHOLE)])
    events = list(client.images.generate(model="img/one", prompt="a cat", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert events[-1].b64_json == "aGFsbG8="
    assert upstream.requests[-1].headers["accept"] == "text/event-stream"
    wait_until(lambda: house[1].counters(member[0]) == (1, 0, 1))
    line = last_line(house[0], member[0])
    assert (line["stream"], line["output_tokens"]) == (True, 4)


def test_a_provider_that_knows_no_pieces_is_a_stream_of_one(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = ONE
    edited = client.images.edit(model="img/one", prompt="a", image=("a.png", PNG, "image/png"), stream=True)
    assert [(event.type, event.b64_json) for event in edited] == [("image_edit.completed", "aGk=")]


def test_a_stream_that_breaks_ends_in_an_error_and_counts_nothing(
    client: OpenAI, upstream: ScriptedUpstream, spare: ScriptedUpstream, house: House, member: tuple[str, str]
) -> None:
    upstream.script = stream([*named_sse(PARTIAL), Delay(0.05), Cut()])
    asked, seen = spare.request_count, []
    with pytest.raises(openai.APIError) as raised:
        for event in client.images.generate(model="img/one", prompt="a cat", stream=True):
            seen.append(event.type)
    assert seen == ["image_generation.partial_image"]
    assert raised.value.type == "provider_error"
    assert spare.request_count == asked, "not again after a piece has gone out"
    wait_until(lambda: house[1].counters(member[0]) == (1, 0, 0))


def test_a_stream_that_fails_before_its_first_piece_is_another_s(
    client: OpenAI, upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script = stream([b'data: {"error": {"message": "busy", "code": "overloaded"}}\n\n'])
    spare.script = stream(named_sse(WHOLE))
    events = list(client.images.generate(model="img/one", prompt="a cat", stream=True))
    assert [event.type for event in events] == ["image_generation.completed"]


def test_a_fallback_that_knows_no_pieces_is_passed_over(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    upstream.script, asked = ShortError(500), upstream.request_count
    answer = post(house[0], member[1], json={**GENERATE, "model": "img/last", "stream": True})
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "provider_error")
    assert upstream.request_count == asked + 1


def test_pieces_of_a_deferred_image_are_refused(house: House, member: tuple[str, str]) -> None:
    answer = post(house[0], member[1], json={**GENERATE, "stream": True, "deferred": True})
    assert (answer.status_code, answer.json()["error"]["message"][:7]) == (400, "stream:")
