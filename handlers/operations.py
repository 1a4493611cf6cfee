"""Every route in words: what it is for, who may call it, what goes in and out.

The API page, `/openapi.json` and `llms.txt` are made from this table; a test holds it against the router's, both ways.

Rules:
- a path is the contract's, with `/v1`; a name in braces is filled by the caller;
- ``errors`` are the statuses that can really come, since tools check answers against them.
"""

from dataclasses import dataclass
from typing import Final, Literal

# Whose key opens a route: a member's, the pages' own, either, or none is needed.
Key = Literal["member", "site", "member or site", "none"]

# What the gates before the limits refuse with, and what may always happen to us.
_ALWAYS: Final = (400, 401, 403, 429, 500, 503)
_GENERATION: Final = (400, 401, 403, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value in the path or the query. ``schema`` is JSON Schema."""

    name: str
    place: Literal["path", "query"]
    meaning: str
    schema: dict[str, object]
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route. ``body`` and ``answer`` name schemas; ``has_limits``: its answers carry the limit headers."""

    method: str
    path: str
    group: str
    summary: str
    details: str
    key: Key = "member"
    body: str = ""
    body_type: str = "application/json"
    answer: str = ""
    answer_type: str = "application/json"
    streams: bool = False
    has_limits: bool = False
    answers: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = _ALWAYS
    parameters: tuple[Parameter, ...] = ()

    @property
    def id(self) -> str:
        """A name for generated clients: `post_chat_completions`."""
        words = self.path.removeprefix("/v1").strip("/").replace("/", "_").replace("{", "").replace("}", "")
        return f"{self.method.lower()}_{words or 'root'}"


_TEXT_ID: Final[dict[str, object]] = {"type": "string", "minLength": 1, "maxLength": 200}
_REQUEST_ID: Final = Parameter(name="request_id", place="path", meaning="What the POST answered.", schema=_TEXT_ID)
_POLL: Final = (400, 401, 403, 404, 429, 500, 502, 503, 504)

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/chat/completions",
        group="Text",
        summary="OpenAI Chat Completions",
        details="Streaming, tools and parallel tools, structured outputs, images, reasoning.",
        body="ChatRequest",
        answer="ChatCompletion",
        streams=True,
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="POST",
        path="/v1/messages",
        group="Text",
        summary="Anthropic Messages",
        details="For Claude-style clients and frameworks: system prompts, tools, thinking, images; streaming.",
        body="MessagesRequest",
        answer="Message",
        streams=True,
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="POST",
        path="/v1/messages/count_tokens",
        group="Text",
        summary="Count the tokens of a Messages request",
        details="Asked of the provider where it can count, estimated where it can't; takes nothing from any limit.",
        body="CountRequest",
        answer="TokenCount",
        errors=_GENERATION,
    ),
    Operation(
        method="POST",
        path="/v1/responses",
        group="Text",
        summary="OpenAI Responses",
        details="Send the whole input each time: nothing is stored, so previous_response_id is a 400.",
        body="ResponsesRequest",
        answer="Response",
        streams=True,
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="GET",
        path="/v1/models",
        group="Catalog",
        summary="List the models",
        details="Every alias, in a shape that OpenAI's and Anthropic's clients both read.",
        answer="ModelList",
    ),
    Operation(
        method="GET",
        path="/v1/models/{alias}",
        group="Catalog",
        summary="One model",
        details="The alias with its slashes raw or percent-encoded.",
        answer="Model",
        parameters=(
            Parameter(
                name="alias",
                place="path",
                meaning="A model's alias.",
                # The router's own fixed paths under /v1/models/ are no aliases: an alias has a slash.
                schema={"type": "string", "pattern": "^[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+$", "maxLength": 200},
            ),
        ),
    ),
    Operation(
        method="GET",
        path="/v1/models/full",
        group="Catalog",
        summary="The catalog with everything known of each model",
        details="Context, output, abilities, access, state, and the house's limits. With your key access is your own.",
        key="member or site",
        answer="Catalog",
    ),
    Operation(
        method="GET",
        path="/v1/models/leaderboard",
        group="Catalog",
        summary="Which models are used most",
        details="Successes in a window, for the web pages.",
        key="site",
        answer="Leaderboard",
        parameters=(
            Parameter(
                name="window",
                place="query",
                meaning="How far back.",
                schema={"type": "string", "enum": ["24h", "7d", "30d"], "default": "24h"},
            ),
            Parameter(
                name="limit",
                place="query",
                meaning="How many rows.",
                schema={"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
            ),
        ),
    ),
    Operation(
        method="POST",
        path="/v1/audio/speech",
        group="Audio, images, video",
        summary="Text to speech",
        details="For voice models, which need a role. Audio streams as it is made.",
        body="SpeechRequest",
        answer_type="audio/*",
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="POST",
        path="/v1/audio/transcriptions",
        group="Audio, images, video",
        summary="Speech to text",
        details="A form with the recording as its file; for voice models, which need a role.",
        body="TranscriptionRequest",
        body_type="multipart/form-data",
        answer="Transcription",
        streams=True,
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="POST",
        path="/v1/images/generations",
        group="Audio, images, video",
        summary="Images from a text",
        details="With deferred: true a provider that works so answers a request_id.",
        body="ImageRequest",
        answer="Images",
        streams=True,
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="POST",
        path="/v1/images/edits",
        group="Audio, images, video",
        summary="Images from images and a text",
        details="A form with image, prompt and model.",
        body="ImageEditRequest",
        body_type="multipart/form-data",
        answer="Images",
        streams=True,
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="GET",
        path="/v1/images/generations/{request_id}",
        group="Audio, images, video",
        summary="A deferred image",
        details="202 while it is made; only the account that began it sees it.",
        answer="Job",
        answers=(200, 202),
        errors=_POLL,
        parameters=(_REQUEST_ID,),
    ),
    Operation(
        method="POST",
        path="/v1/videos/generations",
        group="Audio, images, video",
        summary="A video from a text",
        details="Always deferred: answers a request_id. Video models need a role.",
        body="VideoRequest",
        answer="Job",
        has_limits=True,
        errors=_GENERATION,
    ),
    Operation(
        method="GET",
        path="/v1/videos/{request_id}",
        group="Audio, images, video",
        summary="A deferred video",
        details="202 while it is made; only the account that began it sees it.",
        answer="Job",
        answers=(200, 202),
        errors=_POLL,
        parameters=(_REQUEST_ID,),
    ),
    Operation(
        method="GET",
        path="/v1/health",
        group="Catalog",
        summary="How the gateway and its providers are doing",
        details="No key needed; a second old at most.",
        key="none",
        answer="Health",
        errors=(503,),
    ),
)

