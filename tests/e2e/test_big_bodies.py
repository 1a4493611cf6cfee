"""Big bodies are parsed, written and converted while other streams go on."""

import contextlib
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from threading import Thread

import orjson
import pytest

from fakes.upstream import Delay, ScriptedUpstream, chat_body, chat_events, stream
from support.http_client import RawClient
from support.program import Program

WORDS = "some words here and there "
HI = [{"role": "user", "content": "Hi"}]


class Listener(Thread):
    """Reads a stream and notes when each piece came (seconds)."""

    def __init__(self, program: Program, key: str) -> None:
        super().__init__()
        body = {"model": "spare/one", "messages": HI, "stream": True}
        self._client = RawClient(program.port).post("/v1/chat/completions", body, key).read_head()
        self._client.read_until(b"tick")
        self.times_s: list[float] = []
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while not self._client.is_complete:
                self._client._read_chunk()
                self.times_s.append(time.monotonic())

    def stop(self) -> None:
        self._client.socket.shutdown(socket.SHUT_RDWR)
        self.join(20)

    def longest_silence_s(self, start_s: float, end_s: float) -> float:
        times_s = [start_s, *(at_s for at_s in self.times_s if start_s < at_s < end_s), end_s]
        return max(after - before for before, after in pairwise(times_s))


@pytest.fixture
def listener(program: Program, spare: ScriptedUpstream, key: str) -> Iterator[Listener]:
    """Another stream, with a piece every 10 ms for at most 20 s."""
    first, *pieces, last, done = chat_events(["tick"] * 2000)
    spare.script = stream([first, *(step for piece in pieces for step in (piece, Delay(0.01))), last, done])
    listener = Listener(program, key)
    yield listener
    listener.stop()
    assert not listener.is_alive()


def test_a_big_request_leaves_other_streams_alone(
    program: Program, upstream: ScriptedUpstream, listener: Listener, key: str
) -> None:
    """Its parsing alone is many times what another stream has to wait."""
    upstream.script = chat_body("fine")
    roles = ("user", "assistant")
    turns = [{"role": roles[number % 2], "content": WORDS * 4} for number in range(160_000)]
    body = orjson.dumps({"model": "fake/deep/er:free", "max_tokens": 9, "messages": turns})
    client = RawClient(program.port).post("/v1/messages", body, key)
    sent_s = time.monotonic()
    client.socket.settimeout(60)
    assert client.read_head().status == 200
    took_s = time.monotonic() - sent_s
    assert listener.longest_silence_s(sent_s, sent_s + took_s) < took_s / 3


def test_a_big_answer_comes_whole(program: Program, upstream: ScriptedUpstream, listener: Listener, key: str) -> None:
    text = WORDS * 400_000
    upstream.script = chat_body(text)
    body = {"model": "fake/one", "max_tokens": 9, "messages": HI}
    client = RawClient(program.port).post("/v1/messages", body, key).read_head()
    assert client.status == 200
    assert orjson.loads(client.read_all())["content"][0]["text"] == text


def test_a_big_request_that_is_no_json_gets_its_400(program: Program, key: str) -> None:
    client = RawClient(program.port).post("/v1/chat/completions", b'{"model": "' + b"x" * 1_000_000, key).read_head()
    assert client.status == 400
    assert orjson.loads(client.read_all())["error"]["type"] == "invalid_request_error"
