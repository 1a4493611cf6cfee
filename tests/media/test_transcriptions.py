"""`POST /v1/audio/transcriptions` against the whole program: the OpenAI SDK, raw sockets, each family's own way."""

import asyncio
import threading
import time
from typing import Any

import httpx2
import openai
import orjson
import psutil
import pytest
from openai import OpenAI

from fakes.media import Part, form_of, texts_of
from fakes.upstream import (
    Cut,
    Delay,
    Reply,
    Request,
    Reset,
    ScriptedUpstream,
    ShortError,
    Silent,
    json_reply,
    sse,
    stream,
)
from support.http_client import RawClient
from support.media_member import Member, wait_until

RECORDING = bytes(range(256)) * 40 + b"\r\n--not-the-boundary\r\n"
PLAIN = {"text": "Hello there. General talk.", "usage": {"type": "duration", "seconds": 3}}
VERBOSE = {
    **PLAIN,
    "task": "transcribe",
    "language": "english",
    "duration": 3.2,
    "segments": [
        {"id": 0, "start": 0.0, "end": 1.5, "text": " Hello there.", "avg_logprob": -0.2, "vendor": 1},
        {"id": 1, "start": 1.5, "end": 3.2, "text": " General talk."},
    ],
}
WORDS = {
    "text": "Hello there. General talk.",
    "language": "en",
    "duration": 3.2,
    "words": [
        {"text": "Hello", "start": 0.0, "end": 0.6, "speaker": 0},
        {"text": "there.", "start": 0.6, "end": 1.5, "speaker": 0},
        {"text": "General", "start": 1.6, "end": 2.2, "speaker": 1},
        {"text": "talk.", "start": 2.2, "end": 3.2, "speaker": 1},
    ],
}
SRT = "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n00:00:01,500 --> 00:00:03,200\nGeneral talk.\n\n"
MAX_BODY_BYTES = 8 * 1024 * 1024


def ask(client: OpenAI, **fields: Any) -> Any:
    return client.audio.transcriptions.create(
        **{"model": "oai/asr", "file": ("talk.mp3", RECORDING, "audio/mpeg"), **fields}
    )


def form_body(*parts: tuple[str, str, bytes], boundary: str = "cut") -> bytes:
    """A form as a client may write it: (name, further parameters and headers, content) each."""
    written = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"
        for name, more, data in parts
    )
    return written + f"--{boundary}--\r\n".encode()


FILE = ("file", '; filename="a.wav"\r\nContent-Type: audio/wav', RECORDING)
MODEL = ("model", "", b"oai/asr")


def post_form(member: Member, body: bytes, content_type: str = "multipart/form-data; boundary=cut") -> httpx2.Response:
    headers = {**member.headers, "Content-Type": content_type}
    return httpx2.post(f"{member.base_url}/audio/transcriptions", content=body, headers=headers, timeout=30)


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["type"]