# Answered without a key so that clients may probe; no part of the API's description.
PROBES: Final = (("GET", ""), ("HEAD", ""), ("GET", "favicon.ico"), ("HEAD", "favicon.ico"))

# Every header that a client should act on, in the order in which they are told.
HEADERS: Final[dict[str, str]] = {
    "Retry-After": "Whole seconds to wait before trying again; on every 429 and 503.",
    "X-RateLimit-Limit": "Requests you may start in any 60 seconds.",
    "X-RateLimit-Remaining": "How many of them are left after this one.",
    "X-RateLimit-Reset": "Seconds until there is room for one more.",
    "X-Concurrency-Limit": "Requests you may run at once.",
    "X-Concurrency-Remaining": "How many more may start now.",
    "X-Concurrency-Reset": "Seconds until a slot should be free.",
    "X-DailyLimit-Limit": "Successful requests in a UTC day.",
    "X-DailyLimit-Remaining": "How many of them are left after this one.",
    "X-DailyLimit-Reset": "Seconds until 00:00 UTC.",
    "x-should-retry": "false: trying again is hopeless for now (day's cap, quota window, wrong key, over a minute).",
    "X-Request-Id": "This request's id; quote it in support.",
    "Request-Id": "The same, on /v1/messages, where Anthropic's clients look for it.",
}
