"""Which program is calling: a short, version-free name from the headers a client sends about itself.

The name is what the log, `users show`, health and bans use. It is a courtesy of honest clients, no proof: anyone can
send any header. Rules: what a program says of itself in a header made for it (`X-Title`, the page it runs in, its own
headers) comes before the user agent, which is often a library's; the longest known beginning of a user agent wins; and
what is unknown is the first product token of the user agent, lower-cased, without its version.
"""

import functools
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

MAX_NAME_CHARS: Final = 48
# What is looked at of a user agent: no name is longer, and what is remembered stays small whatever is sent.
_AGENT_CHARS: Final = 200
UNKNOWN: Final = "unknown"
# What stands for all names that are not ours, where names are shown in public.
OTHER: Final = "other"

# User agent beginnings (lower case) of clients members use. Source: the projects' own request code.
_AGENTS: Final[Mapping[str, str]] = {
    "claude-cli/": "claude-code",
    "claude-code/": "claude-code",
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
    "azureopenai/js": "openai-node",
    "anthropic/python": "anthropic-python",
    "asyncanthropic/python": "anthropic-python",
    "anthropic/js": "anthropic-node",
    "agents/python": "openai-agents",
    "langchain": "langchain",
    "pydantic-ai/": "pydantic-ai",
    "ai-sdk/": "ai-sdk",
    "ai/": "ai-sdk",
    "zed/": "zed",
    "sillytavern": "sillytavern",
    "mozilla/": "browser",
}

# `X-Title`, in which a program names itself although its user agent is a library's.
_TITLES: Final[Mapping[str, str]] = {
    "cline": "cline",
    "roo code": "roo-code",
    "kilo code": "kilo-code",
    "sillytavern": "sillytavern",
}

# Where a program or the page it runs in is at home: the host of `HTTP-Referer` or `Origin`, or the end of it.
_HOMES: Final[Mapping[str, str]] = {
    "cline.bot": "cline",
    "kilocode.ai": "kilo-code",
    "sillytavern.app": "sillytavern",
    "janitorai.com": "janitorai",
    "chub.ai": "chub",
    "risuai.xyz": "risuai",
    "agnai.chat": "agnai",
    "wyvern.chat": "wyvernchat",
    "spicychat.ai": "spicychat",
    "lobehub.com": "lobechat",
    "obsidian.md": "obsidian",
}

# Headers that one program alone sends (lower case).
_OWN_HEADERS: Final[Mapping[str, str]] = {
    "x-openwebui-chat-id": "open-webui",
    "x-openwebui-user-id": "open-webui",
    "x-openwebui-user-name": "open-webui",
    "x-kilocode-version": "kilo-code",
    "x-kilocode-taskid": "kilo-code",
    "x-claude-code-session-id": "claude-code",
}

# `originator`, in which the programs of Codex name themselves.
_ORIGINATORS: Final[Mapping[str, str]] = {
    beginning.rstrip("/"): name for beginning, name in _AGENTS.items() if name.startswith("codex")
}

# All headers that are looked at besides the user agent.
_TELLING: Final = frozenset(("x-title", "http-referer", "origin", "originator", *_OWN_HEADERS))

# Names that the rule for unknown agents gives to libraries and tools that everybody knows.
_TOOLS: Final = frozenset(
    (
        "aiohttp", "axios", "bun", "curl", "deno", "go-http-client", "guzzlehttp", "insomnia", "java-http-client",
        "node", "node-fetch", "okhttp", "postmanruntime", "python-httpx", "python-requests", "python-urllib", "reqwest",
        "undici",
    )
)  # fmt: skip
_RECOGNISED: Final = frozenset(
    (*_AGENTS.values(), *_TITLES.values(), *_HOMES.values(), *_OWN_HEADERS.values(), *_TOOLS, UNKNOWN)
)

_PRODUCT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+ -]{0,63}")
# The official SDKs for Node name themselves by their class, which bundlers shorten: `ls/JS 5.23.2`.
_SHORTENED_CHARS: Final = 3
_SHORTENED_SDK: Final = re.compile(rf"[\w$]{{1,{_SHORTENED_CHARS}}}/JS \d")
_VERSION: Final = re.compile(r"[-_. ]?v?\d[\w.+-]*$")


def client_name(headers: Mapping[str, str]) -> str:
    """The calling program's name, at most 48 characters of ``a-z 0-9 . _ + -``; ``unknown`` where it says nothing."""
    # Most requests have none of them, which one pass over the names tells.
    telling = _TELLING.intersection(map(str.lower, headers))
    if telling and (known := _name_of_telling(telling, headers)):
        return known
    agent = headers.get("User-Agent", "").strip()[:_AGENT_CHARS]
    name = _name_of_agent(agent)
    if len(name) <= _SHORTENED_CHARS and _SHORTENED_SDK.match(agent) and "X-Stainless-Lang" in headers:
        return "anthropic-node" if "Anthropic-Version" in headers else "openai-node"
    return name


def is_recognised(name: str) -> bool:
    """Whether ``name`` is one of ours, not whatever somebody sent."""
    return name in _RECOGNISED


def _name_of_telling(telling: frozenset[str], headers: Mapping[str, str]) -> str:
    """The program that one of these headers names, "" if none does."""
    if "x-title" in telling and (known := _TITLES.get(headers["X-Title"].strip().lower())):
        return known
    for name in ("HTTP-Referer", "Origin"):
        if name.lower() in telling and (known := _name_of_home(headers[name][:_AGENT_CHARS])):
            return known
    if "originator" in telling and (known := _ORIGINATORS.get(headers["Originator"].strip().lower())):
        return known
    return next((_OWN_HEADERS[name] for name in _OWN_HEADERS if name in telling), "")


@functools.lru_cache(maxsize=1024)
def _name_of_home(url: str) -> str:
    """Who is at home at the host of ``url`` or of what stands over it (`app.janitorai.com`); "" for nobody known."""
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""
    while host:
        if known := _HOMES.get(host):
            return known
        host = host.partition(".")[2]
    return ""


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
