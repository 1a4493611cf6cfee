"""A provider that means harm: whatever it answers ends in an error of our table, and the next request is served."""

import gzip
from typing import Any

import orjson
import pytest

from fakes.upstream import Reply, ScriptedUpstream, chat_body, json_reply, stream
from support.http_client import RawClient
from support.program import Program

HI = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
DEEP = b'{"a":' * 600 + b"1" + b"}" * 600
MANY = 2**64 - 1
BOMB = gzip.compress(b" " * (200 << 20), 1)


def message(**fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x", **fields}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def raw(head: bytes, body: bytes = b"") -> Reply:
    return Reply(parts=[head, b"\r\n\r\n", body], framing="raw")


CHAT = {
    "deep JSON": Reply(parts=[b'{"choices":[{"message":{"content":"x","y":' + DEEP + b"}}]}"]),
    "deep arguments": json_reply(
        message(tool_calls=[{"id": "t", "type": "function", "function": {"name": "f", "arguments": DEEP.decode()}}])
    ),
    "counts beyond 64 bits": json_reply({**message(), "usage": {"prompt_tokens": MANY, "completion_tokens": 1e300}}),
    "created at the end of time": json_reply({**message(), "created": MANY}),
    "an id with line ends": json_reply({**message(), "id": "a\r\nX: y\u2028\u001b[31m"}),
    "types that are none": json_reply({"id": [], "choices": {"a": 1}, "model": 5, "usage": [1]}),
    "an array": json_reply([[[]]]),
    "a compressed bomb": Reply(
        parts=[BOMB], headers=[("Content-Type", "application/json"), ("Content-Encoding", "gzip")], framing="length"
    ),
    "an error without end": Reply(parts=[b"x" * (1 << 20)] * 8, status=500),
    "an error of one word": Reply(parts=[b'{"error":{"message":"' + b"w" * (1 << 20) + b'"}}'], status=400),
    "an error with terminal escapes": json_reply({"error": {"message": "\u001b[2J\r\nforged \u009b31m"}}, 400),
    "headers without end": raw(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 60_000),
    "one long header": raw(b"HTTP/1.1 200 OK\r\nx-a: " + b"b" * 400_000),
    "100 without end": raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000 + b"HTTP/1.1 200 OK"),
    "a retry in the far future": json_reply({"error": {"message": "no"}}, 429, [("Retry-After", "9" * 300)]),
    "a retry in words": json_reply({"error": {"message": "no"}}, 429, [("Retry-After", "\xff\xfe")]),
    "a status of its own": raw(b"HTTP/1.1 999 \x1b[31m", b"x"),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9"),
    "a redirect to a file": raw(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0"),
}
STREAMS = {
    "a line without end": stream([b"data: " + b"x" * (1 << 20)] * 20),
    "deep JSON in an event": stream([b"data: " + DEEP + b"\n\n"]),
    "a flood of comments": stream([b": x\n" * 250_000, b"data: [DONE]\n\n"]),
    "a flood of tool calls": stream(
        [
            b"data: "
            + orjson.dumps(
                {"choices": [{"delta": {"tool_calls": [{"index": n, "id": f"t{n}", "function": {"name": "f"}}]}}]}
            )
            + b"\n\n"
            for n in range(3000)
        ]
    ),
    "an index of 2**63": stream(
        [b'data: {"choices":[{"delta":{"tool_calls":[{"index":9223372036854775808,"function":{"name":"f"}}]}}]}\n\n']
    ),
    "binary": stream([bytes(range(256)) * 1000]),
}


def ask(program: Program, path: str, body: Any, key: str) -> tuple[RawClient, bytes]:
    with RawClient(program.port) as client:
        client.post(path, body, key).read_head()
        return client, client.read_all()


def the_program_is_well(program: Program, upstream: ScriptedUpstream, key: str, client: RawClient) -> None:
    """It answers the next request, told the last one's end in a short line, and leaked nothing."""
    line = program.wait_for_line(client.headers["x-request-id"])
    assert line["status"] != 500, line
    assert len(orjson.dumps(line)) < 8192
    upstream.script = chat_body("well")
    _, answer = ask(program, "/v1/chat/completions", HI, key)
    assert b'"well"' in answer


@pytest.mark.parametrize("name", CHAT)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_hostile_answer(program: Program, upstream: ScriptedUpstream, key: str, name: str, path: str) -> None:
    upstream.script = CHAT[name]
    client, answer = ask(program, path, {**HI, "max_tokens": 9}, key)
    assert client.status in (200, 400, 429, 502, 503), answer[:500]
    assert "x-a" not in client.headers
    assert len(answer) < 1 << 20
    the_program_is_well(program, upstream, key, client)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_hostile_stream(program: Program, upstream: ScriptedUpstream, key: str, name: str, path: str) -> None:
    upstream.script = STREAMS[name]
    client, answer = ask(program, path, {**HI, "max_tokens": 9, "stream": True}, key)
    assert client.status in (200, 502), answer[:500]
    the_program_is_well(program, upstream, key, client)


IMAGES = {
    "counts beyond 64 bits": {"data": [{"url": "u"}], "usage": {"input_tokens": MANY, "output_tokens": MANY}},
    "an image that is a number": {"data": [{"b64_json": 5}]},
    "no images": {"data": {"a": 1}},
}


@pytest.mark.parametrize("name", IMAGES)
def test_hostile_images(program: Program, upstream: ScriptedUpstream, key: str, name: str) -> None:
    upstream.script = json_reply(IMAGES[name])
    client, answer = ask(program, "/v1/images/generations", {"model": "fake/image", "prompt": "a cat"}, key)
    assert client.status in (200, 502), answer[:500]
    the_program_is_well(program, upstream, key, client)


def test_a_deep_image_is_an_error_of_the_provider(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = Reply(parts=[b'{"data":[{"url":"u","x":' + DEEP + b"}]}"])
    client, answer = ask(program, "/v1/images/generations", {"model": "fake/image", "prompt": "a cat"}, key)
    assert client.status in (200, 502), answer[:500]
    the_program_is_well(program, upstream, key, client)


@pytest.mark.parametrize("upstream_id", ["../../admin", "a/b?c=d#e", "...a", "%2e%2e%2f", "é" * 200, "x" * 512])
def test_a_jobs_id_stays_one_segment_of_the_path(
    program: Program, upstream: ScriptedUpstream, key: str, upstream_id: str
) -> None:
    upstream.script = json_reply({"id": upstream_id, "request_id": upstream_id})
    client, answer = ask(program, "/v1/videos/generations", {"model": "fake/video", "prompt": "a cat"}, key)
    assert client.status == 200, answer
    request_id = orjson.loads(answer)["request_id"]
    upstream.script = Reply(parts=[b'{"status":"done","video":{"url":"u","b64_json":7}}'])
    before = len(upstream.requests)
    with RawClient(program.port) as poll:
        poll.socket.sendall(
            f"GET /v1/videos/{request_id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        poll.read_head()
        assert poll.status == 200, poll.read_all()
    (asked,) = upstream.requests[before:]
    assert asked.path.startswith("/v1/videos/")
    assert asked.path.count("/") == 3
    assert not set("?# ") & set(asked.path)


@pytest.mark.parametrize("upstream_id", ["a\r\nX: y", "", ".", "..", "x" * 513, ["a"], {"$ne": 1}, None])
def test_an_id_that_is_none_begins_no_job(
    program: Program, upstream: ScriptedUpstream, key: str, upstream_id: Any
) -> None:
    upstream.script = json_reply({"id": upstream_id})
    client, answer = ask(program, "/v1/videos/generations", {"model": "fake/video", "prompt": "a cat"}, key)
    assert client.status == 502, answer


def test_the_ledger_survives_all_of_it(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = json_reply({"data": [{"url": "u"}], "usage": {"input_tokens": MANY, "output_tokens": MANY}})
    ask(program, "/v1/images/generations", {"model": "fake/image", "prompt": "a cat"}, key)
    assert not [line for line in program.log_lines() if line["event"] == "background task failed"]
    assert not [line for line in program.log_lines() if line.get("trace")]
