"""Real embedded services in a test's own folder, and what the tests ask about them."""

import asyncio
import socket
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from freetheai.embedded import Addresses, EmbeddedServices, Timing, Wanted
from freetheai.embedded.processes import is_running
from freetheai.embedded.state import find_state

ALL = Wanted(mongodb=True, redis=True, model=True)
REDIS = Wanted(redis=True)

# As in life, with shorter waits.
QUICK = Timing(probe_s=0.5, check_s=0.2, misses=2, first_wait_s=0.05, longest_wait_s=0.4)


@asynccontextmanager
async def running(
    data_dir: Path, wanted: Wanted, lines: list[str] | None = None
) -> AsyncIterator[tuple[EmbeddedServices, Addresses]]:
    """The services of this process in ``data_dir``, up; stopped at the end."""
    services = EmbeddedServices(data_dir, wanted, (lines if lines is not None else []).append, timing=QUICK)
    try:
        yield services, await services.start()
    finally:
        await services.stop()


def child_pids(data_dir: Path) -> dict[str, int]:
    """The process ids that the state file names, of those that run."""
    state = find_state(data_dir)
    return {name: mark.pid for name, mark in state.children.items() if is_running(mark)} if state else {}


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def redis_says(url: str, *words: str) -> str:
    """The first line of Redis' answer, or of the bulk text that it answers with."""
    command = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port_of(url)), timeout=10) as connection:
        connection.sendall(command.encode())
        lines = connection.recv(4096).decode().splitlines()
    return lines[1] if lines[0].startswith("$") and lines[0] != "$-1" else lines[0]


async def chat(model_url: str) -> dict[str, object]:
    """A short answer of the local model."""
    body = {"model": "smollm2-135m", "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]}
    request = urllib.request.Request(f"{model_url}/chat/completions", orjson.dumps(body))

    def ask() -> bytes:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    return orjson.loads(await asyncio.to_thread(ask))
