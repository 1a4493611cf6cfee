"""What the guides say to copy, run as it is copied, against the running gateway."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai.web import load_web
from handlers.site_content import PAGES
from support.node import NODE_FOLDER
from support.program import Program
from support.site import SAID, visit

VARIABLE = "ORCHARD_AI_API_KEY"


@pytest.fixture(scope="module")
def snippets(program: Program) -> dict[str, str]:
    """Every piece of code of every page."""
    found: dict[str, str] = {}
    for path in PAGES:
        for name, code in visit(program.url + path).snippets().items():
            assert found.setdefault(name, code) == code
    return found


def run(command: list[str], key: str, code: str = "", cwd: Path | None = None, **more: str) -> str:
    environment = {**os.environ, VARIABLE: key, **more}
    done = subprocess.run(
        command, input=code, env=environment, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_snippet_is_on_a_page(snippets: dict[str, str]) -> None:
    assert sorted(snippets) == load_web().snippet_names
    for code in snippets.values():
        assert "{{" not in code
        assert "&quot;" not in code


# One interpreter for all of them: importing the packages is what takes the time.
RUN_ALL = """
import contextlib, io, json, sys
for name, code in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
    print(json.dumps([name, said.getvalue().strip()]))
"""


def test_python_with_the_makers_packages(snippets: dict[str, str], key: str) -> None:
    in_python = {name: code for name, code in snippets.items() if name.endswith(".py")}
    lines = run([sys.executable, "-c", RUN_ALL], key, orjson.dumps(in_python).decode()).splitlines()
    said = dict(orjson.loads(line) for line in lines)
    errors = said.pop("openai_errors.py")
    assert errors.startswith("400 invalid_request_error")
    assert "unknown aliased model" in errors
    assert said == {name: SAID for name in ("openai_chat.py", "openai_responses.py", "anthropic_messages.py")}


@pytest.mark.parametrize("name", ["openai_chat.mjs", "anthropic_messages.mjs"])
def test_javascript_with_the_makers_packages(node: str, snippets: dict[str, str], key: str, name: str) -> None:
    said = run([node, "--input-type=module", "-"], key, snippets[name], cwd=NODE_FOLDER)
    assert said.strip() == SAID


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("curl_chat.sh", '"content":"pieces."'),
        ("curl_messages.sh", SAID),
        ("curl_responses.sh", SAID),
        ("curl_models.sh", "apple/pippin-4"),
    ],
)
def test_curl(snippets: dict[str, str], key: str, name: str, expected: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    assert expected in run(["bash", "-eu"], key, snippets[name])


CLAUDE_CODE_ASKS = """
import Anthropic from "@anthropic-ai/sdk";
const client = new Anthropic();
for (const name of ["", "DEFAULT_OPUS_", "DEFAULT_SONNET_", "DEFAULT_HAIKU_"]) {
  const model = process.env[`ANTHROPIC_${name}MODEL`];
  const answer = await client.messages.create({ model, max_tokens: 9, messages: [{ role: "user", content: "x" }] });
  console.log(answer.content[0].text);
}
"""


def test_claude_code_s_variables_lead_its_sdk_here(
    node: str, snippets: dict[str, str], key: str, tmp_path: Path
) -> None:
    """Claude Code is built on Anthropic's SDK: both read the same variables."""
    asks = f"cd {shlex.quote(str(NODE_FOLDER))}\nexec {node} --input-type=module -e {shlex.quote(CLAUDE_CODE_ASKS)}"
    stand_in = tmp_path / "claude"
    stand_in.write_text(f"#!/bin/sh\n{asks}\n")
    stand_in.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    said = run(["bash", "-eu"], key, snippets["claude_code.sh"], PATH=path)
    assert said.splitlines() == [SAID] * 4
    # The settings file says the same as the shell.
    exported = dict(re.findall(r'export (\w+)="([^"]*)"', snippets["claude_code.sh"]))
    written = orjson.loads(snippets["claude_code.json"])["env"]
    assert written == {**exported, "ANTHROPIC_AUTH_TOKEN": "fta_your_key_here"}


def post(url: str, key: str, body: Any) -> str:
    request = urllib.request.Request(url, orjson.dumps(body), {"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


def test_codex_s_file_leads_its_requests_here(snippets: dict[str, str], key: str) -> None:
    config = tomllib.loads(snippets["codex.toml"])
    own = config["model_providers"][config["model_provider"]]
    assert (own["wire_api"], own["env_key"], own["name"]) == ("responses", VARIABLE, "Orchard AI")
    recorded = orjson.loads((NODE_FOLDER.parent / "wire_responses" / "codex_request.json").read_bytes())
    said = post(f"{own['base_url']}/responses", key, {**recorded, "model": config["model"]})
    assert "event: response.completed" in said
    assert SAID in said
    assert config["model_context_window"] == 32768


def test_opencode_s_file_leads_its_requests_here(snippets: dict[str, str], key: str) -> None:
    config = orjson.loads(snippets["opencode.json"])
    name, _, alias = config["model"].partition("/")
    own = config["provider"][name]
    assert own["options"]["apiKey"] == f"{{env:{VARIABLE}}}"
    assert own["models"][alias]["limit"] == {"context": 32768, "output": 4096}
    body = {"model": alias, "messages": [{"role": "user", "content": "x"}]}
    assert SAID in post(f"{own['options']['baseURL']}/chat/completions", key, body)


@pytest.mark.parametrize("client", ["cline", "sillytavern", "open-webui"])
def test_what_is_typed_into_a_form_leads_here(program: Program, key: str, client: str) -> None:
    """These ask for the list, or check the connection with it, and then for chat completions."""
    settings = visit(f"{program.url}/guides/{client}").settings()
    listed = visit(f"{settings['base_url']}/models", Authorization=f"Bearer {key}").json()
    alias = settings.get("model", listed["data"][0]["id"])
    assert alias in [row["id"] for row in listed["data"]]
    body = {"model": alias, "messages": [{"role": "user", "content": "x"}]}
    assert SAID in post(f"{settings['base_url']}/chat/completions", key, body)


def test_open_webui_s_container_is_given_the_same(program: Program, snippets: dict[str, str]) -> None:
    settings = visit(f"{program.url}/guides/open-webui").settings()
    assert f'OPENAI_API_BASE_URL="{settings["base_url"]}"' in snippets["open_webui.sh"]
