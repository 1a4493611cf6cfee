"""The JSON Schemas of what goes in and out, for `/openapi.json`.

Rules:
- a request's schema says what is checked and nothing more: unknown fields pass, null and absent are the same;
- an answer's schema says what every answer has; providers of the same format may add fields.
"""

from typing import Any, Final

Schema = dict[str, Any]


def _object(properties: Schema, *required: str, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _or_null(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"type": "boolean"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_TOKENS: Final = _or_null("integer", minimum=1)
_ALIAS: Final[Schema] = {"type": "string", "minLength": 1, "description": "An alias from GET /v1/models."}
_STREAM: Final = _or_null("boolean", description="Answer with server-sent events.")
# A part of a turn; a bare string is taken for text.
_PART: Final[Schema] = {"type": ["object", "string"]}
_TOOLS: Final = _or_null("array", items={"type": "object"})


def _turn(*roles: str) -> Schema:
    content = {"type": ["string", "array", "null"], "items": _PART}
    return _object({"role": {"enum": list(roles)}, "content": content}, "role")


_REQUESTS: Final[dict[str, Schema]] = {
    "ChatRequest": _object(
        {
            "model": _ALIAS,
            "messages": _list(_turn("system", "user", "assistant"), minItems=1),
            "stream": _STREAM,
            "stream_options": _or_null("object"),
            "max_tokens": _TOKENS,
            "max_completion_tokens": _TOKENS,
            "temperature": _or_null("number"),
            "top_p": _or_null("number"),
            "stop": {"anyOf": [_TEXT, _list(_TEXT), {"type": "null"}]},
            "tools": _TOOLS,
            "tool_choice": {"anyOf": [_TEXT, {"type": "object"}, {"type": "null"}]},
            "response_format": _or_null("object"),
            "reasoning_effort": {"description": "none, minimal, low, medium, high or max."},
        },
        "model",
        "messages",
        description="OpenAI's Chat Completions request. Unknown fields pass to a provider of the same format.",
    ),
    "MessagesRequest": _object(
        {
            "model": _ALIAS,
            "messages": _list(_turn("user", "assistant"), minItems=1),
            "max_tokens": _TOKENS,
            "system": {"anyOf": [_TEXT, _list(_PART), {"type": "null"}]},
            "stream": _STREAM,
            "temperature": _or_null("number"),
            "top_p": _or_null("number"),
            "top_k": _or_null("integer"),
            "stop_sequences": {"anyOf": [_TEXT, _list(_TEXT), {"type": "null"}]},
            "tools": _TOOLS,
            "tool_choice": _or_null("object"),
            "thinking": {"description": "Anthropic's: an object with its type and budget."},
        },
        "model",
        "messages",
        description="Anthropic's Messages request; max_tokens may be left out.",
    ),
    "ResponsesRequest": _object(
        {
            "model": _ALIAS,
            "input": {"anyOf": [{"type": "string", "minLength": 1}, _list(_turn("user", "assistant"), minItems=1)]},
            "instructions": {"description": "System text."},
            "stream": _STREAM,
            "max_output_tokens": _TOKENS,
            "temperature": _or_null("number"),
            "top_p": _or_null("number"),
            "tools": _TOOLS,
            "tool_choice": {"anyOf": [_TEXT, {"type": "object"}, {"type": "null"}]},
            "reasoning": _or_null("object"),
            "text": _or_null("object"),
            "store": {"description": "true is answered as false: nothing is stored."},
        },
        "model",
        "input",
        description="OpenAI's Responses request with the whole input.",
    ),
    "CountRequest": _object(
        {"model": _ALIAS, "messages": _list(_turn("user", "assistant"), minItems=1), "tools": _TOOLS},
        "model",
        "messages",
        description="A Messages request; everything that would be sent is counted.",
    ),
}

_HELLO: Final = [{"role": "user", "content": "Reply with OK."}]
# Bodies that any model for text answers, by request; the model is added where they are shown.
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "ChatRequest": {"plain": {"messages": _HELLO}, "stream": {"messages": _HELLO, "stream": True}},
    "MessagesRequest": {
        "plain": {"max_tokens": 64, "messages": _HELLO},
        "stream": {"max_tokens": 64, "messages": _HELLO, "stream": True},
    },
    "ResponsesRequest": {"plain": {"input": "Reply with OK."}, "stream": {"input": "Reply with OK.", "stream": True}},
    "CountRequest": {"plain": {"messages": _HELLO}},
}

_FILE: Final[Schema] = {"type": "string", "contentMediaType": "application/octet-stream"}
_PROMPT: Final[Schema] = {"type": "string", "minLength": 1}

_MEDIA_REQUESTS: Final[dict[str, Schema]] = {
    "SpeechRequest": _object(
        {"model": _ALIAS, "input": _PROMPT, "voice": {}, "response_format": _or_null("string")},
        "model",
        "input",
        description="OpenAI's speech request.",
    ),
    "TranscriptionRequest": _object(
        {"model": _ALIAS, "file": _FILE}, "model", "file", description="OpenAI's transcription request, a form."
    ),
    "ImageRequest": _object(
        {"model": _ALIAS, "prompt": _PROMPT, "deferred": _or_null("boolean")},
        "model",
        "prompt",
        description="OpenAI's image request.",
    ),
    "ImageEditRequest": _object(
        {"model": _ALIAS, "prompt": _PROMPT, "image": _FILE},
        "model",
        "prompt",
        "image",
        description="OpenAI's image edit request, a form; more images as `image[]`.",
    ),
    "VideoRequest": _object({"model": _ALIAS, "prompt": _PROMPT}, "model", "prompt"),
}

_ERROR_BODY: Final = _object(
    {
        "message": {"type": "string", "description": "For people."},
        "type": {"type": "string", "description": "What clients branch on."},
        "code": {"type": ["string", "null"], "description": "The same word as type."},
        "param": {"type": "null"},
        "details": {"type": "object"},
    },
    "message",
    "type",
    "code",
    "param",
)

_ANSWERS: Final[dict[str, Schema]] = {
    "Error": _object({"error": _ERROR_BODY}, "error"),
    "MessagesError": _object(
        {"type": {"const": "error"}, "error": _ERROR_BODY, "request_id": _TEXT}, "type", "error", "request_id"
    ),
    "ChatCompletion": _object(
        {
            "id": _TEXT,
            "object": {"const": "chat.completion"},
            "created": _COUNT,
            "model": _TEXT,
            "choices": _list(
                _object(
                    {"index": _COUNT, "message": {"type": "object"}, "finish_reason": _or_null("string")},
                    "index",
                    "message",
                    "finish_reason",
                )
            ),
            "usage": _or_null("object"),
        },
        "id",
        "object",
        "created",
        "model",
        "choices",
    ),
    "Message": _object(
        {
            "id": _TEXT,
            "type": {"const": "message"},
            "role": {"const": "assistant"},
            "model": _TEXT,
            "content": _list(_object({"type": _TEXT}, "type")),
            "stop_reason": _or_null("string"),
            "usage": _object({"input_tokens": _COUNT, "output_tokens": _COUNT}, "input_tokens", "output_tokens"),
        },
        "id",
        "type",
        "role",
        "model",
        "content",
        "stop_reason",
        "usage",
    ),
    "StreamEvent": _object(
        {"event": _TEXT, "data": _TEXT}, "data", description="One event of a stream; an error is its last, then [DONE]."
    ),
    "TokenCount": _object({"input_tokens": _COUNT}, "input_tokens"),
    "Response": _object(
        {
            "id": _TEXT,
            "object": {"const": "response"},
            "status": {"enum": ["completed", "incomplete", "failed"]},
            "model": _TEXT,
            "output": _list(_object({"type": _TEXT}, "type")),
            "usage": _or_null("object"),
        },
        "id",
        "object",
        "status",
        "model",
        "output",
    ),
}

_JOB: Final[Schema] = {
    "request_id": _TEXT,
    "model": _TEXT,
    "created": _COUNT,
    "expires_at": _TIME,
    "status": {"enum": ["pending", "done", "failed", "expired"]},
    "progress": {"type": "integer", "minimum": 0, "maximum": 100},
    "data": _list({"type": "object"}),
    "video": {"type": "object"},
    "usage": {"type": "object"},
    "error": _ERROR_BODY,
}

_MEDIA: Final[dict[str, Schema]] = {
    "Job": _object(_JOB, "request_id", "model", "created", "expires_at", "status"),
    "Images": {
        "anyOf": [
            _object({"created": _COUNT, "model": _TEXT, "data": _list({"type": "object"})}, "created", "model", "data"),
            _ref("Job"),
        ]
    },
    "Transcription": _object({"text": _TEXT}),
}

_TIER: Final = {name: _COUNT for name in ("level", "minimum_invites", "rate_limit_per_minute", "concurrency_limit")}
_CATALOG_ROW: Final[Schema] = {
    "id": _TEXT,
    "object": {"const": "model"},
    "created": _COUNT,
    "owned_by": {"const": "gateway"},
    "prefix": _TEXT,
    "display_name": _TEXT,
    "description": _TEXT,
    "visibility": {"enum": ["site_catalog", "role_gated"]},
    **{name: _TOKENS for name in ("context_window", "max_input_tokens", "max_output_tokens")},
    **{
        f"supports_{name}": _FLAG
        for name in ("chat", "images", "image_input", "audio", "video", "tools", "reasoning", "structured_outputs")
    },
    "routes": _list(_TEXT),
    "requires_seems_legit": _FLAG,
    "access": _object(
        {"available": _FLAG, "required_discord_roles": _list(_TEXT), "requires_seems_legit": _FLAG},
        "available",
        "required_discord_roles",
        "requires_seems_legit",
    ),
    "status": {"enum": ["up", "degraded", "down", "unknown"]},
}

_BOARD_ROW: Final[Schema] = {
    "rank": {"type": "integer", "minimum": 1},
    "id": _TEXT,
    "prefix": _TEXT,
    "successes": _COUNT,
    "share": {"type": "number", "minimum": 0, "maximum": 1},
    "unique_users": _COUNT,
    "p50_latency_ms": {"type": ["number", "null"], "minimum": 0},
}
_POLICY: Final[Schema] = {
    "invite_tiers": _list(_object(_TIER, *_TIER)),
    "daily_success_limit": _COUNT,
    "seems_legit_required_prefixes": _list(_TEXT),
    "seems_legit_required_role_label": _TEXT,
}

_LISTS: Final[dict[str, Schema]] = {
    "Catalog": _object(
        {
            "object": {"const": "model_catalog"},
            "generated_at": _TIME,
            "data": _list(_object(_CATALOG_ROW, *_CATALOG_ROW)),
            "policy": _object(_POLICY, *_POLICY),
        },
        "object",
        "generated_at",
        "data",
        "policy",
    ),
    "Leaderboard": _object(
        {
            "object": {"const": "model_leaderboard"},
            "window": {"enum": ["24h", "7d", "30d"]},
            "generated_at": _TIME,
            "data": _list(_object(_BOARD_ROW, *_BOARD_ROW)),
        },
        "object",
        "window",
        "generated_at",
        "data",
    ),
    "Model": _object(
        {
            "id": _TEXT,
            "object": {"const": "model"},
            "type": {"const": "model"},
            "created": _COUNT,
            "created_at": _TIME,
            "owned_by": {"const": "gateway"},
            "display_name": _TEXT,
        },
        "id",
        "object",
        "type",
        "created",
        "created_at",
        "owned_by",
        "display_name",
    ),
    "ModelList": _object(
        {
            "object": {"const": "list"},
            "data": _list(_ref("Model")),
            "has_more": {"const": False},
            "first_id": _or_null("string"),
            "last_id": _or_null("string"),
        },
        "object",
        "data",
        "has_more",
        "first_id",
        "last_id",
    ),
    "ProviderHealth": _object(
        {
            "prefix": _TEXT,
            "status": {"enum": ["up", "degraded", "down", "unknown"]},
            "model_count": _COUNT,
            **{f"{what}_{span}": _COUNT for span in ("30m", "60m") for what in ("requests", "successes", "errors")},
            **{f"error_rate_{span}": {"type": "number", "minimum": 0, "maximum": 1} for span in ("30m", "60m")},
            "last_success_at": _or_null("string"),
            "last_error_at": _or_null("string"),
        },
        "prefix",
        "status",
        "model_count",
        "requests_60m",
        "error_rate_60m",
    ),
    "Health": _object(
        {
            "status": {"enum": ["ok", "degraded", "down"]},
            "version": _TEXT,
            "uptime_seconds": _COUNT,
            "catalog": _object({"model_count": _COUNT, "updated_at": _TIME}, "model_count", "updated_at"),
            "clients": _list(_object({"client_name": _TEXT, "unique_users": _COUNT}, "client_name", "unique_users")),
            "providers": _list(_ref("ProviderHealth")),
            "dependencies": _object({name: _TEXT for name in ("mongodb", "redis", "discord")}),
        },
        "status",
        "version",
        "uptime_seconds",
        "catalog",
        "clients",
        "providers",
        "dependencies",
    ),
}

SCHEMAS: Final[dict[str, Schema]] = {**_REQUESTS, **_MEDIA_REQUESTS, **_ANSWERS, **_MEDIA, **_LISTS}
