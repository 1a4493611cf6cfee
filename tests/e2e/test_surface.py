"""Paths, keys, CORS, bodies and errors as clients in the wild use and misuse them; raw HTTP, no SDK's help."""

import http.client
from typing import Any

import orjson
import pytest

from fakes.upstream import ScriptedUpstream, chat_body
from support.program import Program

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json()["error"]
        return error


def ask(
    program: Program,
    method: str,
    path: str,
    *,
    key: str = "",
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=20)
    try:
        all_headers = {"Authorization": f"Bearer {key}"} if key else {}
        all_headers.update(headers or {})
        sent = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        connection.request(method, path, sent, all_headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/chat/completions",
        "/v1/v1/chat/completions",
        "//v1/chat/completions",
        "/v1//chat/completions/",
        "/v1/chat/completions?beta=true&api-version=1",
    ],
)
def test_a_misspelt_path_still_chats(program: Program, upstream: ScriptedUpstream, key: str, path: str) -> None:
    upstream.script = chat_body("Hi")
    assert ask(program, "POST", path, key=key, body=CHAT).status == 200


@pytest.mark.parametrize(
    "path", ["/v1/models/fake/deep/er:free", "/v1/models/fake%2Fdeep%2Fer%3Afree", "/models/fake/deep/er:free?x=1"]
)
def test_an_alias_in_a_path_may_be_encoded(program: Program, key: str, path: str) -> None:
    answer = ask(program, "GET", path, key=key)
    assert (answer.status, answer.json()["id"]) == (200, "fake/deep/er:free")


def test_a_model_row_serves_both_families(program: Program, key: str) -> None:
    listing = ask(program, "GET", "/v1/models", key=key).json()
    assert listing["object"] == "list"
    assert listing["has_more"] is False
    assert listing["first_id"] == listing["data"][0]["id"]
    assert listing["last_id"] == listing["data"][-1]["id"]
    row = next(row for row in listing["data"] if row["id"] == "fake/one")
    assert (row["object"], row["type"], row["owned_by"]) == ("model", "model", "gateway")
    assert isinstance(row["created"], int)
    assert row["created_at"].endswith("Z")
    assert row["display_name"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/models/fake/one"),
        ("PUT", "/v1/chat/completions"),
        ("PATCH", "/v1/nothing"),
        ("GET", "/v1/responses/resp_1"),
        ("BREW", "/v1/chat/completions"),
    ],
)
def test_what_is_no_route_is_said_in_json(program: Program, key: str, method: str, path: str) -> None:
    answer = ask(program, method, path, key=key)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["message"].startswith("unsupported route")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/"), ("GET", "/"), ("GET", "/v1"), ("GET", "/favicon.ico")])
def test_probes_are_answered_without_a_key(program: Program, method: str, path: str) -> None:
    assert ask(program, method, path).status in (200, 204)


def test_a_preflight_allows_what_it_asks_for(program: Program) -> None:
    asked = "authorization,content-type,x-stainless-os,anthropic-dangerous-direct-browser-access"
    answer = ask(
        program,
        "OPTIONS",
        "/v1/chat/completions",
        headers={
            "Origin": "https://janitorai.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": asked,
            "Access-Control-Request-Private-Network": "true",
        },
    )
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == asked
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert not answer.body


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Authorization": "Bearer {key}"}, id="bearer"),
        pytest.param({"authorization": "bEaReR   {key}  "}, id="bearer in any case with space around the key"),
        pytest.param({"x-api-key": "{key}"}, id="x-api-key"),
        pytest.param({"api-key": " {key} "}, id="api-key"),
        pytest.param(
            {"Authorization": "Bearer dummy", "x-api-key": "{key}"}, id="a dummy in one, the key in the other"
        ),
    ],
)
def test_a_key_is_read_from_where_clients_put_it(program: Program, key: str, headers: dict[str, str]) -> None:
    filled = {name: value.format(key=key) for name, value in headers.items()}
    assert ask(program, "GET", "/v1/models", headers=filled).status == 200


