"""The public port against who has no key: requests that mean two things, slow ones, large ones, too many of them."""

import os
import resource
import socket
import time

import orjson
import pytest

from fakes.upstream import ScriptedUpstream, chat_body
from support.http_client import RawClient
from support.program import Program

ANSWERED = b"HTTP/1.1 "
BODY = b'{"model":"fake/one","messages":[{"role":"user","content":"Hi"}]}'
HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def head(*lines: str, path: str = "/v1/chat/completions") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


def exchange(program: Program, data: bytes, timeout_s: float = 10.0) -> bytes:
    """All that is answered until the gateway closes."""
    with socket.create_connection(("127.0.0.1", program.port)) as client:
        client.settimeout(timeout_s)
        answer = b""
        try:
            client.sendall(data)
            while piece := client.recv(1 << 16):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def is_well(program: Program) -> bool:
    return exchange(program, HEALTH).startswith(b"HTTP/1.1 200")


def ends(client: socket.socket, timeout_s: float = 10.0) -> bool:
    """Whether the gateway closes by itself."""
    client.settimeout(timeout_s)
    try:
        while client.recv(1 << 16):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def resident_mib(program: Program) -> float:
    with open(f"/proc/{program.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


SMUGGLED = b"0\r\n\r\nGET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Content-Length: 5", "Transfer-Encoding: chunked"], id="a length and chunks"),
        pytest.param(["Content-Length: 5", "Content-Length: 6"], id="two lengths"),
        pytest.param(["Content-Length: +5"], id="a signed length"),
        pytest.param(["Content-Length: 1_0"], id="a length with an underscore"),
        pytest.param(["Content-Length: -1"], id="a negative length"),
        pytest.param(["Content-Length: 99999999999999999999"], id="a length past all bounds"),
        pytest.param(["Content-Length : 5"], id="a space before the colon"),
        pytest.param(["Transfer-Encoding: xchunked"], id="an unknown coding"),
        pytest.param(["Transfer-Encoding: gzip, chunked"], id="two codings"),
        pytest.param(["X: a\r\n b", "Content-Length: 0"], id="a folded line"),
        pytest.param(["X: a\rY: b", "Content-Length: 0"], id="a bare CR"),
        pytest.param(["X: a\0b", "Content-Length: 0"], id="a NUL"),
        pytest.param(["Host: y", "Content-Length: 0"], id="two hosts"),
    ],
)
def test_a_request_that_means_two_things_is_refused_and_the_connection_closed(
    program: Program, lines: list[str]
) -> None:
    answer = exchange(program, head(*lines) + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(ANSWERED) == 1, answer


def test_pipelined_requests_are_answered_each_and_in_order(program: Program, upstream: ScriptedUpstream, key: str):
    upstream.script = chat_body("one")
    chat = head(f"Authorization: Bearer {key}", f"Content-Length: {len(BODY)}") + BODY
    others = b"".join(b"%b HTTP/1.1\r\nHost: x\r\n\r\n" % line for line in (b"HEAD /", b"OPTIONS *", b"GET /v1/nope"))
    answer = exchange(program, chat + others + chat + HEALTH)
    statuses = [part[:3] for part in answer.split(ANSWERED)[1:]]
    assert statuses == [b"200", b"200", b"204", b"400", b"200", b"200"]


@pytest.mark.parametrize(
    "path", ["/static/../../etc/passwd", "/static/x/..%2f..%2fetc%2fpasswd", "/static//etc/passwd", "/static/%00"]
)
def test_no_path_leads_to_a_file(program: Program, path: str) -> None:
    answer = exchange(program, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"root:" not in answer


def test_a_host_that_is_none_is_in_no_page(program: Program) -> None:
    for host in ("a<script>", 'a"onload=', "a/b", "a@b"):
        request = f"GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n".encode()
        assert host.encode() not in exchange(program, request)


def test_a_method_of_any_length_is_short_in_the_log(program: Program) -> None:
    answer = exchange(program, b"M" * 50_000 + b" / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    request_id = answer.partition(b"X-Request-Id: ")[2].partition(b"\r\n")[0].decode()
    assert program.wait_for_line(request_id)["method"] == "M" * 16


def test_a_body_that_stops_is_closed(program: Program) -> None:
    with socket.create_connection(("127.0.0.1", program.port)) as client:
        client.sendall(head("Content-Length: 1000") + b"{")
        assert ends(client)
    assert is_well(program)


def test_a_large_body_is_held_for_nobody_without_a_key(program: Program) -> None:
    before_mib = resident_mib(program)
    clients = [socket.create_connection(("127.0.0.1", program.port)) for _ in range(8)]
    for client in clients:
        client.sendall(head("Content-Length: 30000000") + b"x" * 10_000_000)
    assert is_well(program)
    assert resident_mib(program) - before_mib < 40
    for client in clients:
        client.close()


def test_a_large_body_without_a_good_key_gets_the_gates_answer_once(program: Program) -> None:
    body = BODY[:-1] + b',"x":"' + b"x" * 1_000_000 + b'"}'
    for lines, wanted in (([], "invalid_api_key"), (["Authorization: Bearer nonsense"], "invalid_api_key")):
        request = head(*lines, f"Content-Length: {len(body)}", "Connection: close") + body
        answer = exchange(program, request)
        assert answer.count(ANSWERED) == 1
        assert orjson.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == wanted


def test_a_large_body_of_a_member_is_served(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = chat_body("read")
    text = "word " * 400_000
    with RawClient(program.port) as client:
        client.post("/v1/chat/completions", {"model": "fake/one", "messages": [{"role": "user", "content": text}]}, key)
        assert client.read_head().status == 200, client.read_all()
    assert upstream.requests[-1].json()["messages"][0]["content"] == text


def test_a_large_body_in_crumbs_is_served(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = chat_body("read")
    body = BODY[:-1] + b',"user":"' + b"x" * 300_000 + b'"}'
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[n : n + 7] for n in range(0, len(body), 7))
    )
    lines = [f"Authorization: Bearer {key}", "Transfer-Encoding: chunked", "Connection: close"]
    assert exchange(program, head(*lines) + chunks + b"0\r\n\r\n", 20).startswith(b"HTTP/1.1 200")


def test_without_file_handles_it_rests_and_recovers(program: Program) -> None:
    handles = len(os.listdir(f"/proc/{program.pid}/fd"))
    usual = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
    clients = []
    try:
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (handles + 5, usual[1]))
        clients = [socket.create_connection(("127.0.0.1", program.port)) for _ in range(40)]
        log_bytes, cpu_s = program.log_file.stat().st_size, cpu_of(program)
        time.sleep(1)
        assert program.log_file.stat().st_size - log_bytes < 10_000
        assert cpu_of(program) - cpu_s < 0.7, "it spins"
    finally:
        for client in clients:
            client.close()
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, usual)
    assert is_well(program)
    assert [line for line in program.log_lines() if line["event"] == "no room for more connections"]


def cpu_of(program: Program) -> float:
    with open(f"/proc/{program.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
