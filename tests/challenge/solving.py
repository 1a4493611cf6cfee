"""What a member who knows the answer would send, and answers that are nearly right."""

from collections.abc import Iterator
from typing import Any

from freetheai.challenge import Challenge

Answers = dict[str, str | list[str]]


def solution(challenge: Challenge) -> Answers:
    """The right answers, read from the secret."""
    return {rule["field"]: _right(rule) for rule in challenge.secret["rules"]}


def near_misses(challenge: Challenge) -> Iterator[Answers]:
    """The solution with one field made wrong, in every small way, or left out."""
    whole = solution(challenge)
    for rule in challenge.secret["rules"]:
        name = rule["field"]
        yield {other: value for other, value in whole.items() if other != name}
        for wrong in _wrong(challenge, rule):
            yield {**whole, name: wrong}


def _right(rule: dict[str, Any]) -> str | list[str]:
    match rule["rule"]:
        case "choice":
            return list(rule["right"])
        case "text":
            return str(rule["right"][0])
        case "time":
            return f"{rule['right'] // 60 or 12}:{rule['right'] % 60:02}"
        case _:
            return str(rule["right"])


def _wrong(challenge: Challenge, rule: dict[str, Any]) -> Iterator[str | list[str]]:
    right = rule["right"]
    yield ""
    yield []
    match rule["rule"]:
        case "choice":
            field = next(field for field in challenge.fields if field.id == rule["field"])
            offered = [value for value, _ in field.options]
            for value in offered:
                yield sorted(set(right) ^ {value})
            yield [label for value, label in field.options if value in right]
            yield offered
        case "text":
            yield right[0] + "x"
            yield f"{right[0]} {right[0]}"
            yield "nobody"
        case "time":
            for step in (-60, -5, -1, 1, 5, 60):
                minutes = (right + step) % 720
                yield f"{minutes // 60 or 12}:{minutes % 60:02}"
            yield str(right)
        case _:
            yield right[::-1]
            yield right[:-1]
            yield right + right[0]
            yield right[1] + right[0] + right[2:]