@pytest.mark.parametrize(
    ("header", "named"),
    [
        pytest.param("", "Authorization: Bearer", id="no key at all"),
        pytest.param('Bearer "{key}"', "quotes", id="in quotes"),
        pytest.param("Bearer <{key}>", "angle brackets", id="in angle brackets"),
        pytest.param("Bearer `{key}`", "markdown", id="in markdown"),
        pytest.param("Bearer Bearer {key}", "twice", id="Bearer twice"),
        pytest.param("Bearer {key}x", "/resetkey", id="one character too many"),
    ],
)
def test_a_bad_key_is_refused_by_name(program: Program, key: str, header: str, named: str) -> None:
    headers = {"Authorization": header.format(key=key)} if header else {}
    answer = ask(program, "GET", "/v1/models", headers=headers)
    assert (answer.status, answer.error["type"]) == (401, "invalid_api_key")
    assert named in answer.error["message"]
    assert key not in answer.body.decode()


def test_a_key_in_the_query_is_no_key(program: Program, key: str) -> None:
    assert ask(program, "GET", f"/v1/models?key={key}&api_key={key}").status == 401


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        pytest.param(b"", "invalid json payload", id="nothing"),
        pytest.param(b"{", "invalid json payload", id="half a body"),
        pytest.param(b"[]", "invalid json payload", id="a list"),
        pytest.param(b'{"model": "\xff"}', "invalid json payload", id="not UTF-8"),
        pytest.param(b"[" * 100000, "invalid json payload", id="deeper than any parser goes"),
        pytest.param({"messages": CHAT["messages"]}, "missing model", id="no model"),
        pytest.param({"model": "fake/one"}, "missing prompt", id="no messages"),
        pytest.param({"model": "fake/one", "messages": []}, "missing prompt", id="no message"),
        pytest.param({**CHAT, "model": "nope/x"}, "unknown aliased model", id="an unknown alias"),
        pytest.param({**CHAT, "model": "fake/off"}, "unknown aliased model", id="an alias that is switched off"),
    ],
)
def test_a_bad_body_is_refused_in_the_contract_s_words(program: Program, key: str, body: Any, begins: str) -> None:
    answer = ask(program, "POST", "/v1/chat/completions", key=key, body=body)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert answer.error["message"].startswith(begins)
    assert answer.error["code"] == "invalid_request_error"
    assert answer.error["param"] is None


@pytest.mark.parametrize("tokens", [0, -1])
def test_no_output_tokens_at_all_is_refused(program: Program, key: str, tokens: int) -> None:
    answer = ask(program, "POST", "/v1/chat/completions", key=key, body={**CHAT, "max_tokens": tokens})
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-8"},
    ],
)
def test_json_counts_whatever_the_content_type_says(
    program: Program, upstream: ScriptedUpstream, key: str, headers: dict[str, str]
) -> None:
    upstream.script = chat_body("Hi")
    assert ask(program, "POST", "/v1/chat/completions", key=key, body=CHAT, headers=headers).status == 200


def test_a_byte_order_mark_and_lone_surrogates_do_no_harm(
    program: Program, upstream: ScriptedUpstream, key: str
) -> None:
    upstream.script = chat_body("Hi")
    body = b'\xef\xbb\xbf{"model": " fake/one[1m] ", "messages": [{"role": "user", "content": "a\\ud800b"}]}'
    assert ask(program, "POST", "/v1/chat/completions", key=key, body=body).status == 200
    assert upstream.requests[-1].json()["messages"][0]["content"] == "a\ufffdb"


def test_a_body_over_the_bound_is_answered_not_reset(program: Program, key: str) -> None:
    body = orjson.dumps({**CHAT, "padding": "x" * (33_554_432 + 1)})
    answer = ask(program, "POST", "/v1/chat/completions", key=key, body=body)
    assert (answer.status, answer.error["type"]) == (400, "context_length_exceeded")
    assert answer.error["message"].startswith("prompt is too long")


