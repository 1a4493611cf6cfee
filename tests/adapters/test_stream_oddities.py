"""What odd answers of providers come to: decoded by their adapter, judged by their codes."""

import pytest

from adapters import find, rules
from adapters.base import CodeRule
from freetheai import errors
from freetheai.wire import chat
from freetheai.wire.error_body import failure_from, read_error
from freetheai.wire.events import Failed, Finish
from support.failures import judged, means


def chunk(delta: str, reason: str = "null", beside: str = "") -> str:
    return f'data: {{"id":"c","choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]{beside}}}\n\n'


START, TEXT, DONE = chunk('{"role":"assistant","content":""}'), chunk('{"content":"A"}'), "data: [DONE]\n\n"
# China's time, eight hours ahead of the clock in `judged`, which stands at 23:00 UTC: an hour and a half from now.
USED_UP = (
    '{"error":{"code":"1308","message":"Usage limit reached for 5 hour. Your limit will reset at 2026-11-23 08:30:00"}}'
)
WAIT_S = 5400
RISK = "The request was rejected because it was considered high risk"


def last_event(family, stream):
    adapter = find(family, "chat")
    request = chat.CLIENT.parse(b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true}')
    decoder = adapter.upstream.decoder(request, adapter.quirks)
    return [*decoder.feed(stream.encode()), *decoder.end()][-1]


@pytest.mark.parametrize(
    ("family", "stream", "rule"),
    [
        pytest.param("zai", START + chunk("{}", '"sensitive"') + DONE, rules.POLICY, id="GLM's filter at once"),
        pytest.param("zai", START + TEXT + chunk("{}", '"network_error"'), rules.BROKEN, id="GLM's network"),
        pytest.param(
            "zai", START + chunk("{}", '"model_context_window_exceeded"') + DONE, rules.CONTEXT, id="GLM's full window"
        ),
        pytest.param(
            "zai",
            f"data: {USED_UP}\n\n",
            CodeRule(row=errors.GLM_DEPLETED, scope="key", default_retry_after_s=WAIT_S),
            id="GLM's plan, in a stream",
        ),
        pytest.param(
            "mimo",
            START + chunk(f'{{"content":"{RISK}"}}', '"content_filter"') + DONE,
            rules.POLICY,
            id="MiMo's refusal as text",
        ),
        pytest.param(
            "mimo",
            'data:{"error":{"code":"421","message":"Moderation Block","param":"'
            + RISK
            + '","type":"content_filter"}}\n\n',
            rules.POLICY,
            id="MiMo's moderation, in a stream",
        ),
        pytest.param(
            "openrouter",
            ": OPENROUTER PROCESSING\n\n"
            + START
            + chunk('{"content":""}', '"error"', ',"error":{"code":502,"message":"x","metadata":{}}'),
            rules.OVERLOADED,
            id="OpenRouter's error beside choices",
        ),
        pytest.param(
            "openrouter",
            START + chunk("{}", '"error"', ',"error":{"code":403,"message":"x","metadata":{"reasons":["violence"]}}'),
            rules.POLICY,
            id="OpenRouter's moderation, in a stream",
        ),
        pytest.param(
            "xai",
            'data: {"code":"The service is currently unavailable","error":"The model is overloaded"}\n\n',
            rules.OVERLOADED,
            id="xAI's flat error",
        ),
        pytest.param(
            "opencode",
            'data: {"type":"error","error":{"type":"GoUsageLimitError","message":"5 hour usage limit reached"}}\n\n',
            rules.WINDOW,
            id="Go's plan, in a stream",
        ),
    ],
)
def test_a_bad_end(family, stream, rule):
    failed = last_event(family, stream)
    assert isinstance(failed, Failed)
    assert judged(failed.failure, find(family, "chat").codes) == means(rule)


@pytest.mark.parametrize(
    ("family", "stream", "reason"),
    [
        pytest.param(
            "zai", START + TEXT + chunk("{}", '"sensitive"') + DONE, "content_filter", id="GLM's filter later"
        ),
        pytest.param(
            "zai",
            START + TEXT + chunk("{}", '"model_context_window_exceeded"') + DONE,
            "context_window",
            id="GLM's window, full midway",
        ),
        pytest.param(
            "opencode",
            START + TEXT + chunk("{}", '"stop"') + DONE + 'data: {"choices":[],"cost":"0.001"}\n\n',
            "stop",
            id="Zen's cost after the end",
        ),
        pytest.param(
            "opencode",
            START + TEXT + chunk("{}", '"stop"') + 'data: {"choices":[],"cost":"0.001"}\n\n',
            "stop",
            id="Zen's cost without an end marker",
        ),
        pytest.param(
            "mimo",
            START + TEXT + chunk(f'{{"content":"{RISK}"}}', '"stop"') + DONE,
            "stop",
            id="MiMo's sentence, said by the model itself",
        ),
        pytest.param(
            "openrouter",
            ": OPENROUTER PROCESSING\n\n" * 3 + START + TEXT + chunk("{}", '"stop"') + DONE,
            "stop",
            id="OpenRouter's comments",
        ),
    ],
)
def test_a_good_end(family, stream, reason):
    assert last_event(family, stream) == Finish(reason)


@pytest.mark.parametrize(
    ("family", "status", "body", "rule"),
    [
        pytest.param(
            "mimo",
            400,
            b'data:{"error":{"code":"400","message":"Param Incorrect","param":"`text` is not set","type":""}}',
            rules.REJECTED,
            id="MiMo's 400 looks like a stream",
        ),
        pytest.param(
            "mimo",
            400,
            b'data:{"error":{"code":"421","message":"Moderation Block","param":"","type":"content_filter"}}\n\n',
            rules.POLICY,
            id="and so does its moderation",
        ),
        pytest.param(
            "zai",
            429,
            USED_UP.encode(),
            CodeRule(row=errors.GLM_DEPLETED, scope="key", default_retry_after_s=WAIT_S),
            id="GLM's plan is not a rate limit",
        ),
        pytest.param(
            "xai",
            400,
            b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: ab***yz."}',
            rules.ACCOUNT,
            id="xAI's 400 for a bad key",
        ),
    ],
)
def test_an_error_s_body(family, status, body, rule):
    failure = failure_from(read_error(body), phase="headers", status=status)
    assert judged(failure, find(family, "chat").codes) == means(rule)
