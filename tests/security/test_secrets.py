"""What must not be read anywhere: keys, passwords, prompts and answers; and what no terminal must be sent."""

import io
import logging
from collections.abc import Iterator

import pytest

from fakes.upstream import ScriptedUpstream, chat_body, json_reply
from freetheai.config import load_settings
from freetheai.limits import open_redis
from freetheai.log import LineHandler
from freetheai.log.traces import trace_of
from freetheai.store.mongo import Store, StoreUnavailable
from support.http_client import RawClient
from support.members import Members
from support.program import Program

PROMPT = "the quick violet badger hums"
ANSWER = "seven marbles under glass"


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://user:SEC/RET@host/db",
        "mongodb://user:SEC:RET@host",
        "mongodb://SECRET@h:x",
    ],
)
def test_a_mongodb_url_that_can_not_be_read_shows_nothing_of_the_password(url: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        Store(url, "db")
    assert not {"SEC", "RET"} & set(str(refused.value).replace("@", "/").replace(":", "/").split("/"))
    assert "SEC" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("url", ["redis://:SEC/RET@host:1/0", "redis://:SEC#RET@host", "redis://u:SEC?RET@host"])
def test_a_redis_url_that_can_not_be_read_shows_nothing_of_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded") as refused:
        open_redis(url)
    assert "SEC" not in str(refused.value)


def test_settings_show_no_secret(tmp_path) -> None:
    file = tmp_path / "freetheai.toml"
    file.write_text(
        '[server]\nsite_key="SECRET-1"\n[mongodb]\nurl="mongodb://u:SECRET-2@h"\n[redis]\nurl="redis://:SECRET-3@h"\n'
        '[discord]\ntoken="SECRET-4"\n[moderation]\nendpoint="https://h"\napi_key="SECRET-5"\n'
        '[providers.a]\nbase_url="https://h/v1"\napi_keys=["SECRET-6"]\n'
    )
    settings = load_settings(file, {})
    assert settings.server.site_key.reveal() == "SECRET-1"
    assert "SECRET" not in f"{settings!r} {settings} {settings.providers!r}"


def raised(error: BaseException) -> BaseException:
    try:
        try:
            int(PROMPT)
        except ValueError as cause:
            raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("error", [ValueError(PROMPT), KeyError(PROMPT), AssertionError(PROMPT), UnicodeError(PROMPT)])
def test_a_trace_quotes_nothing(error: Exception) -> None:
    trace = trace_of(raised(error))
    assert "violet" not in trace
    assert trace.count("Traceback (most recent call last):") == 2
    assert "in raised" in trace


def test_a_trace_says_what_can_be_said() -> None:
    assert trace_of(raised(KeyError("choices"))).endswith("KeyError: 'choices'")
    assert trace_of(raised(OSError(24, "Too many open files"))).endswith("OSError: [Errno 24] Too many open files")


@pytest.fixture
def terminal() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = LineHandler(stream, now_s=lambda: 0.0, is_readable=True)
    logger = logging.getLogger("freetheai.security")
    logger.addHandler(handler)
    logger.propagate = False
    yield stream
    logger.removeHandler(handler)


def test_nothing_reaches_the_terminal_as_a_command(terminal: io.StringIO) -> None:
    logger = logging.getLogger("freetheai.security")
    try:
        raise RuntimeError("\x1b]0;owned\x07\x9b31m\rforged\x00")
    except RuntimeError:
        logger.exception("a\x1b[2J\nb", extra={"name_of_it": "\x1b[31m\r\n"})
    text = terminal.getvalue()
    assert "owned" in text
    assert not [character for character in text if not character.isprintable() and character != "\n"]


def test_log_metrics_and_database_hold_no_key_and_no_word_of_what_was_said(
    program: Program, upstream: ScriptedUpstream, key: str
) -> None:
    body = {"model": "fake/one", "messages": [{"role": "user", "content": PROMPT}], "user": "someone@example.org"}
    replies = [chat_body(ANSWER), json_reply({"error": {"message": f"can't read: {PROMPT}"}}, 400)]
    for path in ("/v1/chat/completions", "/v1/messages"):
        for reply in replies:
            upstream.script = reply
            with RawClient(program.port) as client:
                client.post(path, {**body, "max_tokens": 9}, key, {"User-Agent": f"me/1 {PROMPT}"}).read_head()
                program.wait_for_line(client.headers["x-request-id"])
    with RawClient(program.port) as client:
        client.post("/v1/chat/completions", {**body, "model": key}, key).read_head()
        program.wait_for_line(client.headers["x-request-id"])
    program.metrics()
    members = Members(program)
    kept = f"{program.log_file.read_text()} {program.metrics()} {members.everything()}"
    members.close()
    for secret in (key, key[10:30], "violet", "badger", "marbles", "someone@", "sk-upstream-secret"):
        assert secret not in kept, secret