def test_a_gated_alias_is_refused_before_anything_is_taken(program: Program, key: str) -> None:
    answer = ask(program, "POST", "/v1/chat/completions", key=key, body={**CHAT, "model": "fake/gated"})
    assert (answer.status, answer.error["type"]) == (403, "model_access_denied")
    assert "x-ratelimit-limit" not in answer.headers


def test_every_answer_that_reached_the_limits_shows_them(
    program: Program, upstream: ScriptedUpstream, key: str
) -> None:
    upstream.script = chat_body("Hi")
    answer = ask(program, "POST", "/v1/chat/completions", key=key, body=CHAT)
    for family in ("x-ratelimit", "x-concurrency", "x-dailylimit"):
        for name in ("limit", "remaining", "reset"):
            assert answer.headers[f"{family}-{name}"].isdigit()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Authorization, x-api-key"
    assert "X-RateLimit-Limit" in answer.headers["access-control-expose-headers"]
    broken = ask(program, "POST", "/v1/chat/completions", key=key, body={**CHAT, "model": "gone/one"})
    assert broken.status == 503
    assert broken.headers["x-dailylimit-limit"] == answer.headers["x-dailylimit-limit"]
    assert int(broken.headers["retry-after"]) >= 1


def test_a_provider_that_is_not_configured_is_unavailable(program: Program, key: str) -> None:
    answer = ask(program, "POST", "/v1/chat/completions", key=key, body={**CHAT, "model": "nobody/one"})
    assert (answer.status, answer.error["type"]) == (503, "provider_unavailable")


def test_nothing_of_the_client_s_identity_reaches_the_provider(
    program: Program, upstream: ScriptedUpstream, key: str
) -> None:
    upstream.script = chat_body("Hi")
    headers = {"Cookie": "a=b", "X-Forwarded-For": "9.9.9.9", "User-Agent": "Secret/1", "X-Stainless-OS": "Linux"}
    assert ask(program, "POST", "/v1/chat/completions", key=key, body=CHAT, headers=headers).status == 200
    sent = upstream.requests[-1]
    assert sent.headers["authorization"] == "Bearer sk-upstream-secret"
    assert sent.headers["user-agent"].startswith("freetheai")
    for name in ("cookie", "x-forwarded-for", "x-stainless-os", "expect"):
        assert name not in sent.headers
    assert key.encode() not in sent.raw_head


def test_health_has_the_contract_s_shape_and_needs_no_key(program: Program) -> None:
    health = ask(program, "GET", "/v1/health").json()
    assert health["status"] in ("ok", "degraded")
    assert set(health["dependencies"]) == {"mongodb", "redis", "discord"}
    assert health["catalog"]["model_count"] > 0
    row = next(row for row in health["providers"] if row["prefix"] == "fake")
    for name in ("status", "model_count", "last_success_at", "last_error_at", "error_rate_30m", "requests_60m"):
        assert name in row


def test_log_lines_have_the_operator_s_fields_and_no_secret(
    program: Program, upstream: ScriptedUpstream, key: str
) -> None:
    upstream.script = chat_body("Hi")
    body = {**CHAT, "messages": [{"role": "user", "content": "the-secret-prompt"}]}
    answer = ask(program, "POST", "/v1/chat/completions", key=key, body=body)
    line = program.wait_for_line(answer.headers["x-request-id"])
    assert line["alias"] == "fake/one"
    assert line["provider"] == "fake"
    assert line["upstream_format"] == "chat"
    assert (line["status"], line["input_tokens"], line["output_tokens"]) == (200, 3, 2)
    everything = program.log_file.read_text()
    for secret in (key, "the-secret-prompt", "sk-upstream-secret"):
        assert secret not in everything
