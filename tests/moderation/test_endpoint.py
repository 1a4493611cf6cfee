"""An OpenAI-compatible moderations endpoint: what it is asked, how its answers are read, and when it is away."""

import asyncio
import logging

import pytest

from fakes.upstream import CutAfter, ScriptedUpstream, ShortError, Silent, json_reply
from freetheai.moderation import endpoint
from freetheai.moderation.endpoint import PIECE_CHARS, ModerationEndpoint
from freetheai.moderation.verdict import Undecided
from freetheai.upstream import CallTimeouts, Upstream
from support.on_loop import on_loop

SECRET = "something private"


def verdicts(*flags):
    return json_reply(
        {"id": "modr-1", "model": "m", "results": [{"flagged": flag, "categories": {}} for flag in flags]}
    )


async def ask(script, texts=("hello",), api_key="sk-mod"):
    """What the endpoint made of it, and the requests it got."""
    upstream = Upstream(max_transfers=5)
    try:
        async with ScriptedUpstream() as server:
            server.script = script
            asked = ModerationEndpoint(upstream, f"{server.url}/v1/moderations?x=1", api_key)
            try:
                return await asked.is_flagged(texts), server.requests
            except Undecided as reason:
                return reason, server.requests
    finally:
        upstream.close()


@pytest.mark.parametrize(
    ("reply", "is_flagged"),
    [
        pytest.param(verdicts(False), False, id="clean"),
        pytest.param(verdicts(True), True, id="flagged"),
        pytest.param(verdicts(False, True, False), True, id="one of several"),
    ],
)
@on_loop
async def test_any_flag_flags(reply, is_flagged):
    assert (await ask(reply))[0] is is_flagged


@on_loop
async def test_it_is_asked_in_openai_s_way():
    _, (request,) = await ask(verdicts(False), ["one", "  \n", "two", "one"])
    assert (request.method, request.path) == ("POST", "/v1/moderations?x=1")
    assert request.headers["authorization"] == "Bearer sk-mod"
    assert request.headers["content-type"] == "application/json"
    assert request.json() == {"input": ["one", "two"]}


@on_loop
async def test_without_a_key_none_is_sent():
    _, (request,) = await ask(verdicts(False), api_key="")
    assert "authorization" not in request.headers


@on_loop
async def test_long_texts_go_in_pieces_and_nothing_is_lost():
    text = "0123456789" * (PIECE_CHARS // 4)
    _, (request,) = await ask(verdicts(False), [text])
    pieces = request.json()["input"]
    assert "".join(pieces) == text[: len("".join(pieces))]
    assert {len(piece) for piece in pieces[:-1]} == {PIECE_CHARS}


@on_loop
async def test_nothing_to_ask_is_not_asked():
    assert await ask(verdicts(True), ["", " "]) == (False, [])


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(ShortError(500), id="broken"),
        pytest.param(ShortError(401), id="our key is refused"),
        pytest.param(ShortError(429), id="limited"),
        pytest.param(json_reply([]), id="no object"),
        pytest.param(json_reply({"results": []}), id="no results"),
        pytest.param(json_reply({"results": [{"flagged": "no"}]}), id="no flag"),
        pytest.param(json_reply({"results": [{"flagged": False}, None]}), id="half an answer"),
        pytest.param(json_reply({"error": {"message": SECRET}}), id="an error with 200"),
        pytest.param(ShortError(200, b"<html>"), id="no JSON"),
        pytest.param(CutAfter(10, verdicts(False)), id="cut"),
    ],
)
@on_loop
async def test_what_is_no_answer_decides_nothing_and_is_not_quoted(reply, caplog):
    with caplog.at_level(logging.DEBUG):
        reason, _ = await ask(reply, [SECRET])
    assert isinstance(reason, Undecided)
    assert [record.message for record in caplog.records] == ["the moderation endpoint does not answer"]
    assert SECRET not in str(reason) + "".join(str(vars(record)) for record in caplog.records)


@on_loop
async def test_an_outage_is_told_once_and_so_is_its_end(caplog):
    upstream = Upstream(max_transfers=5)
    try:
        async with ScriptedUpstream() as server:
            server.script = [ShortError(503), ShortError(503), verdicts(False), verdicts(False)]
            asked = ModerationEndpoint(upstream, server.url, "")
            for _ in range(2):
                with pytest.raises(Undecided, match="Moderation is away"):
                    await asked.is_flagged(["x"])
            for _ in range(2):
                assert not await asked.is_flagged(["x"])
    finally:
        upstream.close()
    assert [record.message for record in caplog.records] == [
        "the moderation endpoint does not answer",
        "the moderation endpoint answers again",
    ]


@on_loop
async def test_silence_has_an_end(monkeypatch):
    monkeypatch.setattr(endpoint, "TIMEOUTS", CallTimeouts(connect_s=0.3, first_byte_s=0.3, idle_s=0.3, total_s=0.5))
    async with asyncio.timeout(10):
        assert isinstance((await ask(Silent()))[0], Undecided)
