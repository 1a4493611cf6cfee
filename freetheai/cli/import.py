"""`freetheai import`: take in what `freetheai export` wrote.

Rules:
- every line is read and checked before the first is written: a file with a mistake changes nothing;
- doing it twice changes nothing the second time; what stands already is left as it is unless ``--replace`` is said;
- a key that has been revoked here is never made good again.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from freetheai import clock
from freetheai.account_lines import MAX_LINE_BYTES, PLURALS, BadLine, Kind, read_line
from freetheai.bus import NoticeNotSent
from freetheai.cli import EXIT_DONE, CommandRefused, Subparsers, output
from freetheai.cli.context import Backends, open_backends
from freetheai.config import Settings
from freetheai.store.mongo import StoreUnavailable
from freetheai.store.transfer import BATCH, Document, Moved, Transfer
from freetheai.verification import WANTED

_OUTCOMES = ("added", "replaced", "unchanged", "kept")
# What running servers keep in memory, by the notice that makes them look anew.
_NOTICES: Mapping[Kind, str] = {"user": "users", "key": "keys", "activity": WANTED}


class _Read(NamedTuple):
    """One line of the file: its number, and what it holds."""

    number: int
    kind: Kind
    document: Document


def register(subparsers: Subparsers) -> None:
    """Add `import`."""
    parser = subparsers.add_parser("import", help="take in users and keys that an export wrote")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="a file, or - for stdin (default)")
    parser.add_argument("--replace", action="store_true", help="overwrite users and keys that are there already")
    output.add_json_option(parser)
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Check everything, then take it in."""
    with ExitStack() as stack:
        file = _open(args.file, stack)
        for _ in _lines(file, args.file):
            pass
        async with open_backends(settings) as backends:
            counts = {f"{kinds}_{outcome}": 0 for kinds in PLURALS.values() for outcome in _OUTCOMES}
            try:
                for some in _batches(_lines(file, args.file)):
                    await _take(backends, some, args, counts)
            except StoreUnavailable as error:
                raise CommandRefused(f"{error}; what was taken in stays, run the import again") from error
            await backends.audit("accounts.import", "", dict(counts))
    output.write_record(args, counts)
    return EXIT_DONE


def _open(name: str, stack: ExitStack) -> BinaryIO:
    """The file, to be read twice: what comes on stdin is set aside first."""
    if name == "-":
        aside = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        shutil.copyfileobj(sys.stdin.buffer, aside)
        return aside
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        raise CommandRefused(f"{name} can't be read: {error.strerror}") from error


def _lines(file: BinaryIO, name: str) -> Iterator[_Read]:
    """Every line, checked; empty ones are passed over.

    Raises:
        CommandRefused: one is wrong; the text names its number and field.
    """
    file.seek(0)
    number = 0
    while text := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        try:
            if len(text) > MAX_LINE_BYTES:
                raise BadLine("", f"is longer than {MAX_LINE_BYTES} bytes")
            if text.strip():
                yield _Read(number, *read_line(text))
        except BadLine as bad:
            raise CommandRefused(f"{_place(name, number)}: {bad}") from bad


def _place(name: str, number: int) -> str:
    return f"{'stdin' if name == '-' else name} line {number}"


def _batches(lines: Iterator[_Read]) -> Iterator[list[_Read]]:
    """Lines that follow each other and are of one kind, some at a time."""
    some: list[_Read] = []
    for line in lines:
        if some and (line.kind != some[0].kind or len(some) >= BATCH):
            yield some
            some = []
        some.append(line)
    if some:
        yield some


async def _take(backends: Backends, some: list[_Read], args: argparse.Namespace, counts: dict[str, int]) -> None:
    kind, transfer = some[0].kind, Transfer(backends.store)
    documents = [line.document for line in some]
    match kind:
        case "user":
            moved = await transfer.put_users(documents, replace=args.replace)
        case "key":
            await _refuse_nobodys(transfer, some, args)
            moved = await transfer.put_keys(documents, clock.utc_now(), replace=args.replace)
        case "invite":
            moved = await transfer.put_invites(documents, replace=args.replace)
        case "activity":
            moved = await transfer.put_activities(documents, replace=args.replace)
    for outcome in _OUTCOMES:
        counts[f"{PLURALS[kind]}_{outcome}"] += len(getattr(moved, outcome))
    if kind in _NOTICES:
        await _tell(backends, _NOTICES[kind], moved)


async def _refuse_nobodys(transfer: Transfer, some: list[_Read], args: argparse.Namespace) -> None:
    """Refuse the keys of accounts that are not there."""
    missing = await transfer.missing_users([line.document["user_id"] for line in some])
    for line in some:
        if line.document["user_id"] in missing:
            place = _place(args.file, line.number)
            raise CommandRefused(f"{place}: user_id: there is no user {line.document['user_id']!r}")


async def _tell(backends: Backends, kind: str, moved: Moved) -> None:
    """Let running servers forget what they know of these."""
    try:
        for name in (*moved.added, *moved.replaced, *moved.ended):
            await backends.bus.publish(kind, name)
    except NoticeNotSent as error:
        # Each further one would take as long to fail.
        sys.stderr.write(f"freetheai: done, but running servers were not told: {error}\n")
