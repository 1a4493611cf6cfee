"""What is soaked: a gateway as an operator runs it, its services, and a provider that plays every part."""

import asyncio
import random
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from fakes.upstream import (
    Cut,
    Delay,
    Fast,
    Request,
    Reset,
    ScriptedUpstream,
    ShortError,
    chat_body,
    chat_events,
    chat_stream,
    json_reply,
    named_sse,
    stream,
)
from freetheai.embedded import EmbeddedServices, Wanted
from scripts.benchmarks.process import free_ports

_START_TRIES = 600
_STOP_S = 45.0
_CONFIG = """
[server]
port = {port}
admin_port = {admin_port}
data_dir = "{folder}/data"
drain_seconds = 5
[mongodb]
url = "{mongodb_url}"
[redis]
url = "{redis_url}"
[embedded]
model = "off"
[moderation]
patterns_file = "{folder}/patterns.txt"
[limits]
daily_success_limit = 100000000
max_addresses = 50
tiers = [{{ level = 1, minimum_invites = 0, rate_limit_per_minute = 10000000, concurrency_limit = 10000 }}]
[timeouts]
first_byte = 3
idle = 3
stall = 5
[providers.good]
base_url = "{upstream_url}/v1"
formats = ["chat"]
api_keys = ["sk-good"]
[providers.claude]
adapter = "anthropic"
base_url = "{upstream_url}"
api_keys = ["sk-claude"]
[providers.bad]
base_url = "{upstream_url}/bad/v1"
formats = ["chat"]
api_keys = ["sk-bad"]
cooldown_seconds = 0
error_threshold = 0
[catalog]
files = ["{folder}/catalog.toml"]
"""
_MODELS = "".join(f'[[models]]\nid = "{prefix}/model"\n' for prefix in ("good", "claude", "bad"))


@dataclass(frozen=True, slots=True)
class House:
    """A running gateway: where, whose keys, and its process."""

    port: int
    admin_port: int
    keys: tuple[str, ...]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The process that serves: of a one-file build the second of the two."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        name = Path(f"/proc/{self.process.pid}/comm").read_text()
        same = [pid for pid in children if Path(f"/proc/{pid}/comm").read_text() == name]
        return int(same[0]) if same and name.strip() == "freetheai" else self.process.pid


@asynccontextmanager
async def open_house(folder: Path, command: str | None) -> AsyncIterator[House]:
    """Everything started, and stopped again. Raises RuntimeError when the gateway does not start."""
    program = [command] if command else [sys.executable, "-m", "freetheai"]
    services = EmbeddedServices(folder / "data", Wanted(mongodb=True, redis=True), lambda line: None)
    addresses = await services.start()
    async with ScriptedUpstream() as upstream:
        upstream.keep_requests = False
        upstream.script = _Provider().play
        port, admin_port = free_ports(2)
        (folder / "catalog.toml").write_text(_MODELS)
        (folder / "patterns.txt").write_text("a pattern that nobody writes\n")
        config = folder / "freetheai.toml"
        config.write_text(
            _CONFIG.format(
                port=port,
                admin_port=admin_port,
                folder=folder,
                mongodb_url=addresses.mongodb_url,
                redis_url=addresses.redis_url,
                upstream_url=upstream.url,
            )
        )
        keys = [await _issue_key([*program, "--config", str(config)], f"soaker-{number}") for number in range(3)]
        log = folder / "log.txt"
        process = _spawn([*program, "serve", "--config", str(config)], log)
        try:
            await _until_ready(admin_port, process, log)
            yield House(port, admin_port, tuple(keys), process, log)
        finally:
            await _stop(process)
            await services.stop()


class _Provider:
    """A sound provider under `/v1`, a broken one under `/bad`."""

    def __init__(self) -> None:
        self._dice = random.Random(7)

    def play(self, request: Request) -> Any:
        if request.path.startswith("/bad"):
            return self._dice.choice(_FAULTS)
        is_stream = bool(request.json().get("stream"))
        if request.path.endswith("/messages"):
            return stream(_claude_events(self._dice.randint(1, 30))) if is_stream else json_reply(_CLAUDE_BODY)
        if not is_stream:
            return chat_body("word " * self._dice.randint(1, 400))
        if self._dice.random() < 0.1:
            return chat_stream(["x" * 2000] * 400)  # for readers that don't keep up
        return chat_stream(["word "] * self._dice.randint(1, 60), delay_s=0.005)


def _claude_events(count: int) -> list[Any]:
    usage = {"input_tokens": 5, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word "}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": count}}
    return named_sse(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *([delta] * count),
        {"type": "content_block_stop", "index": 0},
        end,
        {"type": "message_stop"},
    )


_CLAUDE_BODY = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "Aye."}], "usage": {"input_tokens": 5, "output_tokens": 2},
}  # fmt: skip
_FAULTS: list[Any] = [
    ShortError(500), ShortError(429), ShortError(503, b"<html>"), ShortError(200, b"no json"), Reset(), Cut(),
    stream([*chat_events(["one", "two"])[:2], Cut()]), stream([*chat_events(["one"])[:2], Delay(8)]),
    stream([]), stream([Fast(1 << 20)]),
]  # fmt: skip


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


async def _issue_key(program: list[str], user: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, "keys", "issue", "--user", user, "--json", stdout=pipe)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("no key could be issued")
    return str(orjson.loads(output)["key"])


def tail_of(log: Path) -> str:
    """The end of a log, for a complaint."""
    return log.read_text(errors="replace")[-3000:]


async def _until_ready(admin_port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(_START_TRIES):
        try:
            with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{admin_port}/readyz", timeout=2):
                return
        except OSError:
            await asyncio.sleep(0.05)
        if process.poll() is not None:
            break
    raise RuntimeError(f"the gateway did not start: {tail_of(log)}")


async def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        await asyncio.to_thread(process.wait, _STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
