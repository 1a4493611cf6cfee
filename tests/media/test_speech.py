"""`POST /v1/audio/speech` against the whole program: the OpenAI SDK, raw sockets, each family's own way."""

import base64
import time

import httpx2
import openai
import orjson
import pytest
from openai import OpenAI

from fakes.media import audio, chat_audio, wav
from fakes.upstream import (
    Cut,
    Delay,
    Fast,
    Gate,
    Reset,
    ScriptedUpstream,
    ShortError,
    Silent,
    json_reply,
    sse,
    stream,
)
from support.http_client import RawClient
from support.media_member import Member, open_gate, wait_until

SPEAK = {"model": "oai/tts", "input": "Hello there.", "voice": "alloy"}
LIMIT_HEADERS = [
    f"x-{family}-{field}"
    for family in ("ratelimit", "concurrency", "dailylimit")
    for field in ("limit", "remaining", "reset")
]


def post(member: Member, **fields: object) -> httpx2.Response:
    return httpx2.post(f"{member.base_url}/audio/speech", json={**SPEAK, **fields}, headers=member.headers, timeout=30)


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["type"]


def test_bytes_come_as_they_are_made(client: OpenAI, member: Member, upstream: ScriptedUpstream) -> None:
    gate = Gate()
    upstream.script = audio([b"ID3-one", gate, b"two"])
    with client.audio.speech.with_streaming_response.create(**SPEAK, instructions="softly", speed=1.5) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"ID3-one"
        assert answer.headers["content-type"] == "audio/mpeg"
        assert [name for name in LIMIT_HEADERS if name not in answer.headers] == []
        assert answer.headers["x-dailylimit-remaining"] == "99999"
        open_gate(upstream, gate)
        assert b"".join(pieces) == b"two"
    sent = upstream.requests[-1]
    assert sent.path == "/v1/audio/speech"
    assert sent.headers["authorization"] == "Bearer sk-upstream-secret"
    assert sent.json() == {
        "model": "tts-1",
        "input": "Hello there.",
        "voice": "alloy",
        "instructions": "softly",
        "speed": 1.5,
        "response_format": "mp3",
    }
    assert member.successes() == 1
    line = member.program.wait_for_line(answer.headers["x-request-id"])
    assert (line["status"], line["route"], line["alias"]) == (200, "/v1/audio/speech", "oai/tts")
    assert line["ttfb_ms"] is not None
    assert line["input_tokens"] > 0


@pytest.mark.parametrize(
    ("response_format", "provider_type", "told"),
    [
        ("mp3", "audio/mpeg", "audio/mpeg"),
        ("opus", "audio/ogg", "audio/opus"),
        ("aac", "application/octet-stream", "audio/aac"),
        ("flac", "audio/x-flac", "audio/flac"),
        ("wav", "audio/wav", "audio/wav"),
        ("pcm", "audio/pcm; rate=24000", "audio/pcm"),
        # What is not as asked for is not called so.
        ("mp3", "audio/wav", "audio/wav"),
    ],
)
def test_each_format_has_its_content_type(
    client: OpenAI, upstream: ScriptedUpstream, response_format: str, provider_type: str, told: str
) -> None:
    upstream.script = audio([b"\0\1\2\3"], provider_type)
    answer = client.audio.speech.create(**SPEAK, response_format=response_format)  # type: ignore[arg-type]
    assert answer.response.headers["content-type"] == told
    assert answer.content == b"\0\1\2\3"
    assert upstream.requests[-1].json()["response_format"] == response_format


def test_unknown_fields_and_voices_pass_and_a_missing_voice_is_filled_in(
    member: Member, upstream: ScriptedUpstream
) -> None:
    upstream.script = audio([b"x"])
    assert post(member, voice={"id": "voice_1"}, seed=7, user="me").status_code == 200
    sent = upstream.requests[-1].json()
    assert (sent["voice"], sent["seed"], "user" in sent) == ({"id": "voice_1"}, 7, False)
    assert post(member, voice=None, response_format=None).status_code == 200
    sent = upstream.requests[-1].json()
    assert (sent["voice"], sent["response_format"]) == ("alloy", "mp3")


