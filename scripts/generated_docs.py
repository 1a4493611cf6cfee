"""The generated parts of the documentation: the error table, the routes and the commands, from the code's own tables.

`scripts/docs` runs this; `tests/docs` compares.
"""

import argparse
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from freetheai import errors
from freetheai.__main__ import COMMANDS
from freetheai.errors import ErrorSpec
from handlers.routes import JOBS, ROUTES

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN = "<!-- generated: scripts/docs -->"
END = "<!-- end of the generated part -->"


def error_table() -> str:
    """Every row of the error table."""
    lines = ["| status | type | message begins | headers |", "|---|---|---|---|"]
    lines += [
        f"| {row.status} | `{row.type}` | {row.text} | {_headers(row)} |"
        for row in sorted(errors.ROWS.values(), key=lambda row: row.status)
    ]
    return "\n".join(lines)


def route_table() -> str:
    """Every route that is served."""
    lines = ["| method | path |", "|---|---|"]
    for method, path in ROUTES:
        lines.append(f"| {method} | `/v1/{path}` |" if path else f"| {method} | `/` |")
    lines.append("| GET | `/v1/models/{alias}` |")
    lines += [f"| GET | `/v1/{parent}/{{request_id}}` |" for parent in JOBS]
    return "\n".join(lines)


def command_list() -> str:
    """Every command with its options, as `--help` prints them."""
    blocks = [f"### `{name}`\n\n```\n{text}\n```" for name, text in command_helps()]
    return "\n\n".join(blocks)


def command_helps() -> Iterator[tuple[str, str]]:
    """Each command's name and help text."""
    parser = argparse.ArgumentParser(prog="freetheai", formatter_class=_Wide)
    subparsers = parser.add_subparsers()
    for name in COMMANDS:
        import_module(f"freetheai.cli.{name}").register(subparsers)
    for name, command in subparsers.choices.items():
        yield from _helps(f"freetheai {name}", command)


def _helps(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in nested:
        for word, command in action.choices.items():
            yield from _helps(f"{name} {word}", command)
    if not nested:
        parser.formatter_class = _Wide
        yield name, parser.format_help().strip()


class _Wide(argparse.HelpFormatter):
    """The same width everywhere, whatever the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=110)


def _headers(row: ErrorSpec) -> str:
    names = []
    if row.retry_after_s is not None:
        names.append("`Retry-After`")
    if row.should_retry is False:
        names.append("`x-should-retry: false`")
    return ", ".join(names)


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": error_table,
    "api.md": route_table,
    "commands.md": command_list,
}


def with_generated(text: str, generated: str) -> str:
    """``text`` with what stands between the markers replaced."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}"


def main() -> None:
    """Write every page anew."""
    for name, make in PAGES.items():
        page = DOCS / name
        page.write_text(with_generated(page.read_text(), make()))


if __name__ == "__main__":
    main()