def test_the_form_reaches_the_provider_in_its_order(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply(PLAIN)
    body = form_body(
        ("prompt", "", "Grüße".encode()),
        ("file", '; filename="gr\u00fc\u00df \\"1\\".m4a"\r\nContent-Type: audio/mp4', RECORDING),
        ("model", "", b" oai/asr "),
        ("timestamp_granularities[]", "", b"word"),
        ("timestamp_granularities[]", "", b"segment"),
        ("unknown", "", b"passes"),
        ("user", "", b"never"),
    )
    answer = post_form(member, body)
    assert (answer.status_code, answer.json()) == (200, PLAIN)
    assert "x-concurrency-remaining" in answer.headers
    sent = upstream.requests[-1]
    assert sent.path == "/v1/audio/transcriptions"
    assert form_of(sent) == [
        Part("prompt", None, "", "Grüße".encode()),
        Part("file", "grüß %221%22.m4a", "audio/mp4", RECORDING),
        Part("model", None, "", b"whisper-1"),
        Part("timestamp_granularities[]", None, "", b"word"),
        Part("timestamp_granularities[]", None, "", b"segment"),
        Part("unknown", None, "", b"passes"),
    ]
    assert member.successes() == 1


@pytest.mark.parametrize("model", ["oai/asr", "oai/open-asr", "xai/grok-stt"])
@pytest.mark.parametrize("response_format", ["json", "verbose_json", "text", "srt", "vtt"])
def test_each_form_of_answer(
    client: OpenAI, member: Member, upstream: ScriptedUpstream, model: str, response_format: str
) -> None:
    upstream.script = reply_like(model)
    answer = ask(client, model=model, response_format=response_format, language="en", prompt="Names: Obi.")
    match response_format:
        case "json":
            assert answer.text == PLAIN["text"]
            assert answer.usage.type == "duration"
        case "verbose_json":
            assert (answer.text, answer.duration) == (PLAIN["text"], 3.2)
            assert [segment.text.strip() for segment in answer.segments] == ["Hello there.", "General talk."]
            assert answer.segments[1].end == 3.2
        case "text":
            assert answer.strip() == PLAIN["text"]
        case "srt":
            assert answer.replace("01,600", "01,500") == SRT
        case "vtt":
            assert answer.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n\n")
            assert answer.endswith(" --> 00:00:03.200\nGeneral talk.\n\n")
    assert member.successes() == 1


def reply_like(model: str) -> Any:
    """What the provider of ``model`` answers: whisper-1 makes all forms, open models json alone, xAI its own."""

    def play(request: Request) -> Reply:
        if model.startswith("xai"):
            return json_reply(WORDS)
        asked = texts_of(request).get("response_format", "json")
        if model == "oai/open-asr":
            assert asked in ("json", "verbose_json")
        if asked in ("text", "srt", "vtt"):
            body = {"text": "Hello there. General talk.\n", "srt": SRT, "vtt": "WEBVTT\n\n" + SRT[2:].replace(",", ".")}
            return Reply(parts=[body[asked].encode()], headers=[("Content-Type", "text/plain")], framing="length")
        return json_reply(VERBOSE if asked == "verbose_json" else PLAIN)

    return play


def test_an_answer_in_the_asked_form_passes_as_it_came(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply(VERBOSE)
    raw = client.audio.transcriptions.with_raw_response.create(
        model="oai/asr", file=("a.wav", RECORDING), response_format="verbose_json"
    )
    assert raw.http_response.content == orjson.dumps(VERBOSE)


def test_a_server_that_answers_json_whatever_is_asked_is_mended(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply(VERBOSE)
    assert ask(client, response_format="srt") == SRT


def test_xai_gets_its_own_fields_and_the_file_last(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply(WORDS)
    ask(
        client,
        model="xai/grok-stt",
        language="en",
        prompt="p",
        temperature=0.2,
        extra_body={"keywords": ["Obi", "Wan"], "filler_words": True},
    )
    sent = upstream.requests[-1]
    parts = form_of(sent)
    assert sent.path == "/v1/stt"
    assert sorted((part.name, part.data) for part in parts[:-1]) == [
        ("filler_words", b"true"),
        ("keyterm", b"Obi"),
        ("keyterm", b"Wan"),
        ("language", b"en"),
    ]
    assert (parts[-1].name, parts[-1].filename, parts[-1].data) == ("file", "talk.mp3", RECORDING)


def test_xai_s_speakers_are_told_apart(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply(WORDS)
    answer = ask(client, model="xai/grok-stt", response_format="diarized_json")
    assert texts_of(upstream.requests[-1])["diarize"] == "true"
    assert [(segment.speaker, segment.text) for segment in answer.segments] == [
        ("0", "Hello there."),
        ("1", "General talk."),
    ]


def test_words_are_given_when_asked_for(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply(WORDS)
    answer = ask(client, model="xai/grok-stt", response_format="verbose_json", timestamp_granularities=["word"])
    assert [word.word for word in answer.words] == ["Hello", "there.", "General", "talk."]
    assert answer.segments is None


@pytest.mark.parametrize("model", ["oai/new-asr", "xai/grok-stt"])
def test_subtitles_without_times_are_refused(
    client: OpenAI, member: Member, upstream: ScriptedUpstream, model: str
) -> None:
    upstream.script = json_reply({"text": "Hello."})
    with pytest.raises(openai.BadRequestError, match="unsupported response_format 'srt'"):
        ask(client, model=model, response_format="srt")
    assert member.successes() == 0
    assert ask(client, model=model, response_format="text").strip() == "Hello."


def test_events_of_the_provider_pass(client: OpenAI, member: Member, upstream: ScriptedUpstream) -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
    done = {"type": "transcript.text.done", "text": "Hello there.", "usage": usage}
    deltas = [{"type": "transcript.text.delta", "delta": piece} for piece in ("Hello ", "there.")]
    events = sse(*deltas, done)
    upstream.script = stream([events[0], Delay(0.05), *events[1:]])
    got = list(ask(client, model="oai/new-asr", stream=True))
    assert [event.type for event in got] == ["transcript.text.delta", "transcript.text.delta", "transcript.text.done"]
    assert got[-1].text == "Hello there."
    assert texts_of(upstream.requests[-1])["stream"] == "true"
    assert member.successes() == 1


@pytest.mark.parametrize("model", ["oai/asr", "xai/grok-stt"])
def test_a_plain_answer_becomes_events(client: OpenAI, upstream: ScriptedUpstream, model: str) -> None:
    upstream.script = json_reply(WORDS)
    got = list(ask(client, model=model, stream=True))
    assert [event.type for event in got] == ["transcript.text.delta", "transcript.text.done"]
    assert got[0].delta == got[1].text == WORDS["text"]


@pytest.mark.parametrize("end", [Cut(), Reset()], ids=["closed", "reset"])
def test_cut_events_end_in_an_error(client: OpenAI, member: Member, upstream: ScriptedUpstream, end: Any) -> None:
    delta = sse({"type": "transcript.text.delta", "delta": "Hel"}, done=False)
    upstream.script = stream([*delta, Delay(0.05), end])
    with pytest.raises(openai.APIError) as raised:
        list(ask(client, stream=True))
    assert raised.value.type == "provider_error"
    assert member.successes() == 0


@pytest.mark.parametrize(
    ("parts", "outcome", "text"),
    [
        pytest.param([FILE], (400, "invalid_request_error"), "missing model", id="no model"),
        pytest.param([MODEL], (400, "invalid_request_error"), "there is no file", id="no file"),
        pytest.param(
            [MODEL, ("file", '; filename="a.wav"', b"")],
            (400, "invalid_request_error"),
            "`file` is empty",
            id="empty file",
        ),
        pytest.param(
            [("model", "", b"oai/none"), FILE],
            (400, "invalid_request_error"),
            "unknown aliased model",
            id="unknown alias",
        ),
        pytest.param(
            [("model", "", b"oai/speech-only"), FILE],
            (400, "invalid_request_error"),
            "/v1/audio/speech",
            id="it only speaks",
        ),
        pytest.param([("model", "", b"oai/gated"), FILE], (403, "model_access_denied"), "Verified", id="role-gated"),
        pytest.param(
            [MODEL, FILE, ("response_format", "", b"docx")],
            (400, "invalid_request_error"),
            "response_format must be",
            id="format",
        ),
        pytest.param(
            [MODEL, FILE, ("stream", "", b"maybe")], (400, "invalid_request_error"), "stream must be", id="stream"
        ),
        pytest.param(
            [MODEL, FILE, ("prompt", "", b"forbidden")], (400, "content_policy_violation"), "moderation", id="moderated"
        ),
        pytest.param(
            [("model", "", b"xai/grok-stt"), FILE, ("keywords[]", "", b"forbidden")],
            (400, "content_policy_violation"),
            "moderation",
            id="moderated keyword",
        ),
    ],
)
def test_what_is_refused_takes_nothing(
    member: Member, upstream: ScriptedUpstream, parts: Any, outcome: tuple[int, str], text: str
) -> None:
    asked = upstream.request_count
    answer = post_form(member, form_body(*parts))
    assert error_of(answer) == outcome
    assert text in answer.json()["error"]["message"]
    assert upstream.request_count == asked
    assert member.members.counters(member.user_id) == (0, 0, 0)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        pytest.param(b'{"model":"oai/asr"}', "application/json", "must be multipart/form-data", id="JSON"),
        pytest.param(b"x", "", "must be multipart/form-data", id="no type"),
        pytest.param(b"x", "multipart/form-data", "names no boundary", id="no boundary"),
        pytest.param(form_body(MODEL, FILE)[:-9], "", "ends before its closing boundary", id="cut"),
        pytest.param(b"hello", "", "ends before its closing boundary", id="no form at all"),
        pytest.param(b"", "", "ends before its closing boundary", id="empty"),
        pytest.param(b"--cut--\r\n", "", "it has no parts", id="no parts"),
        pytest.param(b"--cut\r\nX: y\r\n\r\nz\r\n--cut--\r\n", "", "a part has no name", id="a part without a name"),
        pytest.param(b"--cut\r\nX: " + b"y" * 20000, "", "head is too long", id="an endless head"),
        pytest.param(form_body(*[("a", "", b"1")] * 300), "", "more than 200 parts", id="endless parts"),
        pytest.param(form_body(("a", "", b"1" * 5_000_000)), "", "its texts are longer", id="endless text"),
    ],
)
def test_a_bad_form_is_named(member: Member, body: bytes, content_type: str, text: str) -> None:
    given = content_type or ("" if text.startswith("must") else "multipart/form-data; boundary=cut")
    answer = post_form(member, body, given)
    assert error_of(answer) == (400, "invalid_request_error")
    message = answer.json()["error"]["message"]
    assert message.startswith("invalid form payload: ")
    assert text in message
    assert member.members.counters(member.user_id) == (0, 0, 0)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "chunked"])
def test_a_body_over_the_bound_is_too_long(member: Member, is_chunked: bool) -> None:
    body = form_body(MODEL, ("file", '; filename="a"', bytes(MAX_BODY_BYTES)))
    content: Any = iter([body[:1000], body[1000:]]) if is_chunked else body
    answer = post_form(member, content)
    assert error_of(answer) == (400, "context_length_exceeded")
    assert answer.json()["error"]["message"].startswith("prompt is too long: the request body is larger than 8388608")


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(ShortError(500), (502, "provider_error"), id="the provider fails"),
        pytest.param(ShortError(413), (400, "context_length_exceeded"), id="too large for the provider"),
        pytest.param(json_reply({"error": {"message": "no"}}), (502, "provider_error"), id="error in a 200"),
        pytest.param(json_reply({"fine": 1}), (502, "provider_error"), id="no text"),
        pytest.param(json_reply([]), (502, "provider_error"), id="no object"),
        pytest.param(Reset(), (502, "provider_error"), id="reset before the head"),
        pytest.param(Reply(parts=[b'{"text":', Cut()]), (502, "provider_error"), id="cut"),
        pytest.param(Silent(), (504, "provider_timeout"), id="silent"),
    ],
)
def test_failures_of_the_provider(
    member: Member, upstream: ScriptedUpstream, script: Any, outcome: tuple[int, str]
) -> None:
    upstream.script = script
    answer = post_form(member, form_body(MODEL, FILE))
    assert error_of(answer) == outcome
    assert member.successes() == 0


