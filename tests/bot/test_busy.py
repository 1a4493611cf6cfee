"""Every command, form and button is answered in time while the API has a thousand streams open: one program.

Discord waits three seconds for the first answer, by its own clock; the tests' Discord refuses what comes later and
keeps it as a violation. The provider is another process, so that it takes no turns from the tests' Discord.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from discord_server.control import Answer, DiscordServer, Person
from discord_server.interactions import FIRST_ANSWER_S
from support.discord_member import OWN, Secrets, key_in
from support.discord_staff import add_staff, registered, wait_until
from support.members import Members
from support.program import Program
from support.standing import outcome, seconds_until

_logger = logging.getLogger(__name__)

STREAMS = 1000
SERVE = Path(__file__).parent.parent / "fakes" / "serve.py"
_WIDE = {"rate_limit_per_minute": 1_000_000, "concurrency_limit": 2 * STREAMS, "level": 1, "minimum_invites": 0}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The base URL of a provider that says a word a second on every stream."""
    command = [sys.executable, str(SERVE), "--pieces", "600", "--delay-ms", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.kill()


@pytest.fixture(scope="module")
def program(make_program: Callable[..., Program], discord_server: DiscordServer, provider: str) -> Program:
    program = make_program(discord_server, start=False)
    program.sections["limits"] = {"daily_success_limit": 1_000_000, "tiers": [_WIDE]}
    program.sections["providers.fake"]["base_url"] = f"{provider}/v1"
    program.sections["server"]["drain_seconds"] = 0.2
    program.write_config(program.sections)
    program.start()
    discord_server.wait_for_ready()
    discord_server.wait_for_commands("signup", "checkin", "resetkey", "me", "why", "staff")
    return program


@contextmanager
def open_streams(program: Program, key: str, count: int) -> Iterator[None]:
    """So many answers under way at the same time until the block ends; what comes fits the sockets' buffers."""
    body = orjson.dumps({"model": "fake/one", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    with ExitStack() as stack:
        for opened in range(1, count + 1):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", program.port)))
            stream.sendall(head.encode() + body)
            if opened % 100 == 0:
                # Queues of new connections are no longer than that.
                wait_until(lambda opened=opened: program.leases() == opened, 30)
        yield
        assert program.leases() == count, "nobody's stream was ended by it"


class Round:
    """Everything that can be asked of the bot, once; how long each first answer took."""

    def __init__(self, server: DiscordServer, secrets: Secrets, members: Members) -> None:
        self._server = server
        self._secrets = secrets
        self.mod = add_staff(server)
        self.busy, self.new, self.young = (
            server.add_member("busy"),
            server.add_member("new"),
            server.add_member("young", account_age_days=1, joined_days_ago=0),
        )
        members.add(self.busy.id)
        self.latencies: dict[str, float] = {}

    def members_part(self) -> None:
        """What members use: each form from the command to its answer, each button."""
        key = key_in(self._form(self.new, "signup"))
        assert "You are checked in" in self._form(self.new, "checkin", key=key)
        self._form(self.new, "resetkey")
        for name in ("me", "why"):
            assert self._took(name, self.new.command(name)).result().content
        self._forms_that_are_sent_back()
        self._pictures()

    def _form(self, person: Person, name: str, **own: Any) -> str:
        opened = self._took(name, person.command(name))
        return str(self._took(f"{name} sent", self._send(person, opened, **own)).result().content)

    def _send(self, person: Person, opened: Answer, **own: Any) -> Answer:
        right = self._secrets.right(person, opened.modal)
        return person.submit(opened.modal, {**OWN[opened.modal.custom_id.split(":")[2]], **own, **right})

    def _forms_that_are_sent_back(self) -> None:
        opened = self.busy.command("resetkey")
        back = self._took("a mistake", self._send(self.busy, opened, reason="asdfasdf asdfasdf")).result()
        again = self._took("back to the form", self.busy.press(back, "Back to the form"))
        wrong = {**OWN["resetkey"], **self._secrets.wrong(self.busy, again.modal)}
        refused = self._took("a wrong answer", self.busy.submit(again.modal, wrong)).result()
        assert self._took("try again", self.busy.press(refused, "Try again")).kind == "modal"

    def _pictures(self) -> None:
        shown = self._took("signup, a picture", self.young.command("signup")).result()
        other = self._took("another picture", self.young.press(shown, "Another picture")).result()
        assert self._took("words instead", self.young.press(other, "Ask me in words instead")).kind == "modal"
        opened = self._took("answer", self.young.press(other, "Answer"))
        assert "shown this once" in self._took("a picture answered", self._send(self.young, opened)).result().content

    def staff_part(self) -> None:
        """What staff use."""
        for name, options in STAFF:
            assert self._took(name, self.mod.command(name, **options)).result().content, name
        for name in ("enable", "disable"):
            self.mod.autocomplete(f"staff model {name}", "alias", "fake")
        for button, says in (("Post it", "Posted"), ("Drop it", "nothing was posted")):
            opened = self._took("staff announce", self.mod.command("staff announce", channel="general"))
            preview = self._took("announcement", self.mod.submit(opened, {"What to post": "We are busy"}))
            assert says in self._took(button, self.mod.press(preview, button)).result().content

    def everyone_at_once(self, count: int) -> None:
        """As at midnight: many open a form in the same moment, and as many again are drawn a picture."""
        people = self._server.add_members(count, prefix="crowd")
        young = [
            self._server.add_member(f"young{number}", account_age_days=1, joined_days_ago=0) for number in range(count)
        ]
        with ThreadPoolExecutor(2 * count) as threads:
            answers = list(threads.map(lambda person: person.command("signup"), [*people, *young]))
        for answer in answers[:count]:
            assert self._took("signup of many", answer).kind == "modal"
        for person, answer in zip(young, answers[count:], strict=True):
            shown = self._took("pictures for many", answer).result(30)
            assert self._took("answer of many", person.press(shown, "Answer")).kind == "modal"

    def _took(self, name: str, answer: Answer) -> Answer:
        self.latencies[name] = max(answer.latency_s, self.latencies.get(name, 0.0))
        return answer


STAFF: list[tuple[str, dict[str, Any]]] = [
    ("staff whois", {"member": "busy"}),
    ("staff stats", {}),
    ("staff pause", {"member": "busy", "reason": "too busy"}),
    ("staff unpause", {"member": "busy"}),
    ("staff ban address", {"address": "192.0.2.1", "reason": "a flood"}),
    ("staff unban address", {"address": "192.0.2.1"}),
    ("staff ban signature", {"signature": "grabber", "reason": "a flood"}),
    ("staff unban signature", {"signature": "grabber"}),
    ("staff bans", {}),
    ("staff model disable", {"alias": "fake/gated"}),
    ("staff model enable", {"alias": "fake/gated"}),
    ("staff verify", {"member": "busy"}),
    ("staff unverify", {"member": "busy"}),
    ("staff revoke", {"member": "busy", "reason": "too busy"}),
    ("why", {"error_id": "fake-000000000000"}),
]


def test_everything_is_answered_in_time_while_a_thousand_streams_are_open(
    discord_server: DiscordServer, program: Program
) -> None:
    members, secrets = Members(program), Secrets(program, discord_server)
    streaming = discord_server.add_member("streaming")
    (key,) = members.add(streaming.id)
    seconds_until(lambda: outcome(program, key, "fake/gated") == "model_access_denied")
    all_of_it = Round(discord_server, secrets, members)
    with open_streams(program, key, STREAMS):
        all_of_it.members_part()
        all_of_it.staff_part()
        all_of_it.everyone_at_once(25)
    members.close()
    secrets.close()
    slowest = sorted(all_of_it.latencies.items(), key=lambda item: -item[1])[:5]
    _logger.info("slowest first answers: %s", ", ".join(f"{name} {took_s:.2f} s" for name, took_s in slowest))
    asked = {name for name in all_of_it.latencies if name.startswith("staff ")} | {*OWN, "me", "why"}
    assert set(registered(discord_server)) <= asked, "each registered command is among them"
    assert slowest[0][1] < FIRST_ANSWER_S
    assert not discord_server.violations, "Discord waits three seconds"
