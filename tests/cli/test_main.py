"""From a command line to an exit status: usage, configuration, refusals."""

import argparse
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

import freetheai
from freetheai import __main__ as entry
from freetheai.cli import COMMANDS, CommandRefused, Subparsers
from freetheai.config import Settings


@pytest.fixture
def command(monkeypatch, tmp_path):
    """A command of the test's own, in the place of ``users``; returns what its ``run`` was given."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("FREETHEAI_")]:
        monkeypatch.delenv(name)
    seen: list[tuple[argparse.Namespace, Settings]] = []

    def install(outcome: int | BaseException = 0, **defaults: object) -> list[tuple[argparse.Namespace, Settings]]:
        async def run(args: argparse.Namespace, settings: Settings) -> int:
            seen.append((args, settings))
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        def register(subparsers: Subparsers) -> None:
            parser = subparsers.add_parser("users", help="accounts")
            parser.add_argument("name", nargs="?")
            parser.add_argument("--pause")
            parser.set_defaults(run=run, **defaults)

        place("users", register)
        return seen

    def place(name: str, register: Callable[[Subparsers], object]) -> None:
        module = types.ModuleType(f"freetheai.cli.{name}")
        module.register = register
        monkeypatch.setitem(sys.modules, module.__name__, module)

    # The others need not be loaded to parse a line.
    for other in COMMANDS:
        place(other, lambda subparsers, other=other: subparsers.add_parser(other, help=f"about {other}"))

    return install


@pytest.mark.parametrize("status", [0, 1])
def test_a_commands_result_is_the_exit_status(command, status):
    command(status)
    assert entry.main(["users"]) == status


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("--config own.toml users me", id="before the command"),
        pytest.param("users --config own.toml me", id="after the command"),
        pytest.param("users me --config=own.toml --pause x", id="among its options"),
    ],
)
def test_the_configuration_may_be_named_anywhere(command, line):
    Path("own.toml").write_text("[server]\nport = 4711")
    seen = command()
    assert entry.main(line.split()) == 0
    ((args, settings),) = seen
    assert (args.name, settings.server.port, settings.source) == ("me", 4711, Path("own.toml"))


def test_without_a_file_the_environment_counts(command, monkeypatch):
    monkeypatch.setenv("FREETHEAI_SERVER_PORT", "4712")
    seen = command()
    assert entry.main(["users"]) == 0
    assert seen[0][1].server.port == 4712


def test_a_configuration_that_can_not_be_used_is_one_line_and_the_command_does_not_run(command, capsys):
    Path("freetheai.toml").write_text("[server]\nprot = 1")
    seen = command()
    assert entry.main(["users"]) == 1
    expected = "freetheai: freetheai.toml: [server] prot: unknown entry (did you mean 'port'?)\n"
    assert (capsys.readouterr(), seen) == (("", expected), [])


def test_a_command_that_needs_no_configuration_reads_none(command):
    Path("freetheai.toml").write_text("not TOML")
    seen = command(reads_settings=False)
    assert entry.main(["users"]) == 0
    assert seen[0][1] == Settings()


def test_a_refusal_is_one_line_on_stderr(command, capsys):
    command(CommandRefused("there is no such user"))
    assert entry.main(["users"]) == 1
    assert capsys.readouterr() == ("", "freetheai: there is no such user\n")


def test_an_interrupt_is_no_traceback(command, capsys):
    command(KeyboardInterrupt())
    assert entry.main(["users"]) == 130
    assert capsys.readouterr().err == ""


def test_our_own_mistake_is_not_hidden(command):
    command(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        entry.main(["users"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("", "required: COMMAND", id="no command"),
        pytest.param("nonsense", "invalid choice: 'nonsense'", id="unknown command"),
        pytest.param("users --nonsense", "unrecognized arguments: --nonsense", id="unknown option"),
        pytest.param("users --pa x", "unrecognized arguments: --pa", id="an option cut short"),
        pytest.param("users --config", "--config: expected one argument", id="no file named"),
    ],
)
def test_wrong_usage_is_exit_status_2(command, capsys, line, said):
    command()
    with pytest.raises(SystemExit) as raised:
        entry.main(line.split())
    assert raised.value.code == 2
    assert said in capsys.readouterr().err


def test_a_command_that_is_missing_from_the_installation_says_so(command, monkeypatch, capsys):
    command()
    monkeypatch.setitem(sys.modules, "freetheai.cli.keys", None)
    assert entry.main(["keys", "issue", "--user", "1"]) == 1
    assert "the command 'keys' can't be loaded" in capsys.readouterr().err


def test_help_lists_the_commands(command, capsys):
    command()
    with pytest.raises(SystemExit) as raised:
        entry.main(["--help"])
    assert raised.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("serve", "keys", "users", "models", "doctor", "version", "--config"))


def test_the_module_runs_as_a_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "freetheai", "version"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"freetheai {freetheai.__version__} (Python 3.")


def test_a_reader_that_has_gone_is_no_traceback(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "freetheai", "version"],
            cwd=tmp_path,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
