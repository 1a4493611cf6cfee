"""`freetheai export`: accounts, keys' hashes, invites and activities as lines of JSON, for a backup or moving house."""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from freetheai.account_lines import PLURALS, Kind, write_line
from freetheai.cli import EXIT_DONE, CommandRefused, Subparsers, output
from freetheai.cli.context import Backends, open_backends
from freetheai.config import Settings
from freetheai.store.transfer import Document, Transfer


def register(subparsers: Subparsers) -> None:
    """Add `export`."""
    parser = subparsers.add_parser("export", help="write users and keys (hashes only) as JSON lines")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="a file, or - for stdout (default)")
    output.add_json_option(parser)
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write everything; a file is there only once it is whole."""
    target = None if args.file == "-" else Path(args.file)
    async with open_backends(settings) as backends:
        counts = await (_to_stdout(backends) if target is None else _to_file(backends, target))
        await backends.audit("accounts.export", "", dict(counts))
    if target is not None:
        output.write_record(args, {"file": str(target), **counts})
    return EXIT_DONE


async def _to_stdout(backends: Backends) -> dict[str, int]:
    counts = dict.fromkeys(PLURALS.values(), 0)
    async for kind, documents in _everything(backends):
        counts[PLURALS[kind]] += len(documents)
        output.write(b"".join(write_line(kind, document) for document in documents).decode())
    return counts


async def _to_file(backends: Backends, target: Path) -> dict[str, int]:
    counts = dict.fromkeys(PLURALS.values(), 0)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with _create(unfinished) as file:
            async for kind, documents in _everything(backends):
                counts[PLURALS[kind]] += len(documents)
                file.write(b"".join(write_line(kind, document) for document in documents))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, target)
    except OSError as error:
        raise CommandRefused(f"{target} can't be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            os.unlink(unfinished)
    return counts


def _create(path: Path) -> BinaryIO:
    """A new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def _everything(backends: Backends) -> AsyncIterator[tuple[Kind, list[Document]]]:
    transfer = Transfer(backends.store)
    async for users in transfer.users():
        yield "user", list(users)
    # Users first: an import refuses the key of an account that it does not know.
    async for keys in transfer.keys():
        yield "key", list(keys)
    async for invites in transfer.invites():
        yield "invite", list(invites)
    async for activities in transfer.activities():
        yield "activity", list(activities)
    sys.stdout.flush()
