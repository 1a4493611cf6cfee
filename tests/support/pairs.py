"""All pairs of client and upstream format: opened, run as a handler runs them, and checked by each format's rules.

``Seen`` is what a client makes of an answer, streamed or plain, in words that all formats share: so one pair can be
compared with another.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, gemini, messages, responses
from freetheai.wire.finish import TO_CHAT, TO_MESSAGES
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp, UpstreamFormat
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import BodyResult, convert_body, open_stream
from support.messages_rules import check_messages_stream
from support.responses_rules import check_responses_stream
from support.stream_rules import RequestFacts, check_chat_stream

CLIENTS: dict[str, ClientFormat] = {"chat": chat.CLIENT, "messages": messages.CLIENT, "responses": responses.CLIENT}
UPSTREAMS: dict[str, UpstreamFormat] = {
    "chat": chat.UPSTREAM,
    "messages": messages.UPSTREAM,
    "responses": responses.UPSTREAM,
    "gemini": gemini.UPSTREAM,
}
PAIRS = [(client, upstream) for client in CLIENTS for upstream in UPSTREAMS]
ORIGIN = "maker:up/model-1"
MODEL = "pre/alias"
ERROR = ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")

_NAMES = ("get", "set")
_BODIES: dict[str, dict[str, Any]] = {
    "chat": {
        "messages": [{"role": "user", "content": "Hi"}],
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": {"name": name}} for name in _NAMES],
    },
    "messages": {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 2048,
        "thinking": {"type": "adaptive"},
        "tools": [{"name": name, "input_schema": {"type": "object"}} for name in _NAMES],
    },
    "responses": {"input": "Hi", "tools": [{"type": "function", "name": name} for name in _NAMES]},
}


@dataclass(slots=True)
class Seen:
    """An answer as a client sees it: ``reason`` in Chat Completions' words, ``calls`` with parsed arguments."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    reason: str = ""
    tokens: int | None = None
    error: str = ""
    links: list[Any] = field(default_factory=list)


def request(client: str, **more: Any) -> ChatRequest:
    """A request of this format with two tools, thinking and usage asked for."""
    return CLIENTS[client].parse(orjson.dumps({"model": MODEL, "stream": True, **_BODIES[client], **more}))


def stamp(client: str) -> Stamp:
    """What the handler would give."""
    return Stamp(id=f"{CLIENTS[client].id_prefix}ours", created_s=1800000000, model=MODEL, origin=ORIGIN)


def opened(client: str, upstream: str, asked: ChatRequest | None = None, quirks: Quirks | None = None) -> ByteStream:
    """A stream of this pair."""
    asked = asked or request(client)
    return open_stream(CLIENTS[client], UPSTREAMS[upstream], asked, stamp(client), quirks or Quirks())


def run(way: ByteStream, pieces: Iterable[bytes]) -> bytes:
    """Everything the client gets, as the handler would send it."""
    out = [way.feed(piece) for piece in pieces]
    out.append(way.end())
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    assert (way.failure is None) == way.is_finished, "a stream is either finished or failed"
    if way.failure is not None:
        out.append(way.error(ERROR))
    assert way.feed(b"data: {}\n\n") + way.end() + way.error(ERROR) == b"", "nothing comes after the end"
    return b"".join(out)


def streamed(client: str, upstream: str, wire: bytes, *, asked: ChatRequest | None = None) -> Seen:
    """What the client sees of a stream that obeys every rule."""
    asked = asked or request(client)
    return seen(client, run(opened(client, upstream, asked), [wire]), asked)


def seen(client: str, out: bytes, asked: ChatRequest | None = None) -> Seen:
    """What a client sees of the bytes it got.

    Raises:
        AssertionError: a rule of its format is broken.
    """
    asked = asked or request(client)
    return _SEEN[client](out, asked)


def _chat(out: bytes, asked: ChatRequest) -> Seen:
    is_legacy = "functions" in asked.body
    facts = RequestFacts(model=MODEL, include_usage=asked.include_usage, is_legacy=is_legacy)
    summary = check_chat_stream(out, facts)
    first = summary.first
    return Seen(
        first.text,
        first.reasoning,
        first.refusal,
        [(call.name, parsed(call.arguments)) for call in first.calls],
        first.finish_reason or "",
        summary.usage["total_tokens"] if summary.usage else None,
        summary.error["type"] if summary.error else "",
        _links(first.annotations),
    )


def _messages(out: bytes, asked: ChatRequest) -> Seen:
    del asked
    # A relay passes events that are newer than we are, and clients skip them.
    known = b"".join(frame for frame in re.split(rb"(?<=\n\n)", out) if not _is_new(frame))
    summary = check_messages_stream(known, model=MODEL)
    found = _message_seen(summary.content, summary.stop_reason, summary.usage)
    return replace(found, error=summary.error["type"]) if summary.error else found


