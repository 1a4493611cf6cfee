"""The clients there are setup guides for; each guide's body is the template of its name in `web/templates/guides/`."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """One client. ``speaks`` is the format it uses, ``base`` what it wants for a base URL."""

    slug: str
    name: str
    line: str
    speaks: str
    base: str


GUIDES: Final = (
    Guide(
        slug="openai-sdk",
        name="OpenAI SDK",
        line="Python and JavaScript, chat and responses",
        speaks="Chat Completions, Responses",
        base="/v1",
    ),
    Guide(
        slug="anthropic-sdk",
        name="Anthropic SDK",
        line="Python and JavaScript, messages",
        speaks="Messages",
        base="",
    ),
    Guide(slug="claude-code", name="Claude Code", line="The agent in your terminal", speaks="Messages", base=""),
    Guide(slug="codex", name="Codex", line="OpenAI's agent, by one file", speaks="Responses", base="/v1"),
    Guide(slug="opencode", name="OpenCode", line="The open agent, by one file", speaks="Chat Completions", base="/v1"),
    Guide(slug="cline", name="Cline", line="The agent in VS Code", speaks="Chat Completions", base="/v1"),
    Guide(slug="sillytavern", name="SillyTavern", line="Characters and stories", speaks="Chat Completions", base="/v1"),
    Guide(slug="open-webui", name="Open WebUI", line="Chat in the browser", speaks="Chat Completions", base="/v1"),
)
BY_SLUG: Final = {guide.slug: guide for guide in GUIDES}
