"""Client names from headers."""

import pytest
from tornado.httputil import HTTPHeaders

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
        ({"User-Agent": "claude-code/2.1.197"}, "claude-code"),
        ({"User-Agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown (codex_exec; 0.169.0)"}, "codex"),
        ({"User-Agent": "ai/6.0.326 ai-sdk/provider-utils/4.0.64 runtime/node.js/v20.20.2"}, "ai-sdk"),
        ({"User-Agent": "ai-sdk/anthropic/3.0.139 ai-sdk/provider-utils/4.0.64"}, "ai-sdk"),
        ({"User-Agent": "Agents/Python 0.20.0"}, "openai-agents"),
        ({"User-Agent": "langchain-anthropic/1.7.7"}, "langchain"),
        ({"User-Agent": "pydantic-ai/2.31.1"}, "pydantic-ai"),
        ({"User-Agent": "ls/JS 5.23.2", "X-Stainless-Lang": "js"}, "openai-node"),
        ({"User-Agent": "E/JS 0.94.0", "X-Stainless-Lang": "js", "Anthropic-Version": "2023-06-01"}, "anthropic-node"),
        ({"User-Agent": "ls/JS 5.23.2"}, "ls"),
        ({"User-Agent": "OpenAI/JS 7.55.0", "X-Title": "Cline"}, "cline"),
        ({"User-Agent": "Python/3.12 aiohttp/3.9", "X-OpenWebUI-Chat-Id": "1"}, "open-webui"),
        ({"User-Agent": "aiohttp/3.9", "X-OpenWebUI-User-Name": "ann"}, "open-webui"),
        ({"User-Agent": "OpenAI/JS 7.55.0", "HTTP-Referer": "https://kilocode.ai", "X-Title": "?"}, "kilo-code"),
        ({"User-Agent": "OpenAI/JS 7.55.0", "HTTP-Referer": "https://my.app/x"}, "openai-node"),
        ({"User-Agent": "Mozilla/5.0 (X11)", "Origin": "https://janitorai.com"}, "janitorai"),
        ({"User-Agent": "Mozilla/5.0 (X11)", "Origin": "https://www.chub.ai:443"}, "chub"),
        ({"User-Agent": "Mozilla/5.0 (X11)", "Origin": "https://notchub.ai"}, "browser"),
        ({"User-Agent": "Mozilla/5.0 (X11)", "Origin": "app://obsidian.md"}, "obsidian"),
        ({"User-Agent": "Mozilla/5.0 (X11)", "Origin": "null"}, "browser"),
        ({"User-Agent": "Mozilla/5.0 (X11)", "Origin": "http://[broken"}, "browser"),
        ({"User-Agent": "reqwest/0.12", "Originator": "codex_cli_rs"}, "codex"),
        ({"User-Agent": "reqwest/0.12", "Originator": "my_tool"}, "reqwest"),
        ({"User-Agent": "Anthropic/JS 1.12.0", "X-Claude-Code-Session-Id": "1"}, "claude-code"),
        ({"User-Agent": "ai/5.0.1 ai-sdk/openai-compatible/1.0"}, "ai-sdk"),
        ({"User-Agent": "AzureOpenAI/JS 7.55.0"}, "openai-node"),
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
    # As a server hands them over, which spells them its own way.
    assert client_name(HTTPHeaders(headers)) == name
