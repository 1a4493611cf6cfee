"""`freetheai doctor` and the providers: each key of each, in its adapter's way, against scripted ones."""

import asyncio
from typing import Any

import pytest

from fakes.upstream import Cut, Request, Reset, ScriptedUpstream, ShortError, json_reply, run_in_thread
from freetheai.cli.doctor_providers import check_providers
from freetheai.cli.finding import Finding
from freetheai.config import ProviderSettings, Secret, Settings

LIST = json_reply({"object": "list", "data": [{"id": "m"}]})
REFUSED = ShortError(401, {"error": {"message": "invalid api key", "type": "invalid_request_error"}})


class Played:
    """A provider that answers by the key it is shown; ``open_to_all``: without one too."""

    def __init__(self, by_key: dict[str, Any], *, open_to_all: bool = False) -> None:
        self.by_key = by_key
        self.open_to_all = open_to_all

    def __call__(self, request: Request) -> Any:
        key = key_of(request)
        return self.by_key[key] if key else (LIST if self.open_to_all else REFUSED)


def key_of(request: Request) -> str:
    shown = [request.headers.get(name, "") for name in ("authorization", "x-api-key", "x-goog-api-key")]
    return "".join(shown).removeprefix("Bearer ")


def provider(url: str, *keys: str, adapter: str = "openai", **more: Any) -> ProviderSettings:
    return ProviderSettings(base_url=url, adapter=adapter, api_keys=tuple(map(Secret, keys)), **more)


def examined(**providers: ProviderSettings) -> list[Finding]:
    return asyncio.run(check_providers(Settings(providers=providers)))


def asked(script: Any, *keys: str, path: str = "/v1", **more: Any) -> tuple[list[Finding], list[Request]]:
    """The findings about one provider `opc` that plays ``script``, and the questions it heard."""
    with run_in_thread() as upstream:
        upstream.script = script
        return examined(opc=provider(upstream.url + path, *keys, **more)), upstream.requests


def test_every_key_is_asked_and_none_is_shown():
    played = Played({"good-key": LIST, "bad-key": REFUSED, "fine-key": LIST})
    findings, requests = asked(played, "good-key", "bad-key", "fine-key")
    assert [(finding.check, finding.state) for finding in findings] == [
        ("provider opc, key 1 of 3", "ok"),
        ("provider opc, key 2 of 3", "error"),
        ("provider opc, key 3 of 3", "ok"),
    ]
    assert findings[1].detail == "the key is refused (HTTP 401)"
    assert "[providers.opc] api_keys" in findings[1].advice
    assert [key_of(request) for request in requests] == ["good-key", "bad-key", "fine-key"]
    assert not any("-key" in word for finding in findings for word in (finding.detail, finding.advice))


def test_a_good_key():
    findings, requests = asked(Played({"k": LIST}), "k")
    assert findings == [Finding("provider opc", "ok", "the key is taken")]
    assert [key_of(request) for request in requests] == ["k", ""]


def test_a_list_that_everybody_may_see_proves_no_key():
    findings, _ = asked(Played({"k": LIST, "l": LIST}, open_to_all=True), "k", "l")
    (finding,) = findings
    assert finding.state == "ok"
    assert finding.detail == "answers; shows its models without a key, so its 2 keys were not tried"


@pytest.mark.parametrize(
    ("script", "state", "detail"),
    [
        pytest.param(LIST, "ok", "answers; no key is configured", id="none needed"),
        pytest.param(REFUSED, "error", "wants a key (HTTP 401), none is configured", id="one needed"),
    ],
)
def test_without_a_key(script, state, detail):
    findings, requests = asked(script)
    assert [(finding.state, finding.detail) for finding in findings] == [(state, detail)]
    assert key_of(requests[0]) == ""


@pytest.mark.parametrize(
    ("adapter", "path", "url", "header", "value", "extra"),
    [
        ("openai", "/v1", "/v1/models", "authorization", "Bearer k", {}),
        ("xai", "/v1/", "/v1/models", "authorization", "Bearer k", {}),
        ("openrouter", "/api/v1", "/api/v1/models", "authorization", "Bearer k", {}),
        ("zai", "/api/paas/v4", "/api/paas/v4/models", "authorization", "Bearer k", {"accept-language": "en-US,en"}),
        ("opencode", "/zen/v1", "/zen/v1/models", "authorization", "Bearer k", {"x-opencode-session": "0" * 32}),
        ("anthropic", "", "/v1/models", "x-api-key", "k", {"anthropic-version": "2023-06-01"}),
        ("anthropic", "/v1", "/v1/models", "x-api-key", "k", {"anthropic-version": "2023-06-01"}),
        ("mimo", "/anthropic", "/anthropic/v1/models", "authorization", "Bearer k", {}),
        ("gemini", "/v1beta", "/v1beta/models", "x-goog-api-key", "k", {}),
    ],
)
def test_each_adapter_asks_in_its_own_way(adapter, path, url, header, value, extra):
    findings, requests = asked(Played({"k": LIST}), "k", path=path, adapter=adapter)
    assert [finding.state for finding in findings] == ["ok"]
    first = requests[0]
    assert (first.method, first.path, first.headers[header]) == ("GET", url, value)
    assert len({"authorization", "x-api-key", "x-goog-api-key"} & first.headers.keys()) == 1
    assert extra.items() <= first.headers.items()


