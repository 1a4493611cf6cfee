"""A member of the tests' Discord who knows the right answers: they are looked up in Redis, where no member can look."""

from typing import Any

import orjson
import redis

from discord_server.control import Answer, DiscordServer, Modal, Person
from support.program import Program

USE_CASE = "I write small programs with a coding assistant"
REASON = "My laptop was stolen last night and the key was on it"


class Secrets:
    """The challenges that are open in one program's Redis."""

    def __init__(self, program: Program, server: DiscordServer) -> None:
        section = program.sections["redis"]
        self._redis = redis.Redis.from_url(str(section["url"]))
        self._prefix = str(section["prefix"])
        self._guild = server.guild_id

    def close(self) -> None:
        self._redis.close()

    def keys(self, person: Person) -> list[str]:
        """The names of everything kept for a member."""
        return [name.decode() for name in self._redis.keys(f"{self._prefix}:challenge:{{{self._guild}:{person.id}}}:*")]  # type: ignore[union-attr]

    def forget_tries(self, person: Person) -> None:
        """As if nothing had been tried or asked for."""
        for name in self.keys(person):
            self._redis.delete(name)

    def kept(self, person: Person, modal: Modal) -> dict[str, Any]:
        """What is kept of the challenge that ``modal`` asks."""
        _, _, command, challenge_id = modal.custom_id.split(":")
        name = f"{self._prefix}:challenge:{{{self._guild}:{person.id}}}:{command}:{challenge_id}"
        found: Any = self._redis.get(name)
        assert found is not None, "no such challenge is kept"
        kept: dict[str, Any] = orjson.loads(found.split(b" ", 1)[1])
        return kept

    def right(self, person: Person, modal: Modal) -> dict[str, Any]:
        """What to fill in to solve the challenge."""
        kept = self.kept(person, modal)
        places = {field["id"]: f"a{number}" for number, field in enumerate(kept["fields"])}
        return {places[rule["field"]]: _right(rule) for rule in kept["secret"]["rules"]}

    def wrong(self, person: Person, modal: Modal) -> dict[str, Any]:
        """What to fill in to fail it."""
        kept = self.kept(person, modal)
        places = {field["id"]: (f"a{number}", field) for number, field in enumerate(kept["fields"])}
        return {places[rule["field"]][0]: _wrong(rule, places[rule["field"]][1]) for rule in kept["secret"]["rules"]}


def _right(rule: dict[str, Any]) -> Any:
    right = rule["right"]
    if rule["rule"] == "time":
        return f"{right // 60 % 12 or 12}:{right % 60:02}"
    if rule["rule"] == "text":
        return right[0]
    return right


def _wrong(rule: dict[str, Any], field: dict[str, Any]) -> Any:
    if field["kind"] == "text":
        return "13:61" if rule["rule"] == "time" else "zzzz"
    others = [value for value, _ in field["options"] if value not in rule["right"]]
    return others[:1]


OWN: dict[str, dict[str, Any]] = {
    "signup": {"use_case": USE_CASE, "disclosure": "none"},
    "checkin": {},
    "resetkey": {"reason": REASON},
}


def pass_form(secrets: Secrets, person: Person, opened: Answer, **own: Any) -> Answer:
    """Fill in the form that was opened, with the right answers, and send it."""
    modal = opened.modal
    command = modal.custom_id.split(":")[2]
    return person.submit(modal, {**OWN[command], **own, **secrets.right(person, modal)})


def key_in(text: str) -> str:
    """The key that a message shows."""
    return next(line for line in text.splitlines() if line.startswith("fta_"))


def sign_up(secrets: Secrets, person: Person) -> str:
    """Get a key by `/signup`."""
    return key_in(pass_form(secrets, person, person.command("signup")).result().content)
