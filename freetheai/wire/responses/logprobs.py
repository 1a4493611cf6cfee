"""Log probabilities: the entries of Chat Completions, which events carry, and those of Responses."""

from typing import Any


def to_responses(entries: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Entries as Responses writes them."""
    return [
        {
            "token": entry.get("token", ""),
            "logprob": entry.get("logprob", 0.0),
            "bytes": _bytes_of(entry),
            "top_logprobs": [
                {"token": top.get("token", ""), "logprob": top.get("logprob", 0.0), "bytes": _bytes_of(top)}
                for top in entry.get("top_logprobs") or ()
                if isinstance(top, dict)
            ],
        }
        for entry in entries or ()
    ]


def from_responses(entries: Any) -> list[dict[str, Any]] | None:
    """Entries of a delta or part as events carry them; None where there are none."""
    if not entries or not isinstance(entries, list):
        return None
    # The same members; Responses leaves `bytes` out of deltas.
    return to_responses([entry for entry in entries if isinstance(entry, dict)]) or None


def _bytes_of(entry: dict[str, Any]) -> list[int]:
    given = entry.get("bytes")
    if isinstance(given, list):
        return given
    token = entry.get("token")
    return list(token.encode("utf-8", "replace")) if isinstance(token, str) else []