@pytest.mark.parametrize(
    ("adapter", "reply", "state", "detail"),
    [
        pytest.param(
            "xai",
            ShortError(400, {"code": "invalid argument", "error": "Incorrect API key provided: a."}),
            "error",
            "the key is refused (HTTP 400)",
            id="xAI refuses with 400",
        ),
        pytest.param(
            "zai",
            json_reply({"code": 401, "msg": "token expired or incorrect", "success": False}),
            "error",
            "the key is refused (HTTP 200)",
            id="Z.ai refuses with 200",
        ),
        pytest.param(
            "gemini",
            ShortError(400, {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}),
            "error",
            "the key is refused (HTTP 400)",
            id="Gemini refuses with 400",
        ),
        pytest.param(
            "openai", ShortError(402, {"error": {"message": "Insufficient Balance"}}), "error",
            "the key is refused (HTTP 402)", id="no balance",
        ),
        pytest.param(
            "openai", ShortError(429, None, [("Retry-After", "12")]), "warning",
            "the key is limited for 12 s", id="limited",
        ),
        pytest.param(
            "zai",
            ShortError(429, {"error": {"code": "1308", "message": "Usage limit reached for 5 hour."}}),
            "warning",
            "the plan's quota is used up for 300 s",
            id="GLM's window",
        ),
    ],
)  # fmt: skip
def test_what_a_key_is_refused_with(adapter, reply, state, detail):
    findings, _ = asked(Played({"k": reply}), "k", adapter=adapter)
    assert [(finding.check, finding.state, finding.detail) for finding in findings] == [("provider opc", state, detail)]


@pytest.mark.parametrize(
    ("script", "state", "detail"),
    [
        pytest.param(
            ShortError(404), "warning", "answers, but has no list of models; its 2 keys were not tried", id="no list"
        ),
        pytest.param(ShortError(500), "warning", "is in trouble (HTTP 500)", id="500"),
        pytest.param(ShortError(503, b"<html><title>busy</title>"), "warning", "is in trouble (HTTP 503)", id="503"),
        pytest.param(ShortError(405), "warning", "refuses the question (HTTP 405)", id="405"),
        pytest.param(ShortError(301, b""), "error", "has moved (HTTP 301); redirects are not followed", id="moved"),
        pytest.param(
            ShortError(403, b"<html><title>Attention Required! | Cloudflare</title></html>"),
            "error",
            "keeps this machine out (HTTP 403)",
            id="a firewall",
        ),
        pytest.param(Reset(), "error", "breaks off without an answer", id="reset"),
        pytest.param(Cut(), "error", "breaks off without an answer", id="closed"),
    ],
)
def test_what_no_key_can_change_is_said_once(script, state, detail):
    findings, requests = asked(script, "k", "l")
    assert [(finding.check, finding.state, finding.detail) for finding in findings] == [("provider opc", state, detail)]
    assert {key_of(request) for request in requests} == {"k"}


def test_nobody_there():
    async def port_of_nobody() -> str:
        async with ScriptedUpstream() as upstream:
            return upstream.url

    (finding,) = examined(gone=provider(asyncio.run(port_of_nobody()), "k", "l"))
    assert (finding.check, finding.state) == ("provider gone", "error")
    assert finding.detail.startswith("nobody answers there")
    assert "[providers.gone] base_url" in finding.advice


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"adapter": "nothing"}, id="no such adapter"),
        pytest.param({"adapter": "gemini", "formats": ("chat",)}, id="a format it does not speak"),
    ],
)
def test_a_mistake_in_the_configuration(more):
    (finding,) = examined(bad=provider("http://127.0.0.1:9", "k", **more))
    assert (finding.check, finding.state) == ("provider bad", "error")
    assert finding.advice == "mend [providers.bad] adapter or formats"


def test_no_provider_at_all():
    assert examined() == [Finding("providers", "ok", "none configured: the local model serves")]


def test_the_command_ends_with_1_when_a_key_is_refused(run, tmp_path):
    with run_in_thread() as upstream:
        upstream.script = Played({"good": LIST, "bad": REFUSED})
        config = f'[providers.opc]\nbase_url = "{upstream.url}/v1"\napi_keys = ["good"]\n'
        (tmp_path / "freetheai.toml").write_text(config)
        good = run("doctor", "--json").json
        assert {"check": "provider opc", "state": "ok", "detail": "the key is taken", "advice": ""} in good
        (tmp_path / "freetheai.toml").write_text(config.replace('"good"', '"good", "bad"'))
        outcome = run("doctor")
    assert outcome.status == 1
    assert "key 2 of 2" in outcome.out
    assert '"bad"' not in outcome.out


def test_a_provider_of_voices_alone_is_asked_too():
    findings, requests = asked(Played({"k": LIST}), "k", formats=("speech",))
    assert [finding.state for finding in findings] == ["ok"]
    assert requests[0].path == "/v1/models"
