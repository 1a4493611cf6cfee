"""Every error a client can see: one table, one envelope, one exception.

Strategy: a row of the table is an ``ErrorSpec`` constant; code raises ``ApiError(ROW)``, so grep for the constant finds
every place that can end that way. The handler turns an ``ApiError`` into status, headers and body; the encoders of
``wire`` turn it into the last event of a stream. Nothing else in the project spells a status, a type or a user text.

Rules:
- ``type`` is what clients branch on, ``code`` repeats it since OpenAI's clients read that, ``param`` is always there;
- a message may say more than its row, but starts as the row says, because clients match those words;
- an upstream's own words never reach a message;
- every 429 and 503 has a ``Retry-After`` of at least 1 second.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# A wait longer than this (seconds) is nothing an SDK should sit through: it is told not to retry.
LONG_WAIT_S: Final = 60


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """One row: HTTP status, machine-readable type, the one line a user reads, and which headers go with it."""

    status: int
    type: str
    text: str
    retry_after_s: int | None = None
    # None: SDKs decide by status. False: `x-should-retry: false`, whatever the wait.
    should_retry: bool | None = None
    # The message ends with `Error id: PREFIX-xxxxxxxxxxxx`, to be quoted in support.
    has_error_id: bool = False


#                                    status  type                      what one user is told, in one line
INVALID_REQUEST = ErrorSpec(400, "invalid_request_error", "Your request body, model, or route is wrong.")
INVALID_JSON = ErrorSpec(400, "invalid_request_error", "invalid json payload")
MISSING_MODEL = ErrorSpec(400, "invalid_request_error", "missing model")
MISSING_PROMPT = ErrorSpec(400, "invalid_request_error", "missing prompt")
UNKNOWN_ALIAS = ErrorSpec(400, "invalid_request_error", "unknown aliased model")
UNSUPPORTED_INPUT = ErrorSpec(400, "invalid_request_error", "unsupported responses input shape")
UNSUPPORTED_ROUTE = ErrorSpec(400, "invalid_request_error", "unsupported route")
PAYLOAD_REJECTED = ErrorSpec(400, "invalid_request_error", "provider rejected the request payload", has_error_id=True)
CONTEXT_LENGTH_EXCEEDED = ErrorSpec(
    400,
    "context_length_exceeded",
    "prompt is too long: your prompt or context is too large."
    " Reduce context, attachments, message history, or requested output tokens.",
)
CONTENT_POLICY_VIOLATION = ErrorSpec(
    400,
    "content_policy_violation",
    "The request was blocked by moderation. Change the prompt content.",
)
# Claude Code asks ten times more after a bare 401, for minutes, and each time the address has one more failed key.
INVALID_API_KEY = ErrorSpec(401, "invalid_api_key", "Your API key is missing or wrong.", should_retry=False)
INVALID_CATALOG_KEY = ErrorSpec(401, "invalid_request_error", "invalid site catalog key")
INVALID_STATS_KEY = ErrorSpec(401, "invalid_request_error", "invalid site stats key")
DAILY_CHECKIN_REQUIRED = ErrorSpec(403, "daily_checkin_required", "Run /checkin in Discord.")
MODEL_ACCESS_DENIED = ErrorSpec(403, "model_access_denied", "This model is for Verified members.")
DISCORD_MEMBERSHIP_REQUIRED = ErrorSpec(
    403,
    "discord_membership_required",
    "You left the Discord server. Rejoin with the Discord account that owns this key.",
)
USER_PAUSED = ErrorSpec(403, "user_paused", "Your account is paused by staff. Ask staff in Discord.")
IP_BLACKLISTED = ErrorSpec(403, "ip_blacklisted", "Your address is banned. Ask staff in Discord.")
CLIENT_SIGNATURE_BANNED = ErrorSpec(
    403, "client_signature_banned", "This client is banned. Switch to a supported client."
)
JOB_UNKNOWN = ErrorSpec(404, "invalid_request_error", "Unknown request id.")
RATE_LIMIT = ErrorSpec(429, "rate_limit_error", "You hit a rate limit, daily cap, or cooldown.", retry_after_s=30)
DAILY_LIMIT = ErrorSpec(
    429,
    "rate_limit_error",
    "You have used all of today's successful requests. They reset at 00:00 UTC.",
    retry_after_s=LONG_WAIT_S,
    should_retry=False,
)
CONCURRENCY_LIMIT = ErrorSpec(
    429, "concurrency_limit_error", "Wait for your active request to finish.", retry_after_s=2
)
GLM_DEPLETED = ErrorSpec(
    429,
    "glm_depleted",
    "GLM provider quota is depleted for the current 5-hour window. Retry later or use another model.",
    retry_after_s=300,
    should_retry=False,
)
CLIENT_CANCELED = ErrorSpec(499, "client_canceled", "Client disconnected before the answer was complete.")
SERVER_ERROR = ErrorSpec(500, "server_error", "Gateway internal issue. Retry once.", has_error_id=True)
PROVIDER_ERROR = ErrorSpec(
    502, "provider_error", "Provider failed unexpectedly. Retry or try another model.", has_error_id=True
)
PROVIDER_UNAVAILABLE = ErrorSpec(
    503, "provider_unavailable", "Provider is temporarily unavailable.", retry_after_s=30, has_error_id=True
)
DEPENDENCY_UNAVAILABLE = ErrorSpec(503, "server_error", "Gateway internal issue. Retry shortly.", retry_after_s=5)
DRAINING = ErrorSpec(503, "server_error", "The gateway is restarting. Retry shortly.", retry_after_s=5)
DISCORD_MEMBERSHIP_ERROR = ErrorSpec(
    503, "discord_membership_error", "Discord membership lookup failed. Retry shortly.", retry_after_s=5
)
PROVIDER_TIMEOUT = ErrorSpec(
    504,
    "provider_timeout",
    "Provider took too long. Retry with smaller context/output or use streaming.",
    has_error_id=True,
)

# The whole table, in the contract's order; docs and tests walk over it.
ROWS: Final[Mapping[str, ErrorSpec]] = {
    name: value for name, value in list(globals().items()) if isinstance(value, ErrorSpec)
}


class ApiError(Exception):
    """An answer that is not a success: a row of the table and what is particular to this occasion.

    ``message`` replaces the row's text (it begins with the same words where clients match them), ``retry_after_s``
    (seconds, any number; sent whole, rounded up, at least 1) the row's wait. ``error_id`` is appended to the message.
    """

    def __init__(
        self,
        spec: ErrorSpec,
        message: str = "",
        *,
        retry_after_s: float | None = None,
        error_id: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message or spec.text)
        self.spec = spec
        self.text = message or spec.text
        self.retry_after_s = _whole_seconds(spec.retry_after_s if retry_after_s is None else retry_after_s)
        self.error_id = error_id
        # Anthropic's `error.details`; SDKs act on `details.error_code`.
        self.details = details

    @property
    def status(self) -> int:
        """HTTP status of the row."""
        return self.spec.status

    @property
    def type(self) -> str:
        """Machine-readable type of the row."""
        return self.spec.type

    @property
    def message(self) -> str:
        """What the user reads, with the error id at its end where there is one."""
        return f"{self.text} Error id: {self.error_id}" if self.error_id else self.text

    def headers(self) -> dict[str, str]:
        """Headers that belong to this error: ``Retry-After`` and ``x-should-retry`` where they apply."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        is_long = self.retry_after_s is not None and self.retry_after_s > LONG_WAIT_S
        if self.spec.should_retry is False or is_long:
            headers["x-should-retry"] = "false"
        return headers

    def body(self) -> dict[str, Any]:
        """The inner object of the envelope: ``{"message", "type", "code", "param"}``."""
        body: dict[str, Any] = {"message": self.message, "type": self.type, "code": self.type, "param": None}
        if self.details is not None:
            body["details"] = self.details
        return body

    def envelope(self) -> dict[str, Any]:
        """The documented error body of every route but messages."""
        return {"error": self.body()}

    def messages_envelope(self, request_id: str = "") -> dict[str, Any]:
        """The same with Anthropic's outer ``type`` (and ``request_id``, as in its answers)."""
        envelope: dict[str, Any] = {"type": "error", "error": self.body()}
        if request_id:
            envelope["request_id"] = request_id
        return envelope


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, math.ceil(seconds))
