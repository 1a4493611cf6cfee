"""A key as clients really send it: header, case, spaces, several at once, pasted wrongly; and one that isn't there."""

import socket
from typing import Any

import orjson
import pytest

from freetheai import ids
from support.members import Members
from support.program import Program

OTHER = ids.new_key()
OK: tuple[int, str] = (200, "")


@pytest.fixture(scope="module")
def house(make_program: Any) -> tuple[Program, str]:
    members: Members
    program, members = make_program(gates={"failed_keys_per_minute": 100000})
    return program, members.add("member")[0]


def ask(program: Program, lines: list[str], path: str = "/v1/models") -> tuple[int, str]:
    """Status and message of a GET with exactly these header lines."""
    request = "\r\n".join([f"GET {path} HTTP/1.1", "Host: gateway", "Connection: close", *lines, "", ""])
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), orjson.loads(body).get("error", {}).get("message", "")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Authorization: Bearer @KEY"], id="as documented"),
        pytest.param(["AUTHORIZATION: bEARER @KEY"], id="in any case"),
        pytest.param(["Authorization:   Bearer    @KEY   "], id="spaces around it"),
        pytest.param(["Authorization:\tBearer\t@KEY\t"], id="tabs around it"),
        pytest.param(["Authorization: @KEY"], id="the bare key"),
        pytest.param(["X-API-KEY:  @KEY "], id="x-api-key"),
        pytest.param(["Api-Key: @KEY"], id="api-key"),
        pytest.param(["Authorization: Bearer @OTHER", "Authorization: Bearer @KEY"], id="twice, the second is valid"),
        pytest.param(["Authorization: Bearer @KEY", "Authorization: Bearer @OTHER"], id="twice, the first is valid"),
        pytest.param(["Authorization: Bearer @OTHER", "x-api-key: @KEY"], id="another header's is valid"),
        pytest.param(["Authorization: Bearer dummy", "x-api-key: @OTHER", "api-key: @KEY"], id="the last one's is"),
        pytest.param(["Authorization: Basic Zm9vOmJhcg==", "x-api-key: @KEY"], id="another scheme beside it"),
        pytest.param([f"x-api-key: dummy{n}" for n in range(9)] + ["api-key: @KEY"], id="after many that can be none"),
        pytest.param(["Authorization:", "x-api-key:", "api-key: @KEY"], id="after empty ones"),
    ],
)
def test_a_key_is_found(house: tuple[Program, str], lines: list[str]) -> None:
    program, key = house
    assert ask(program, [line.replace("@KEY", key).replace("@OTHER", OTHER) for line in lines if line])[0] == 200


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        pytest.param([], "Send the exact key from /signup as `Authorization: Bearer YOUR_KEY`.", id="none"),
        pytest.param(["Authorization: Bearer"], "Send the exact key", id="nothing behind Bearer"),
        pytest.param(["Authorization:  "], "Send the exact key", id="an empty header"),
        pytest.param(["Authorization: Bearer @OTHER"], "replaced with /resetkey", id="one of nobody"),
        pytest.param(['Authorization: Bearer "@KEY"'], "in quotes", id="quotes"),
        pytest.param(['Authorization: "Bearer @KEY"'], "in quotes", id="quotes around all of it"),
        pytest.param(["Authorization: '@KEY'"], "in quotes", id="quotes and no scheme"),
        pytest.param(["x-api-key: <@KEY>"], "in angle brackets", id="angle brackets"),
        pytest.param(["Authorization: <@KEY>"], "in angle brackets", id="angle brackets and no scheme"),
        pytest.param(["Authorization: Bearer `@KEY`"], "in markdown", id="backticks"),
        pytest.param(["Authorization: Bearer **@KEY**"], "in markdown", id="bold"),
        pytest.param(["Authorization: Bearer [@KEY](https://x)"], "in markdown", id="a link"),
        pytest.param(["Authorization: Bearer Bearer @KEY"], "`Bearer` stands there twice", id="Bearer twice"),
        pytest.param(["x-api-key: Bearer @KEY"], "`Bearer` stands there twice", id="Bearer where none belongs"),
        pytest.param(["Authorization: Token @KEY"], "Before the key stands `Bearer`", id="another scheme"),
        pytest.param(["Authorization: Bearer: @KEY"], "Before the key stands `Bearer`", id="a colon"),
        pytest.param(["Authorization: Bearer=@KEY"], "Before the key stands `Bearer`", id="an equals sign"),
        pytest.param(["Authorization: Bearer \xe2\x80\x8b@KEY"], "maybe an invisible one", id="a zero-width space"),
        pytest.param(["Authorization: Bearer $FREETHEAI_API_KEY"], "a placeholder", id="a variable"),
    ],
)
def test_a_mistake_is_named_and_nothing_of_the_key_repeated(
    house: tuple[Program, str], lines: list[str], says: str
) -> None:
    program, key = house
    status, message = ask(program, [line.replace("@KEY", key).replace("@OTHER", OTHER) for line in lines])
    assert status == 401
    assert message.startswith("Your API key is missing or wrong.")
    assert says in message
    assert key not in message
    assert OTHER not in message


def test_a_key_in_the_address_is_none(house: tuple[Program, str]) -> None:
    program, key = house
    assert ask(program, [], f"/v1/models?key={key}&api_key={key}")[0] == 401
    assert key not in program.log_file.read_text()