@pytest.mark.parametrize(
    ("fields", "outcome", "text"),
    [
        pytest.param({"input": None}, (400, "invalid_request_error"), "missing prompt", id="no input"),
        pytest.param({"input": " \n"}, (400, "invalid_request_error"), "missing prompt", id="blank input"),
        pytest.param({"input": 5}, (400, "invalid_request_error"), "input must be", id="input that is no text"),
        pytest.param({"model": None}, (400, "invalid_request_error"), "missing model", id="no model"),
        pytest.param(
            {"model": "oai/none"}, (400, "invalid_request_error"), "unknown aliased model", id="unknown alias"
        ),
        pytest.param(
            {"model": "oai/chat"}, (400, "invalid_request_error"), "not served here", id="an alias that chats"
        ),
        pytest.param({"model": "oai/gated"}, (403, "model_access_denied"), "Verified", id="role-gated"),
        pytest.param(
            {"response_format": "ogg"}, (400, "invalid_request_error"), "response_format must be", id="format"
        ),
        pytest.param(
            {"stream_format": "ws"}, (400, "invalid_request_error"), "stream_format must be", id="stream format"
        ),
        pytest.param({"speed": 9}, (400, "invalid_request_error"), "speed must be", id="speed"),
        pytest.param({"voice": 3}, (400, "invalid_request_error"), "voice must be", id="voice"),
        pytest.param({"input": "forbidden"}, (400, "content_policy_violation"), "moderation", id="input moderated"),
        pytest.param(
            {"instructions": "forbidden"}, (400, "content_policy_violation"), "moderation", id="instructions moderated"
        ),
        pytest.param(
            {"model": "oai/small", "input": "word " * 60},
            (400, "context_length_exceeded"),
            "prompt is too long",
            id="long",
        ),
    ],
)
def test_what_is_refused_takes_nothing(
    member: Member, upstream: ScriptedUpstream, fields: dict[str, object], outcome: tuple[int, str], text: str
) -> None:
    asked = upstream.request_count
    answer = post(member, **fields)
    assert error_of(answer) == outcome
    assert text in answer.json()["error"]["message"]
    assert answer.headers["content-type"] == "application/json"
    assert upstream.request_count == asked
    assert member.members.counters(member.user_id) == (0, 0, 0)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(ShortError(500), (502, "provider_error"), id="the provider fails"),
        pytest.param(ShortError(400), (400, "invalid_request_error"), id="the provider refuses the payload"),
        pytest.param(
            json_reply({"error": {"message": "no", "code": "x"}}), (502, "provider_error"), id="error in a 200"
        ),
        pytest.param(json_reply({"fine": True}), (502, "provider_error"), id="JSON in place of audio"),
        pytest.param(audio([]), (502, "provider_error"), id="no audio at all"),
        pytest.param(Silent(), (504, "provider_timeout"), id="the provider is silent"),
        pytest.param(audio([Silent()]), (504, "provider_timeout"), id="silent after the head"),
        pytest.param(audio([Reset()]), (502, "provider_error"), id="reset after the head"),
        pytest.param(Reset(), (502, "provider_error"), id="reset before the head"),
    ],
)
def test_a_failure_before_the_first_byte_keeps_its_status(
    member: Member, upstream: ScriptedUpstream, script: object, outcome: tuple[int, str]
) -> None:
    upstream.script = script  # type: ignore[assignment]
    answer = post(member)
    assert error_of(answer) == outcome
    assert "x-concurrency-remaining" in answer.headers
    assert "Error id: oai-" in answer.json()["error"]["message"]
    assert member.successes() == 0


