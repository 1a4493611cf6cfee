"""What the one-file build does otherwise; and, where there is one to test, the build itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from freetheai import frozen, python_child

BUILD = os.environ.get("FREETHEAI_COMMAND")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where builds have unpacked themselves; `_MEIours` is this process's."""
    for name in ("_MEIours", "_MEIgone", "_MEIbusy", "_MEIother"):
        (tmp_path / name).mkdir()
    for name in ("_MEIgone", "_MEIbusy"):
        (tmp_path / name / "freetheai-in-use").touch()
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "_MEIours"), raising=False)
    return tmp_path


def test_what_a_killed_build_has_left_is_removed_and_nothing_else(folders: Path) -> None:
    with frozen._in_use(folders / "_MEIours"), frozen._in_use(folders / "_MEIbusy"):
        frozen._sweep(frozen.unpacked())
    assert sorted(path.name for path in folders.iterdir()) == ["_MEIbusy", "_MEIother", "_MEIours"]


def test_a_link_in_a_shared_place_is_not_followed(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    precious = tmp_path_factory.mktemp("precious")
    (precious / "freetheai-in-use").touch()
    (folders / "_MEIlink").symlink_to(precious)
    (folders / "_MEIother" / "freetheai-in-use").symlink_to(precious / "freetheai-in-use")
    frozen._sweep(frozen.unpacked())
    assert (precious / "freetheai-in-use").exists()
    assert (folders / "_MEIother").exists()


@pytest.mark.parametrize(("before", "after"), [({}, None), ({"LD_LIBRARY_PATH_ORIG": "/own"}, "/own")])
def test_children_get_the_systems_libraries(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: str | None
) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/unpacked")
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    frozen._give_libraries_back()
    assert os.environ.get("LD_LIBRARY_PATH") == after


def test_only_scripts_of_ours_are_run(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = folders / "foreign.py"
    foreign.write_text("raise RuntimeError('it ran')")
    with pytest.raises(SystemExit, match="no part of this program"):
        frozen._run_script(foreign)
    own = folders / "_MEIours" / "own.py"
    own.write_text("import sys\nraise LookupError(sys.argv[1])")
    monkeypatch.setattr(sys, "argv", ["freetheai", python_child.RUN_SCRIPT, str(own), "argument"])
    with pytest.raises(LookupError, match="argument"):
        frozen._run_script(own)


def test_a_build_starts_itself_where_the_source_starts_python(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path("/somewhere/worker.py")
    assert python_child.script_argv(script, "2.0")[0] == sys.executable
    assert python_child.script_argv(script, "2.0")[-2:] == (str(script), "2.0")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert python_child.script_argv(script, "2.0") == (sys.executable, python_child.RUN_SCRIPT, str(script), "2.0")


@pytest.mark.skipif(BUILD is None, reason="FREETHEAI_COMMAND names no build")
def test_the_build_is_complete_and_needs_no_python() -> None:
    environment = {"PATH": "/nowhere", "HOME": "/"}
    done = subprocess.run(
        [str(BUILD), "version", "--self-check"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "loaded moderation worker" in done.stdout
    assert "missing" not in "".join(line.split()[0] for line in done.stdout.splitlines())
