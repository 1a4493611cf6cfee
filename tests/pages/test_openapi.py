"""`/openapi.json` is a sound document, and what the running program answers is what it says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from support.program import Program
from support.site import Visit, visit

# A refused method is the contract's 400, never a 405; and that an alias is unknown no schema can say.
_NOT_OURS = "unsupported_method,allow_header_conformance,positive_data_acceptance"


@pytest.fixture(scope="module")
def described(program: Program) -> Any:
    answer = visit(f"{program.url}/openapi.json", accept="application/json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def conforms(described: Any, path: str, answer: Visit) -> None:
    """Check an answer against the schema of its status."""
    response = described["paths"][path]["get"]["responses"][str(answer.status)]
    if "$ref" in response:
        response = described["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = {**response["content"]["application/json"]["schema"], "components": described["components"]}
    jsonschema_rs.validator_for(schema).validate(answer.json())


def test_the_document_names_this_gateway(program: Program, described: Any) -> None:
    assert described["openapi"].startswith("3.1")
    assert described["servers"] == [{"url": program.url}]
    assert described["info"]["title"] == "Orchard AI API"
    for name, schema in described["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert schema.get("type") == "object" or "anyOf" in schema, name


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/models/full", "freetheai.xyz"),
        ("/v1/models/full", "wrong"),
        ("/v1/models/leaderboard", "freetheai.xyz"),
        ("/v1/models/leaderboard", "wrong"),
        ("/v1/health", ""),
        ("/v1/models", ""),
    ],
)
def test_what_the_site_s_key_opens_is_as_described(program: Program, described: Any, path: str, key: str) -> None:
    answer = visit(program.url + path, accept="application/json", Authorization=f"Bearer {key}")
    conforms(described, path, answer)


def test_schemathesis_finds_nothing_untrue(program: Program, key: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{program.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {key}", "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", "3", "--workers", "2", "--generation-deterministic"),
            *("--exclude-checks", _NOT_OURS, "--no-color"),
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Operations:       16 selected / 16 total" in done.stdout