def test_a_provider_that_is_away_is_unavailable(member: Member) -> None:
    answer = post(member, model="gone/voice")
    assert error_of(answer) == (503, "provider_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_fallback_that_speaks_serves_before_the_first_byte(
    member: Member, upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script = audio([Reset()])
    spare.script = audio([b"from the spare"])
    answer = post(member, model="oai/backed")
    assert (answer.status_code, answer.content) == (200, b"from the spare")
    assert spare.requests[-1].json()["model"] == "voice-2"
    assert member.successes() == 1


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        pytest.param(Cut(), "provider_error", id="closed"),
        pytest.param(Reset(), "provider_error", id="reset"),
        pytest.param(Silent(), "provider_timeout", id="silent"),
    ],
)
def test_cut_audio_never_looks_whole(member: Member, upstream: ScriptedUpstream, end: object, kind: str) -> None:
    upstream.script = audio([b"first", Delay(0.05), end])  # type: ignore[list-item]
    with RawClient(member.program.port).post("/v1/audio/speech", SPEAK, member.key).read_head() as raw:
        assert raw.status == 200
        raw.read_until(b"first")
        with pytest.raises(ConnectionError):
            raw.read_all()
    assert member.successes() == 0
    line = member.program.wait_for_line(raw.headers["x-request-id"])
    assert line["type"] == kind
    assert line["error_id"].startswith("oai-")


