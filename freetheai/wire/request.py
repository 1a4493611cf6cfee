"""What a client asked for, in one form: made by ``parse`` of three formats, read by ``build`` of four.

Rules:
- ``body`` is the client's own JSON object: equal formats are relayed from it, so unknown fields survive;
- everything else is for translation, and for the gates: size, moderation, catalog checks;
- a part that no other format knows stays as ``OpaquePart``, to be relayed or refused by name, never lost in silence;
- numbers and strings are as the client sent them, type-checked; ``None`` means "not said".
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ClientFormatName = Literal["chat", "messages", "responses"]


@dataclass(slots=True)
class TextPart:
    """Text. ``cache`` is the client's caching hint for it (Anthropic's ``cache_control`` object), if any."""

    text: str
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class ImagePart:
    """An image: ``data`` (base64, with ``media_type``) or ``url``. ``detail``: low, high, auto, original or ""."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class AudioPart:
    """Audio: ``data`` in base64, ``format`` as in ``wav``, ``mp3``."""

    data: str
    format: str


@dataclass(slots=True)
class FilePart:
    """A document: ``data`` (base64; plain text when ``is_text``) or ``url``; ``name`` and ``media_type`` if known."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    name: str = ""
    is_text: bool = False
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class RefusalPart:
    """An earlier refusal of the model, in history."""

    text: str


@dataclass(slots=True)
class ToolCallPart:
    """A call the model made earlier. ``arguments`` is JSON text (free text when ``custom``), possibly invalid."""

    call_id: str
    name: str
    arguments: str
    custom: bool = False
    namespace: str = ""
    signature: str = ""
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class ToolResultPart:
    """What a tool answered. ``parts`` holds text, image and file parts; ``name`` of the tool where the client tells."""

    call_id: str
    parts: "list[Part]" = field(default_factory=list)
    is_error: bool = False
    custom: bool = False
    name: str = ""
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class ThinkingPart:
    """Earlier reasoning. ``signature`` as the client sent it: opaque, perhaps tagged by us with its origin."""

    text: str
    signature: str = ""


@dataclass(slots=True)
class RedactedPart:
    """Earlier hidden reasoning: opaque ``data``, only for the provider that made it."""

    data: str


@dataclass(slots=True)
class OpaquePart:
    """A block only its own format knows: ``kind`` is its type's name, ``value`` the JSON object."""

    kind: str
    value: dict[str, Any]


Part = (
    TextPart
    | ImagePart
    | AudioPart
    | FilePart
    | RefusalPart
    | ToolCallPart
    | ToolResultPart
    | ThinkingPart
    | RedactedPart
    | OpaquePart
)


@dataclass(slots=True)
class Turn:
    """One message. A ``system`` turn here stands in the middle; the leading ones are ``ChatRequest.system``."""

    role: Role
    parts: list[Part]
    name: str = ""


@dataclass(slots=True, kw_only=True)
class Tool:
    """A tool the client runs. ``schema`` is JSON Schema or None (no arguments); ``custom`` takes free text.

    ``grammar`` is a custom tool's format object; ``namespace`` the group a Responses client put it in.
    """

    name: str
    description: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    custom: bool = False
    grammar: dict[str, Any] | None = None
    namespace: str = ""
    cache: dict[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class HostedTool:
    """A tool the provider would run (``web_search`` …): ``kind`` is its type, ``value`` the JSON object."""

    kind: str
    name: str
    value: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class ToolChoice:
    """``auto``, ``none``, ``required``; ``named``: exactly ``names[0]``; ``allowed``: a subset, called if ``must``."""

    mode: Literal["auto", "none", "required", "named", "allowed"]
    names: tuple[str, ...] = ()
    must: bool = False


@dataclass(slots=True, kw_only=True)
class Reasoning:
    """What the client said of thinking: ``effort``, ``budget_tokens``, or plain on/off (``enabled``); None: nothing.

    ``adaptive``: the model decides how much. ``show`` says whether the client can see reasoning (Messages shows it only
    when thinking was asked for), ``summary`` is the Responses summary style.
    """

    effort: Effort | None = None
    budget_tokens: int | None = None
    enabled: bool | None = None
    adaptive: bool = False
    show: bool = True
    summary: str = ""


@dataclass(slots=True, kw_only=True)
class OutputFormat:
    """Structured output: ``text``, ``json_object``, or ``json_schema`` with its schema."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    name: str = ""
    description: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None


@dataclass(slots=True, kw_only=True)
class ChatRequest:
    """One request for a generation, whatever format it came in."""

    format: ClientFormatName
    body: dict[str, Any]
    model: str
    stream: bool = False
    include_usage: bool = False
    system: list[TextPart] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    hosted_tools: list[HostedTool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    n: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None
    reasoning: Reasoning = field(default_factory=Reasoning)
    output: OutputFormat = field(default_factory=OutputFormat)
    verbosity: str = ""
    # Fields of the client's format that none of the above carries: only relayed, never translated.
    extra: dict[str, Any] = field(default_factory=dict)
    # `anthropic-version` and `anthropic-beta` as the client sent them (lower-case names): they belong to the body.
    client_headers: dict[str, str] = field(default_factory=dict)
