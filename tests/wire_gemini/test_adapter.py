"""Where requests for Gemini go, and with which headers."""

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from adapters import find, formats_of
from adapters.gemini.gemini import ADAPTER
from freetheai.config import ProviderSettings
from freetheai.routing import Attempt
from freetheai.wire import chat
from freetheai.wire.formats import Target
from handlers.calls import make_call


def attempt(model: str) -> Attempt:
    settings = ProviderSettings(adapter="gemini", base_url="https://host.test/v1beta/")
    provider: Any = SimpleNamespace(settings=settings)
    credential: Any = SimpleNamespace(secret="the-key")
    return Attempt(
        model=cast("Any", None), provider=provider, credential=credential, adapter=ADAPTER, target=Target(model=model)
    )


def asked(**more: Any) -> Any:
    return chat.CLIENT.parse(orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **more}))


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        pytest.param("gemini-3-pro", False, "/models/gemini-3-pro:generateContent", id="plain"),
        pytest.param("gemini-3-pro", True, "/models/gemini-3-pro:streamGenerateContent?alt=sse", id="stream"),
        pytest.param("a/b c?d", False, "/models/a%2Fb%20c%3Fd:generateContent", id="a name stays one segment"),
    ],
)
def test_the_address(model, stream, path):
    call = make_call(attempt(model), asked(stream=stream), "user")
    assert call.url == f"https://host.test/v1beta{path}"


def test_the_key_goes_in_its_own_header_and_the_model_not_into_the_body():
    call = make_call(attempt("gemini-3-pro"), asked(), "user")
    assert "x-goog-api-key: the-key" in call.headers
    assert not any("Bearer" in header for header in call.headers)
    assert "model" not in orjson.loads(call.body)


def test_it_is_found_by_name():
    assert "gemini" in formats_of("gemini")
    assert find("gemini", "gemini") is ADAPTER