def test_cut_audio_is_an_error_of_the_sdk(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = audio([b"first", Delay(0.05), Reset()])
    with (
        pytest.raises(httpx2.HTTPError),
        client.audio.speech.with_streaming_response.create(**SPEAK) as answer,
    ):
        for _ in answer.iter_bytes():
            pass


def test_an_old_client_s_cut_audio_is_a_reset(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = audio([b"first", Delay(0.2), Cut()])
    with RawClient(member.program.port) as raw:
        body = orjson.dumps(SPEAK)
        head = f"POST /v1/audio/speech HTTP/1.0\r\nContent-Length: {len(body)}\r\nx-api-key: {member.key}\r\n\r\n"
        raw.socket.sendall(head.encode() + body)
        raw.read_head()
        with pytest.raises(ConnectionResetError):
            while raw.socket.recv(65536):
                pass


def test_a_client_that_leaves_aborts_the_provider(member: Member, upstream: ScriptedUpstream) -> None:
    closed = len(upstream.closed_by_client)
    upstream.script = audio([b"first", Silent()])
    raw = RawClient(member.program.port).post("/v1/audio/speech", SPEAK, member.key).read_head()
    raw.read_until(b"first")
    raw.reset()
    wait_until(lambda: len(upstream.closed_by_client) > closed)
    line = member.program.wait_for_line(raw.headers["x-request-id"])
    assert (line["status"], line["type"]) == (499, "client_canceled")
    assert member.successes() == 0


def test_a_client_that_leaves_before_the_first_byte_aborts_the_provider(
    member: Member, upstream: ScriptedUpstream
) -> None:
    closed, asked = len(upstream.closed_by_client), upstream.request_count
    upstream.script = Silent()
    raw = RawClient(member.program.port).post("/v1/audio/speech", SPEAK, member.key)
    wait_until(lambda: upstream.request_count > asked)
    raw.reset()
    wait_until(lambda: len(upstream.closed_by_client) > closed)
    assert member.successes() == 0


def test_a_slow_client_holds_the_provider_back(member: Member, upstream: ScriptedUpstream) -> None:
    total = 32 * 1024 * 1024
    upstream.script = audio([Fast(total)])
    raw = RawClient(member.program.port, receive_buffer=65536).post("/v1/audio/speech", SPEAK, member.key).read_head()
    connection = upstream.connections[-1]
    held = -1
    while held != connection.bytes_written:
        held = connection.bytes_written
        time.sleep(0.3)
    assert held < total / 2
    assert len(raw.read_all()) == total
    assert member.successes() == 1


def test_events_of_the_provider_pass(member: Member, upstream: ScriptedUpstream) -> None:
    usage = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    events = sse(
        {"type": "speech.audio.delta", "audio": "AAEC"}, {"type": "speech.audio.done", "usage": usage}, done=False
    )
    upstream.script = stream(events)
    answer = post(member, stream_format="sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b"".join(events) + b"data: [DONE]\n\n"
    assert upstream.requests[-1].json()["stream_format"] == "sse"
    assert member.successes() == 1
    line = member.program.wait_for_line(answer.headers["x-request-id"])
    assert (line["input_tokens"], line["output_tokens"]) == (14, 101)


def test_bytes_become_events_where_a_provider_makes_none(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = audio([b"one", Delay(0.05), b"two"])
    answer = post(member, stream_format="sse")
    spoken, done, end = b"", None, answer.text.strip().split("\n\n")
    assert end[-1] == "data: [DONE]"
    for event in end[:-1]:
        value = orjson.loads(event.removeprefix("data: "))
        if value["type"] == "speech.audio.delta":
            spoken += base64.b64decode(value["audio"])
        else:
            done = value
    assert spoken == b"onetwo"
    assert done is not None
    assert done["type"] == "speech.audio.done"


@pytest.mark.parametrize("is_relayed", [True, False], ids=["the provider's events", "events of ours"])
def test_cut_events_end_in_an_error_event(member: Member, upstream: ScriptedUpstream, is_relayed: bool) -> None:
    delta = sse({"type": "speech.audio.delta", "audio": "AAEC"}, done=False)
    upstream.script = stream([*delta, Delay(0.05), Cut()]) if is_relayed else audio([b"one", Delay(0.05), Reset()])
    answer = post(member, stream_format="sse")
    last, done = answer.text.strip().split("\n\n")[-2:]
    assert done == "data: [DONE]"
    assert orjson.loads(last.removeprefix("data: "))["error"]["type"] == "provider_error"
    assert member.successes() == 0


def test_xai_speaks_on_its_own_route(client: OpenAI, member: Member, upstream: ScriptedUpstream) -> None:
    upstream.routes = {"/v1/tts": audio([b"RIFFone", b"two"], "audio/wav")}
    answer = client.audio.speech.create(
        model="xai/grok-tts", input="Hi", voice="Shimmer", instructions="slow", response_format="wav", speed=1.2
    )
    upstream.routes = {}
    assert (answer.content, answer.response.headers["content-type"]) == (b"RIFFonetwo", "audio/wav")
    assert upstream.requests[-1].json() == {
        "text": "Hi",
        "voice_id": "sal",
        "language": "auto",
        "output_format": {"codec": "wav", "sample_rate": 24000},
        "speed": 1.2,
    }
    assert member.successes() == 1


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({"response_format": "opus"}, "invalid_request_error", "unsupported response_format 'opus'"),
        ({"speed": 3.0}, "invalid_request_error", "speed must be a number from 0.7 to 1.5"),
        ({"input": "a" * 15001}, "context_length_exceeded", "prompt is too long: 15001 characters > 15000 maximum"),
    ],
    ids=["format", "speed", "length"],
)
def test_what_xai_can_t_make_is_named(member: Member, fields: dict[str, object], kind: str, text: str) -> None:
    answer = post(member, model="xai/grok-tts", **fields)
    assert error_of(answer) == (400, kind)
    assert text in answer.json()["error"]["message"]
    assert member.successes() == 0


def test_xai_s_plain_error_is_judged(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = ShortError(400, {"error": "voice 'nobody' not found"})
    answer = post(member, model="xai/grok-tts", voice="nobody")
    assert error_of(answer) == (400, "invalid_request_error")
    assert upstream.requests[-1].json()["voice_id"] == "nobody"
    assert "nobody" not in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("response_format", "wire_format", "made", "heard"),
    [
        ("mp3", "mp3", b"ID3" + bytes(9000), b"ID3" + bytes(9000)),
        ("wav", "wav", wav(b"\1\2" * 4000), wav(b"\1\2" * 4000)),
        ("pcm", "wav", wav(b"\1\2" * 4000, extra=b"odd"), b"\1\2" * 4000),
    ],
)
def test_mimo_speaks_through_chat(
    client: OpenAI,
    member: Member,
    upstream: ScriptedUpstream,
    response_format: str,
    wire_format: str,
    made: bytes,
    heard: bytes,
) -> None:
    reply = chat_audio(made)
    reply.step = 97
    upstream.script = reply
    with client.audio.speech.with_streaming_response.create(
        model="mim/tts", input="你好", voice="alloy", instructions="whisper", response_format=response_format
    ) as answer:  # type: ignore[call-overload]
        assert b"".join(answer.iter_bytes()) == heard
        assert (
            answer.headers["content-type"]
            == {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm"}[response_format]
        )
    sent = upstream.requests[-1]
    assert sent.path == "/v1/chat/completions"
    assert sent.json() == {
        "model": "mimo-v2.5-tts",
        "messages": [{"role": "user", "content": "whisper"}, {"role": "assistant", "content": "你好"}],
        "audio": {"format": wire_format, "voice": "mimo_default"},
        "stream": False,
    }
    assert member.successes() == 1
    line = member.program.wait_for_line(answer.headers["x-request-id"])
    assert (line["input_tokens"], line["output_tokens"], line["estimated"]) == (21, 34, False)


def test_mimo_s_voices_are_its_own(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = chat_audio(b"x")
    for voice, sent in (("chloe", "Chloe"), ("冰糖", "冰糖"), ("data:audio/wav;base64,AA", "data:audio/wav;base64,AA")):
        assert post(member, model="mim/tts", voice=voice).status_code == 200
        assert upstream.requests[-1].json()["audio"]["voice"] == sent
    assert post(member, model="mim/design-tts", instructions="an old sailor").status_code == 200
    assert upstream.requests[-1].json()["audio"] == {"format": "mp3"}


def test_mimo_s_audio_reaches_the_client_before_it_is_whole(member: Member, upstream: ScriptedUpstream) -> None:
    body, gate = chat_audio(bytes(30_000)).body(), Gate()
    upstream.script = audio([body[:20_000], gate, body[20_000:]], "application/json")
    body = {**SPEAK, "model": "mim/tts"}  # type: ignore[assignment]
    with RawClient(member.program.port).post("/v1/audio/speech", body, member.key).read_head() as raw:
        raw.read_until(bytes(12_000))
        open_gate(upstream, gate)
        assert raw.read_all() == bytes(30_000)


@pytest.mark.parametrize(
    ("size", "end"), [(20_000, Cut()), (40_100, Cut())], ids=["cut in the audio", "cut after the audio"]
)
def test_mimo_s_cut_audio_never_looks_whole(member: Member, upstream: ScriptedUpstream, size: int, end: object) -> None:
    body = chat_audio(bytes(30_000)).body()
    assert size < len(body)
    upstream.script = audio([body[:size], Delay(0.05), end], "application/json", framing="close")  # type: ignore[list-item]
    request = {**SPEAK, "model": "mim/tts"}
    with RawClient(member.program.port).post("/v1/audio/speech", request, member.key).read_head() as raw:
        raw.read_until(bytes(10_000))
        with pytest.raises(ConnectionError):
            raw.read_all()
    assert member.successes() == 0


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ({"finish_reason": "content_filter", "message": {"content": "no"}}, (400, "content_policy_violation")),
        ({"finish_reason": "stop", "message": {"content": "I can't speak"}}, (502, "provider_error")),
        ({"finish_reason": "stop", "message": {"audio": {"data": "!!!"}}}, (502, "provider_error")),
    ],
    ids=["filtered", "no audio", "no base64"],
)
def test_mimo_without_audio_is_an_error(
    member: Member, upstream: ScriptedUpstream, message: dict[str, object], outcome: tuple[int, str]
) -> None:
    upstream.script = json_reply({"choices": [{"index": 0, **message}]})
    assert error_of(post(member, model="mim/tts")) == outcome
    assert member.successes() == 0


def test_mimo_s_refusal_in_odd_clothes_is_judged(member: Member, upstream: ScriptedUpstream) -> None:
    refusal = b'data: {"error":{"code":"421","message":"Moderation Block","param":"high risk","type":"content_filter"}}'
    upstream.script = ShortError(400, refusal)
    assert error_of(post(member, model="mim/tts")) == (400, "content_policy_violation")


def test_nothing_of_it_is_written_down(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = audio([b"sung-secret"])
    assert post(member, input="spoken-secret", instructions="styled-secret").status_code == 200
    upstream.script = ShortError(400)
    assert post(member, input="spoken-secret").status_code == 400
    written = member.program.log_file.read_bytes()
    written += b"".join(path.read_bytes() for path in (member.program.folder / "data").rglob("*") if path.is_file())
    assert b"oai/tts" in written
    assert b"-secret" not in written.replace(b"sk-upstream-secret", b"")


def test_a_wrong_key_is_refused(member: Member) -> None:
    with (
        OpenAI(api_key="fta_" + "x" * 40, base_url=member.base_url, max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.audio.speech.create(**SPEAK)
