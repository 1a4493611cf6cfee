"""What the one-file build does otherwise; and, where there is one to test, the build itself."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
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


def test_a_folder_whose_first_process_still_lives_is_left_to_it(folders: Path) -> None:
    """Its second process has ended, and the first is just removing the folder: two at once would get in each
    other's way.
    """
    with subprocess.Popen(["sleep", "60"]) as first:
        (folders / "_MEIgone" / "freetheai-in-use").write_text(str(first.pid))
        frozen._sweep(frozen.unpacked())
        assert (folders / "_MEIgone").exists()
        first.kill()
    frozen._sweep(frozen.unpacked())
    assert not (folders / "_MEIgone").exists()


def test_what_was_broken_off_while_unpacking_is_removed_in_time(folders: Path) -> None:
    for name in ("_MEIgone", "_MEIother", "_MEIbusy"):
        (folders / name / "freetheai-in-use").unlink(missing_ok=True)
    for name in ("_MEIgone", "_MEIbusy"):
        (folders / name / "00-freetheai-build").touch()
    for name in ("_MEIgone", "_MEIother"):
        os.utime(folders / name, (0, 0))
    frozen._sweep(frozen.unpacked())
    # Not another program's, however old, and not what may still be at it.
    assert sorted(path.name for path in folders.iterdir()) == ["_MEIbusy", "_MEIother", "_MEIours"]


def test_a_number_that_our_own_first_process_has_is_an_earlier_one_s(folders: Path) -> None:
    (folders / "_MEIgone" / "freetheai-in-use").write_text(str(os.getppid()))
    frozen._sweep(frozen.unpacked())
    assert not (folders / "_MEIgone").exists()


def test_a_mark_is_locked_and_says_whose_it_is_as_soon_as_it_is_there(folders: Path) -> None:
    with frozen._in_use(folders / "_MEIours"):
        mark = folders / "_MEIours" / "freetheai-in-use"
        assert mark.read_text() == str(os.getppid())
        with mark.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert [path.name for path in mark.parent.iterdir()] == [mark.name]


def test_a_link_in_a_shared_place_is_not_followed(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    precious = tmp_path_factory.mktemp("precious")
    (precious / "freetheai-in-use").touch()
    (folders / "_MEIlink").symlink_to(precious)
    (folders / "_MEIother" / "freetheai-in-use").symlink_to(precious / "freetheai-in-use")
    frozen._sweep(frozen.unpacked())
    assert (precious / "freetheai-in-use").exists()
    assert (folders / "_MEIother").exists()


@pytest.mark.parametrize(("before", "after"), [({}, None), ({"LD_LIBRARY_PATH_ORIG": "/own"}, "/own")])
def test_what_scripts_of_ours_start_gets_the_systems_libraries(
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


# What every system with this C library has; zlib is what the build's own loader wants.
SYSTEM = ("ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2",
          "librt.so.1", "libutil.so.1", "libz.so.1")  # fmt: skip


@pytest.mark.skipif(BUILD is None or shutil.which("bwrap") is None, reason="needs a build, and bubblewrap")
def test_the_build_wants_the_c_library_and_nothing_else() -> None:
    """In a file system that holds the file and these libraries alone."""
    libraries = {name: path for name in SYSTEM for path in Path("/lib").glob(f"x86_64-linux-gnu/{name}")}
    bound = [("/freetheai", Path(str(BUILD)))]
    bound += [(f"/lib/x86_64-linux-gnu/{name}", path.resolve()) for name, path in libraries.items()]
    bound += [("/lib64/ld-linux-x86-64.so.2", libraries["ld-linux-x86-64.so.2"].resolve())]
    command = ["bwrap", "--unshare-all", "--clearenv", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
    for inside, outside in bound:
        command += ["--ro-bind", str(outside), inside]
    command += ["/freetheai", "version", "--self-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr
    assert "loaded moderation worker" in done.stdout


@pytest.mark.skipif(BUILD is None, reason="FREETHEAI_COMMAND names no build")
def test_a_build_that_ends_while_it_unpacks_leaves_its_name(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([str(BUILD), "version"], env=environment, stdout=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + 20
        while not list(tmp_path.glob("_MEI*/*")):
            assert time.monotonic() < deadline_s
        process.kill()
    (folder,) = tmp_path.glob("_MEI*")
    assert (folder / "00-freetheai-build").exists()
    assert not (folder / "freetheai-in-use").exists()
    os.utime(folder, (0, 0))
    subprocess.run([str(BUILD), "version"], env=environment, check=True, capture_output=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


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