def _is_new(frame: bytes) -> bool:
    name = re.match(rb"event: (.*)\n", frame)
    return name is not None and not re.fullmatch(
        rb"(message|content_block)_(start|delta|stop)|ping|error", name.group(1)
    )


def _responses(out: bytes, asked: ChatRequest) -> Seen:
    del asked
    summary = check_responses_stream(out, model=MODEL)
    if summary.error is not None:
        return Seen(error=summary.error["type"])
    return _response_seen(summary.response)


_SEEN = {"chat": _chat, "messages": _messages, "responses": _responses}


def converted(
    client: str, upstream: str, data: bytes, *, asked: ChatRequest | None = None, quirks: Quirks | None = None
) -> BodyResult:
    """A plain answer for the client."""
    asked = asked or request(client)
    return convert_body(CLIENTS[client], UPSTREAMS[upstream], asked, stamp(client), quirks or Quirks(), data)


def plain(
    client: str, upstream: str, data: bytes, *, asked: ChatRequest | None = None, quirks: Quirks | None = None
) -> Seen:
    """What the client sees of a plain answer."""
    asked = asked or request(client)
    result = converted(client, upstream, data, asked=asked, quirks=quirks)
    if result.failure is not None:
        assert result.failure.kind != "internal", result.failure.trace
        assert result.data == b""
        return Seen(error=result.failure.kind)
    body = orjson.loads(result.data)
    assert body["model"] == MODEL
    return plain_seen(client, body)


def plain_seen(client: str, body: dict[str, Any]) -> Seen:
    """What the client sees of the plain answer it got."""
    return _PLAIN[client](body)


def _plain_chat(body: dict[str, Any]) -> Seen:
    choice = body["choices"][0]
    message = choice["message"]
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    calls += [message["function_call"]] if message.get("function_call") else []
    return Seen(
        message["content"] or "",
        next((message[key] for key in ("reasoning_content", "reasoning", "reasoning_text") if message.get(key)), ""),
        message.get("refusal") or "",
        [(call["name"], parsed(call["arguments"])) for call in calls],
        choice["finish_reason"],
        body["usage"]["total_tokens"],
        links=_links(message.get("annotations") or ()),
    )


def _links(annotations: Iterable[Any]) -> list[Any]:
    """Addresses of a chat answer's links, as OpenAI has them; a relay passes whatever came."""
    found = (note.get("url_citation") for note in annotations if isinstance(note, dict))
    return [link.get("url") for link in found if isinstance(link, dict)]


def _plain_message(body: dict[str, Any]) -> Seen:
    return _message_seen(body["content"], body["stop_reason"], body["usage"])


def _message_seen(content: list[dict[str, Any]], stop_reason: str | None, usage: dict[str, Any]) -> Seen:
    words = {word: TO_CHAT[reason] for reason, word in TO_MESSAGES.items()}
    counted = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Seen(
        "".join(block["text"] for block in content if block["type"] == "text"),
        "".join(block["thinking"] for block in content if block["type"] == "thinking"),
        "",
        [(block["name"], block["input"]) for block in content if block["type"] == "tool_use"],
        words[stop_reason] if stop_reason else "",
        sum(usage.get(name) or 0 for name in counted),
        links=[link.get("url") for block in content for link in block.get("citations") or () if isinstance(link, dict)],
    )


def _response_seen(body: dict[str, Any]) -> Seen:
    found = Seen(tokens=body["usage"]["total_tokens"])
    for item in body["output"]:
        # Items may carry members of other kinds, which clients don't read.
        summary = item["summary"] if item["type"] == "reasoning" else ()
        found.reasoning += "\n\n".join(part["text"] for part in summary)
        for part in (item.get("content") or ()) if item["type"] in ("message", "reasoning") else ():
            if part["type"] == "output_text":
                found.text += part["text"]
                found.links += [note.get("url") for note in part.get("annotations") or () if isinstance(note, dict)]
            elif part["type"] == "refusal":
                found.refusal += part["refusal"]
            else:
                found.reasoning += part["text"]
        if item["type"] == "function_call":
            found.calls.append((item["name"], parsed(item["arguments"])))
        if item["type"] == "custom_tool_call":
            found.calls.append((item["name"], item["input"]))
    incomplete = (body["incomplete_details"] or {}).get("reason")
    if incomplete is not None:
        found.reason = "length" if incomplete == "max_output_tokens" else "content_filter"
    else:
        found.reason = "tool_calls" if found.calls else "stop"
    return found


_PLAIN = {"chat": _plain_chat, "messages": _plain_message, "responses": _response_seen}


def parsed(arguments: str) -> Any:
    """Arguments as a client reads them; cut ones as their text."""
    try:
        return orjson.loads(arguments)
    except ValueError:
        return arguments
