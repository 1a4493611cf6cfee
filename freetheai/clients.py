"""Which program is calling: a short, version-free name from the headers a client sends about itself.

The name is what the log, `users show`, health and bans use. It is a courtesy of honest clients, no proof: anyone can
send any header. Rules: the telling headers come before the user agent, the longest known beginning wins, and what is
unknown is the first product token of the user agent, lower-cased, without its version.
"""

import functools
import re
from collections.abc import Mapping
from typing import Final

MAX_NAME_CHARS: Final = 48
# What is looked at of a user agent: no name is longer, and what is remembered stays small whatever is sent.
_AGENT_CHARS: Final = 200
UNKNOWN: Final = "unknown"

# User agent beginnings (lower case) of clients members use. Source: the projects' own request code.
_AGENTS: Final[Mapping[str, str]] = {
    "claude-cli/": "claude-code",
    "codex_cli_rs/": "codex",
    "codex-tui/": "codex",
    "codex_exec/": "codex",
    "codex_vscode/": "codex-vscode",
    "codex desktop/": "codex-desktop",
    "opencode/": "opencode",
    "cline/": "cline",
    "roocode/": "roo-code",
    "zoocode/": "zoo-code",
    "openclaw/": "openclaw",
    "litellm/": "litellm",
    "openai/python": "openai-python",
    "asyncopenai/python": "openai-python",
    "azureopenai/python": "openai-python",
    "asyncazureopenai/python": "openai-python",
    "openai/js": "openai-node",
    "anthropic/python": "anthropic-python",
    "asyncanthropic/python": "anthropic-python",
    "anthropic/js": "anthropic-node",
    "ai-sdk/": "ai-sdk",
    "zed/": "zed",
    "sillytavern": "sillytavern",
    "mozilla/": "browser",
}

# Headers in which a program names itself although its user agent is a library's.
_TITLES: Final[Mapping[str, str]] = {
    "cline": "cline",
    "roo code": "roo-code",
    "kilo code": "kilo-code",
    "sillytavern": "sillytavern",
}

_OPEN_WEBUI: Final = ("X-OpenWebUI-Chat-Id", "X-OpenWebUI-User-Id")

_PRODUCT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+ -]{0,63}")
_VERSION: Final = re.compile(r"[-_. ]?v?\d[\w.+-]*$")


def client_name(headers: Mapping[str, str]) -> str:
    """The calling program's name, at most 48 characters of ``a-z 0-9 . _ + -``; ``unknown`` where it says nothing."""
    # Asked with ``in`` first: of Tornado's headers one that is missing costs ``get`` an exception.
    if any(name in headers and headers[name] for name in _OPEN_WEBUI):
        return "open-webui"
    if "X-Title" in headers and (known := _TITLES.get(headers["X-Title"].strip().lower())):
        return known
    return _name_of_agent(headers.get("User-Agent", "").strip()[:_AGENT_CHARS])


@functools.lru_cache(maxsize=1024)
def _name_of_agent(agent: str) -> str:
    lowered = agent.lower()
    for beginning, name in _AGENTS.items():
        if lowered.startswith(beginning):
            return name
    return _product_name(agent)


def _product_name(agent: str) -> str:
    """The first product of a user agent without its version: `python-requests/2.32` is `python-requests`."""
    product = _PRODUCT.match(agent.split("/", 1)[0])
    if product is None:
        return UNKNOWN
    name = _VERSION.sub("", product.group()).strip().lower().replace(" ", "-")
    return name[:MAX_NAME_CHARS] or UNKNOWN
