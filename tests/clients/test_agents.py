"""Agents as members run them, unmodified: each loop over every upstream format, and what an agent makes of errors.

The model reads a file with the client's own tool, hears what is in it, and says so.
"""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from fakes.model import Heard, ScriptedModel, Turn, refusal
from fakes.replies import Part
from support.four_formats import ALIASES
from support.installed import Clients
from support.program import Program

ASKED = "What does note.txt say?"
WRONG_KEY = "fta_17I7MNO3SNg9sXPKXHQUkCkBFeQb4fzPQ84b2Pyx"
Agent = Callable[[Clients, Program, str, str, str], str]


def claude_code(clients: Clients, program: Program, key: str, alias: str, prompt: str) -> str:
    command = [clients.program("claude"), "-p", prompt, "--output-format", "stream-json", "--verbose"]
    sizes = ("", "DEFAULT_OPUS_", "DEFAULT_SONNET_", "DEFAULT_HAIKU_")
    models = {f"ANTHROPIC_{size}MODEL": alias for size in sizes}
    return clients.run(command, ANTHROPIC_BASE_URL=program.url, ANTHROPIC_AUTH_TOKEN=key, **models).stdout


def codex(clients: Clients, program: Program, key: str, alias: str, prompt: str) -> str:
    home = clients.home / "codex"
    home.mkdir(exist_ok=True)
    home.joinpath("config.toml").write_text(
        f'model = "{alias}"\nmodel_provider = "gateway"\nmodel_context_window = 200000\n[model_providers.gateway]\n'
        f'name = "Gateway"\nbase_url = "{program.base_url}"\nenv_key = "GATEWAY_KEY"\nwire_api = "responses"\n'
    )
    # Its sandbox depends on what else is installed; what it runs here is what the test says.
    command = [clients.program("codex"), "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", prompt]
    done = clients.run(command, CODEX_HOME=str(home), GATEWAY_KEY=key)
    return done.stdout + done.stderr


def opencode(clients: Clients, program: Program, key: str, alias: str, prompt: str) -> str:
    options = {"baseURL": program.base_url, "apiKey": "{env:GATEWAY_KEY}"}
    models = {alias: {"limit": {"context": 200000, "output": 4096}}}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "Gateway", "options": options, "models": models}
    config = {"model": f"gateway/{alias}", "autoupdate": False, "provider": {"gateway": provider}}
    clients.home.joinpath("opencode.json").write_bytes(orjson.dumps(config))
    done = clients.run([clients.program("opencode"), "run", prompt], GATEWAY_KEY=key)
    return done.stdout + done.stderr


def cline(clients: Clients, program: Program, key: str, alias: str, prompt: str) -> str:
    data = ["--data-dir", str(clients.home / "cline")]
    path = clients.program("cline")
    made = ["auth", "-p", "openai-compatible", "-k", key, "-m", alias, "-b", program.base_url, *data]
    assert clients.run([path, *made]).returncode == 0
    command = [path, "--json", *data, "-P", "openai-compatible", "-k", key, "-m", alias, prompt]
    return clients.run(command).stdout


def continue_(clients: Clients, program: Program, key: str, alias: str, prompt: str) -> str:
    model = f"{{name: gateway, provider: openai, model: {alias}, apiBase: {program.base_url}, apiKey: {key}}}"
    config = clients.home / "continue.yaml"
    config.write_text(f"name: gateway\nversion: 1.0.0\nschema: v1\nmodels:\n  - {model}\n")
    command = [clients.program("cn"), "--config", str(config), "--auto", "-p", prompt]
    return clients.run(command, CONTINUE_TELEMETRY_ENABLED="0").stdout


# The agent, what the log calls it, its tool that reads a file and how it is called.
AGENTS: dict[str, tuple[Agent, str, str, Callable[[str], dict[str, Any]]]] = {
    "Claude Code": (claude_code, "claude-code", "Read", lambda path: {"file_path": path}),
    "Codex": (codex, "codex", "exec_command", lambda path: {"cmd": f"cat {path}"}),
    "OpenCode": (opencode, "opencode", "read", lambda path: {"filePath": path}),
    "Cline": (cline, "ai-sdk", "read_files", lambda path: {"files": [{"path": path}]}),
    "Continue": (continue_, "openai-node", "Read", lambda path: {"filepath": path}),
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("agent", AGENTS)
def test_the_loop(clients: Clients, program: Program, key: str, model: ScriptedModel, agent: str, alias: str) -> None:
    run, name, tool, arguments = AGENTS[agent]
    given = arguments(str(clients.home / "note.txt"))

    def speak(heard: Heard) -> Turn:
        if heard.results:
            found = "marmalade" in heard.whole
            return Turn(text=["It says ", "marmalade, indeed." if found else "nothing."], used=(1200, 9))
        if tool not in heard.tools:
            return Turn(text=["A title"])
        return Turn(thinking="Let me look.", text=["One ", "moment."], calls=[(tool, given)])

    model.speak = speak
    before = len(program.request_lines())
    said = run(clients, program, key, alias, ASKED)
    assert "It says marmalade, indeed." in said
    lines = [line for line in program.request_lines()[before:] if line["route"] != "probe"]
    assert {(line["status"], line["client"], line["alias"]) for line in lines} == {(200, name, alias)}


@pytest.mark.parametrize("alias", ALIASES)
def test_claude_code_knows_that_a_prompt_is_too_long(
    clients: Clients, program: Program, key: str, model: ScriptedModel, alias: str
) -> None:
    """It then compacts the conversation; this one has nothing to compact."""
    model.speak = lambda heard: _too_long(heard.format)
    said = claude_code(clients, program, key, alias, ASKED).splitlines()
    assert orjson.loads(said[-1])["terminal_reason"] == "prompt_too_long"


@pytest.mark.parametrize("alias", ALIASES)
def test_codex_knows_that_a_prompt_is_too_long(
    clients: Clients, program: Program, key: str, model: ScriptedModel, alias: str
) -> None:
    model.speak = lambda heard: _too_long(heard.format)
    assert "ran out of room in the model's context window" in codex(clients, program, key, alias, ASKED)


def test_claude_code_says_at_once_that_the_key_is_wrong(
    clients: Clients, program: Program, model: ScriptedModel
) -> None:
    said = claude_code(clients, program, WRONG_KEY, "chat/one", ASKED)
    assert "api_retry" not in said
    assert "Your API key is missing or wrong" in said
    assert not model.heard


@pytest.mark.parametrize("agent", ["Claude Code", "OpenCode"])
def test_a_cut_answer_is_an_error(
    clients: Clients, program: Program, key: str, model: ScriptedModel, agent: str
) -> None:
    model.speak = lambda heard: Turn(text=["One ", "two ", "three."], cut_after=3)
    assert "Provider failed unexpectedly" in AGENTS[agent][0](clients, program, key, "chat/one", ASKED)


_WORDS = "maximum context length is 200000 tokens. However, your messages resulted in 250000 tokens."
_LONG: dict[str, Any] = {
    "chat": {"error": {"message": _WORDS, "type": "invalid_request_error", "code": "context_length_exceeded"}},
    "messages": {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 250000 tokens > 200000 maximum"},
    },
    "responses": {"error": {"message": "Your input exceeds the window.", "code": "context_length_exceeded"}},
    "gemini": {
        "error": {
            "code": 400,
            "status": "INVALID_ARGUMENT",
            "message": "The input token count (250000) exceeds the maximum number of tokens allowed (200000).",
        }
    },
}


def _too_long(format_: str) -> Part:
    return refusal(400, _LONG[format_])