def test_another_provider_gets_the_same_form(
    member: Member, upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script, spare.script = Reset(), json_reply(PLAIN)
    answer = post_form(member, form_body(("model", "", b"oai/backed"), FILE))
    assert answer.status_code == 200
    assert form_of(upstream.requests[-1])[-1] == form_of(spare.requests[-1])[-1]
    assert texts_of(spare.requests[-1])["model"] == "voice-2"
    assert member.successes() == 1


def test_silence_is_no_success(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply({"text": ""})
    assert post_form(member, form_body(MODEL, FILE)).json() == {"text": ""}
    assert member.successes() == 0


def test_a_client_that_leaves_aborts_the_provider(member: Member, upstream: ScriptedUpstream) -> None:
    closed, asked = len(upstream.closed_by_client), upstream.request_count
    upstream.script = Silent()
    raw = send_form(member, form_body(MODEL, FILE))
    wait_until(lambda: upstream.request_count > asked)
    raw.reset()
    wait_until(lambda: len(upstream.closed_by_client) > closed)
    assert member.successes() == 0


def test_a_client_that_leaves_while_sending_is_noted(member: Member, upstream: ScriptedUpstream) -> None:
    asked, lines = upstream.request_count, len(member.program.request_lines())
    body = form_body(MODEL, FILE)
    raw = send_form(member, body[:5000], length=len(body))
    time.sleep(0.1)
    raw.reset()
    wait_until(lambda: len(member.program.request_lines()) > lines)
    line = member.program.request_lines()[-1]
    assert (line["status"], line["type"], line["user_id"]) == (499, "client_canceled", member.user_id)
    assert upstream.request_count == asked
    assert member.members.counters(member.user_id) == (0, 0, 0)


def test_an_upload_that_stands_still_is_closed(member: Member) -> None:
    lines = len(member.program.request_lines())
    raw = send_form(member, form_body(MODEL, FILE)[:5000], length=20_000)
    with pytest.raises(ConnectionError):
        raw.read_head()
    wait_until(lambda: len(member.program.request_lines()) > lines)
    assert member.program.request_lines()[-1]["type"] == "client_canceled"


def send_form(member: Member, body: bytes, *, length: int = 0, headers: str = "", key: str = "") -> RawClient:
    raw = RawClient(member.program.port)
    head = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: g\r\nContent-Type: multipart/form-data; boundary=cut\r\n"
        f"x-api-key: {key or member.key}\r\nContent-Length: {length or len(body)}\r\n{headers}\r\n"
    )
    raw.socket.sendall(head.encode() + body)
    return raw


def test_who_waits_to_be_told_to_send_is_refused_at_once(member: Member) -> None:
    raw = send_form(member, b"", length=5_000_000, headers="Expect: 100-continue\r\n", key="fta_wrong").read_head()
    assert raw.status == 401
    assert orjson.loads(raw.read_all())["error"]["type"] == "invalid_api_key"


def test_who_waits_to_be_told_to_send_is_told(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply(PLAIN)
    body = form_body(MODEL, FILE)
    raw = send_form(member, b"", length=len(body), headers="Expect: 100-continue\r\n").read_head()
    assert raw.status == 100
    raw.socket.sendall(body)
    assert raw.read_head().status == 200


def test_a_wrong_key_is_told_after_a_body_that_is_not_kept(member: Member) -> None:
    body = form_body(MODEL, ("file", '; filename="a"', bytes(5_000_000)))
    answer = post_form(Member(member.program, member.members, "", "fta_wrong"), body)
    assert error_of(answer) == (401, "invalid_api_key")


def test_nothing_of_it_is_written_down(member: Member, upstream: ScriptedUpstream) -> None:
    upstream.script = json_reply({"text": "heard-secret"})
    parts = (MODEL, ("prompt", "", b"told-secret"), ("file", '; filename="named-secret"', b"said-secret" * 300_000))
    assert post_form(member, form_body(*parts)).status_code == 200
    upstream.script = ShortError(400)
    assert post_form(member, form_body(*parts)).status_code == 400
    written = member.program.log_file.read_bytes()
    written += b"".join(path.read_bytes() for path in (member.program.folder / "data").rglob("*") if path.is_file())
    assert b"oai/asr" in written
    assert b"-secret" not in written.replace(b"sk-upstream-secret", b"")
    files = [file.path for file in psutil.Process(member.program.pid).open_files()]
    assert [path for path in files if not path.startswith(str(member.program.folder))] == []


def test_a_hundred_uploads_at_once_stay_within_bounds(member: Member, upstream: ScriptedUpstream) -> None:
    count, size = 100, 3 * 1024 * 1024
    upstream.script = lambda request: json_reply(PLAIN)
    upstream.keep_requests = False
    body = form_body(MODEL, ("file", '; filename="a"', bytes(size)))
    program = psutil.Process(member.program.pid)
    before_bytes = program.memory_info().rss
    peak_bytes, is_over = before_bytes, threading.Event()

    def watch() -> None:
        nonlocal peak_bytes
        while not is_over.wait(0.02):
            peak_bytes = max(peak_bytes, program.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    statuses = asyncio.run(post_many(member, body, count))
    is_over.set()
    watcher.join()
    upstream.keep_requests = True
    assert statuses == [200] * count
    # One account has a quarter of the room of eight largest uploads: four of these at once.
    assert peak_bytes - before_bytes < count * size / 4
    wait_until(lambda: member.members.counters(member.user_id)[1] == 0)


async def post_many(member: Member, body: bytes, count: int) -> list[int]:
    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=count)) as client:
        headers = {**member.headers, "Content-Type": "multipart/form-data; boundary=cut"}
        posts = [
            client.post(f"{member.base_url}/audio/transcriptions", content=body, headers=headers) for _ in range(count)
        ]
        return [answer.status_code for answer in await asyncio.gather(*posts)]
