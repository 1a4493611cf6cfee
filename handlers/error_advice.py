"""What a person does about an error, by its status and type: for the pages, where one line is not enough.

A test holds this against the rows of ``freetheai.errors``, both ways.
"""

from dataclasses import dataclass
from typing import Final

from freetheai import errors

ADVICE: Final[dict[tuple[int, str], str]] = {
    (400, "invalid_request_error"): (
        "Look at the message: it names the field, the model or the route. Take a model from the catalog and send valid"
        " JSON; the same request will fail again."
    ),
    (400, "context_length_exceeded"): "Shorten the prompt, its history or attachments, or ask for fewer output tokens.",
    (400, "content_policy_violation"): "Change the prompt's content; the same prompt will be refused again.",
    (401, "invalid_api_key"): (
        "Send the exact key as Authorization: Bearer KEY, without quotes, angle brackets, markdown or spaces. A lost"
        " key is replaced with /resetkey."
    ),
    (401, "invalid_request_error"): "This route is for the web pages' own key.",
    (403, "daily_checkin_required"): "Run /checkin in Discord, once a UTC day, then try again.",
    (403, "model_access_denied"): "Take another model, or become a Verified member by taking part in the server.",
    (403, "discord_membership_required"): "Join the Discord server again with the account that owns the key.",
    (403, "user_paused"): "Staff has paused the account: ask them in Discord.",
    (403, "ip_blacklisted"): "This address is banned: ask staff in Discord.",
    (403, "client_signature_banned"): "This client is banned: use another, or ask staff in Discord.",
    (404, "invalid_request_error"): "The id is unknown, belongs to another account, or has expired. Start a new job.",
    (429, "rate_limit_error"): (
        "Wait as long as Retry-After says. If x-should-retry is false, the day's cap is used up: it resets at 00:00"
        " UTC."
    ),
    (429, "concurrency_limit_error"): "Wait for your running request to end; a slot is free again at once.",
    (429, "glm_depleted"): "Take another model; Retry-After says when the provider's window begins anew.",
    (499, "client_canceled"): "You never see this one: it is how a request is logged whose client left.",
    (500, "server_error"): "A fault of ours. Try once more, then report the error id.",
    (502, "provider_error"): "Try again, or take another model. If it stays, report the error id.",
    (503, "provider_unavailable"): "Wait as long as Retry-After says, or take another model.",
    (503, "server_error"): "Something we depend on is away. Try again in a few seconds.",
    (503, "discord_membership_error"): "Discord could not be asked just now. Try again in a few seconds.",
    (504, "provider_timeout"): "Ask for less, or stream the answer; or take another model.",
}


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One line of the table that people read: all rows of one status and type."""

    status: int
    type: str
    messages: tuple[str, ...]
    advice: str
    headers: tuple[str, ...]


def error_rows() -> list[ErrorRow]:
    """The error table, by status, with what to do; rows of one status and type stand together."""
    grouped: dict[tuple[int, str], list[errors.ErrorSpec]] = {}
    for row in errors.ROWS.values():
        grouped.setdefault((row.status, row.type), []).append(row)
    return [
        ErrorRow(
            status=status,
            type=kind,
            messages=tuple(row.text for row in rows),
            advice=ADVICE[(status, kind)],
            headers=_headers(rows),
        )
        for (status, kind), rows in sorted(grouped.items(), key=lambda item: item[0][0])
    ]


def _headers(rows: list[errors.ErrorSpec]) -> tuple[str, ...]:
    names = []
    if any(row.retry_after_s is not None for row in rows):
        names.append("Retry-After")
    if any(row.should_retry is False for row in rows):
        names.append("x-should-retry")
    return tuple(names)
