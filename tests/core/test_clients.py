"""Client names from headers."""

import pytest

from freetheai.clients import client_name


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"User-Agent": "claude-cli/2.1.330 (external, cli)"}, "claude-code"),
        ({"User-Agent": "codex_cli_rs/0.169.0 (Ubuntu 24.4.0; x86_64) xterm"}, "codex"),
        ({"User-Agent": "opencode/1.18.33 ai-sdk/provider-utils"}, "opencode"),
        ({"User-Agent": "OpenAI/Python 3.54.0"}, "openai-python"),
        ({"User-Agent": "AsyncOpenAI/Python 3.54.0"}, "openai-python"),
        ({"User-Agent": "Anthropic/JS 1.12.0"}, "anthropic-node"),
        ({"User-Agent": "OpenAI/JS 7.55.0", "X-Title": "Cline"}, "cline"),
        ({"User-Agent": "Python/3.12 aiohttp/3.9", "X-OpenWebUI-Chat-Id": "1"}, "open-webui"),
        ({"User-Agent": "python-requests/2.32.0"}, "python-requests"),
        ({"User-Agent": "curl/8.5.0"}, "curl"),
        ({"User-Agent": "My Client 2.0/beta"}, "my-client"),
        ({"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}, "browser"),
        ({"User-Agent": ""}, "unknown"),
        ({}, "unknown"),
        ({"User-Agent": "\x1b[31mred/1"}, "unknown"),
        ({"User-Agent": "x" * 500}, "x" * 48),
    ],
)
def test_a_client_has_a_name_without_version(headers: dict[str, str], name: str) -> None:
    assert client_name(headers) == name
