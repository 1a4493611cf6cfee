"""Three processes of one house: what one learns all know within a second; one that dies takes only its own along."""

import os
import signal
import socket
import time
from typing import Any

import httpx2
import pytest

from support.house import LONG, WIDE
from support.http_client import RawClient
from support.members import Members
from support.program import Program
from support.steady_load import SteadyLoad
from support.waiting import wait_until

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
LONG_CHAT = {**CHAT, "stream": True, "messages": [{"role": "user", "content": LONG}]}

MINUTE = 1000
TIER = {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": MINUTE, "concurrency_limit": 500}


def ask(program: Program, key: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx2.post(f"{program.base_url}/chat/completions", json=CHAT, headers=headers, timeout=20)
    return answer.status_code, answer.json().get("error", {}).get("type", "")


@pytest.fixture(scope="module")
def three(house: Any) -> list[Program]:
    """Each on a port of its own, as behind nginx."""
    limits = {**WIDE, "tiers": [{**TIER, "rate_limit_per_minute": MINUTE}]}
    programs: list[Program] = house.start(3, is_shared=False, gates={"membership": True}, limits=limits)
    return programs


@pytest.fixture(scope="module")
def sharing(house: Any) -> list[Program]:
    """All on one port."""
    programs: list[Program] = house.start(3, is_shared=True)
    return programs


def test_what_changes_is_known_to_all_three_within_a_second(three: list[Program], members: Members) -> None:
    (key,) = members.add("everywhere", is_member=True)

    def all_say(*expected: tuple[int, str]) -> bool:
        return {ask(program, key) for program in three} == set(expected)

    assert all_say((200, ""))
    steps = [
        (("users", "set", "everywhere", "--left"), (403, "discord_membership_required")),
        (("users", "set", "everywhere", "--member"), (200, "")),
        (("models", "disable", "fake/one"), (400, "invalid_request_error")),
        (("models", "enable", "fake/one"), (200, "")),
        (("bans", "add", "ip", "127.0.0.1"), (403, "ip_blacklisted")),
        (("bans", "remove", "ip", "127.0.0.1"), (200, "")),
        (("keys", "revoke", "--user", "everywhere"), (401, "invalid_api_key")),
    ]
    for command, expected in steps:
        three[0].cli(*command)
        wait_until(lambda expected=expected: all_say(expected), 1.5)  # type: ignore[misc]


def test_under_load_with_one_killed_the_others_know_every_change(three: list[Program], members: Members) -> None:
    loaded, changing = members.add("loaded-by-all", "changing", is_member=True)
    victim, *others = three

    def others_say(*expected: tuple[int, str]) -> bool:
        return {ask(program, changing) for program in others} == set(expected)

    with SteadyLoad([program.port for program in others], loaded, pause_s=0.05) as load:
        wait_until(lambda: load.successes > 20 and others_say((200, "")), 20)
        victim.signal(signal.SIGKILL)
        victim.wait(10)
        steps = [
            (("users", "set", "changing", "--pause", "tests"), (403, "user_paused")),
            (("users", "set", "changing", "--unpause"), (200, "")),
            (("users", "set", "changing", "--left"), (403, "discord_membership_required")),
            (("keys", "revoke", "--user", "changing"), (401, "invalid_api_key")),
        ]
        for command, expected in steps:
            others[0].cli(*command)
            wait_until(lambda expected=expected: others_say(expected), 1.5)  # type: ignore[misc]
    assert set(load.ends) | set(load.kept_ends) == {"200"}, (load.ends, load.kept_ends, load.refusals)
    victim.start()
    assert ask(victim, changing) == (401, "invalid_api_key")


def test_limits_are_the_house_s_not_the_process_s(three: list[Program], members: Members) -> None:
    (key,) = members.add("limited")
    members.fill_minute("limited", MINUTE - 9)
    answers = [ask(three[number % 3], key)[0] for number in range(15)]
    assert answers == [200] * 9 + [429] * 6


def test_of_three_on_one_port_a_killed_one_takes_only_its_own_along(sharing: list[Program], members: Members) -> None:
    (key,) = members.add("shared")
    port, victim = sharing[0].port, sharing[0]
    streams = [RawClient(port).post("/v1/chat/completions", LONG_CHAT, key) for _ in range(18)]
    for one in streams:
        one.read_head().read_until(b"piece0")
    held = [int(program.leases()) for program in sharing]
    assert sum(held) == 18
    assert sum(map(bool, held)) > 1, f"the kernel spreads them: {held}"
    with SteadyLoad([port], key, kept=0) as load:
        victim.signal(signal.SIGKILL)
        victim.wait(10)
        broken = sum(not is_whole(one) for one in streams)
        before = load.successes
        wait_until(lambda: load.successes > before + 50, 20)
    assert broken == held[0]
    # What the kernel had put into the dead one's queue, and what it was just answering: no more than there are clients.
    assert sum(load.ends.values()) - load.ends["200"] <= 4, load.ends
    assert "refused" not in load.ends
    wait_until(lambda: members.counters("shared")[1] == 0, 15)
    victim.start()


def test_of_three_on_one_port_one_that_drains_is_not_missed(sharing: list[Program], members: Members) -> None:
    (key,) = members.add("drained")
    port = sharing[0].port
    with SteadyLoad([port], key, fresh=6, kept=0) as load:
        streams = [RawClient(port).post("/v1/chat/completions", LONG_CHAT, key) for _ in range(6)]
        for one in streams:
            one.read_head().read_until(b"piece0")
        sharing[0].signal(signal.SIGTERM)
        assert sharing[0].wait() == 0
        assert all(is_whole(one) for one in streams)
    assert set(load.ends) == {"200"}, (load.ends, load.refusals)


def test_the_admin_port_answers_probes_and_no_foreign_page(sharing: list[Program]) -> None:
    url = f"http://127.0.0.1:{sharing[1].admin_port}"
    for path in ("healthz", "readyz", "metrics"):
        whole, head = httpx2.get(f"{url}/{path}"), httpx2.head(f"{url}/{path}")
        assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
        # A page's own name, which its owner has pointed here.
        foreign = httpx2.get(f"{url}/{path}", headers={"Host": f"evil.example:{sharing[1].admin_port}"})
        assert foreign.status_code == 403
        assert foreign.json() == {"error": "ask for an IP address or this machine's name"}


def is_whole(one: RawClient) -> bool:
    try:
        return one.read_all().endswith(b"data: [DONE]\n\n")
    except OSError:
        return False


def test_one_alone_refuses_in_words_and_resets_nobody(house: Any, members: Members) -> None:
    (program,) = house.start(1, is_shared=False)
    (key,) = members.add("alone")
    with SteadyLoad([program.port], key, fresh=8, kept=4, pause_s=0) as load:
        stream = RawClient(program.port).post("/v1/chat/completions", LONG_CHAT, key).read_head()
        stream.read_until(b"piece0")
        program.signal(signal.SIGTERM)
        assert is_whole(stream)
        assert program.wait() == 0
    # Idle connections are closed, the port is: neither is a reset.
    assert set(load.ends) <= {"200", "503", "refused"}, load.ends
    assert set(load.kept_ends) <= {"200", "503", "refused", "closed"}, load.kept_ends
    assert load.ends["503"] > 0


def test_a_start_that_fails_takes_nobody_along(house: Any, members: Members) -> None:
    """Whoever waits at a port that is handed over waits for a process that stays: not for one whose admin port is
    taken, which would let them in and throw them out.
    """
    (key,) = members.add("waiting")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        sound, failing = house.prepare(2, is_shared=False)
        for program in (sound, failing):
            program.port, program.handed = listener.getsockname()[1], listener.fileno()
        waiting = [RawClient(sound.port).post("/v1/chat/completions", CHAT, key) for _ in range(6)]
        with (
            socket.create_server(("127.0.0.1", failing.admin_port)),
            pytest.raises(AssertionError, match=r"free it or set server\.admin_port"),
        ):
            failing.start()
        sound.start()
        assert [one.read_head().status for one in waiting] == [200] * 6
        sound.stop()


def test_a_socket_that_was_handed_over_outlives_the_process(house: Any, members: Members) -> None:
    """As systemd does it: whoever comes between two processes waits, and is served by the second."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
        (key,) = members.add("handed")
        (first,) = house.start(1, is_shared=False)
        first.stop()
        first.port = port
        first.handed = listener.fileno()
        first.start()
        with SteadyLoad([port], key, kept=0, pause_s=0.02) as load:
            wait_until(lambda: load.successes > 20, 20)
            first.signal(signal.SIGTERM)
            assert first.wait() == 0
            asked = sum(load.ends.values())
            time.sleep(0.5)
            assert sum(load.ends.values()) == asked, "they wait"
            first.start()
            wait_until(lambda: load.successes > asked + 20, 20)
    assert set(load.ends) == {"200"}, (load.ends, load.refusals)
    assert os.environ.get("LISTEN_FDS") is None
