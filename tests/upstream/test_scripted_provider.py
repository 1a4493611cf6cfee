"""The scripted provider itself, where other tests and load generators lean on it: blocking clients, other processes."""

import http.client
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from fakes import serve
from fakes.upstream import CutAfter, ShortError, chat_body, chat_stream, run_in_thread

REQUEST = {"model": "m", "stream": True}


def ask(url: str, path: str, body: object = REQUEST) -> tuple[int, bytes]:
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("POST", path, orjson.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_blocking_client_is_served_from_a_thread():
    with run_in_thread() as provider:
        provider.script = [chat_stream(["a"]), ShortError(429), CutAfter(5, chat_body("x"))]
        provider.routes = {"/other": chat_body("routed")}
        assert ask(provider.url, "/v1") == (200, chat_stream(["a"]).body())
        assert ask(provider.url, "/v1")[0] == 429
        assert b"routed" in ask(provider.url, "/other?x=1")[1]
        with pytest.raises(http.client.IncompleteRead):
            ask(provider.url, "/v1")
        # The last part is repeated.
        with pytest.raises(http.client.IncompleteRead):
            ask(provider.url, "/v1")
        assert provider.requests[0].json() == REQUEST
        assert [request.path for request in provider.requests] == ["/v1", "/v1", "/other?x=1", "/v1", "/v1"]


def test_nothing_unscripted_is_answered():
    with run_in_thread() as provider:
        provider.script = []
        assert ask(provider.url, "/")[0] == 500


def test_it_serves_as_a_program():
    program = [sys.executable, str(Path(serve.__file__)), "--pieces", "3"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            status, body = ask(url, "/v1/chat/completions")
            assert (status, body.count(b"word ")) == (200, 3)
            status, body = ask(url, "/chat/completions", {"model": "m"})
            assert orjson.loads(body)["choices"][0]["message"]["content"] == "word word word "
        finally:
            process.terminate()
