"""The parts a scripted provider plays, and ready-made ones.

A ``Reply`` is a list of steps: bytes that go out exactly as written, waits (``Delay``, ``Gate``), floods (``Fast``) and
ends (``Silent``, ``Cut``, ``Reset``). The functions below make the common ones, named as a test would say them.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson


@dataclass(frozen=True)
class Delay:
    """Say nothing for a while."""

    seconds: float


@dataclass(frozen=True)
class Silent:
    """Say nothing more and keep the connection open. As a whole reply: accept, and never answer."""


@dataclass(frozen=True)
class Cut:
    """Close cleanly (FIN) right here, whatever the framing promised."""


@dataclass(frozen=True)
class Reset:
    """Close with RST right here."""


@dataclass(frozen=True)
class Fast:
    """``total`` bytes of ``x``, as quickly as the reader takes them."""

    total: int


@dataclass
class Gate:
    """Wait until the test calls ``open()`` (in the upstream's own loop)."""

    event: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        self.event.set()


Step = bytes | Delay | Silent | Cut | Reset | Fast | Gate


@dataclass
class Reply:
    """One answer. ``framing``: chunked, length (of all bytes in ``parts``, or ``length``), close, or raw (``parts`` are
    everything, the status line included). ``step`` writes byte parts in pieces of so many bytes, each its own segment.
    """

    parts: Sequence[Step] = ()
    status: int = 200
    headers: Sequence[tuple[str, str]] = (("Content-Type", "application/json"),)
    framing: Literal["chunked", "length", "close", "raw"] = "chunked"
    length: int | None = None
    step: int = 0
    compressed: bool = False
    then_close: bool = False

    def body(self) -> bytes:
        """All bytes of the parts."""
        return b"".join(part for part in self.parts if isinstance(part, bytes))


Part = Reply | Silent | Reset | Cut


def sse(*objects: Any, done: bool = True) -> list[bytes]:
    """One ``data:`` event for each object (JSON, or the bytes of a string), then ``[DONE]``."""
    events = [b"data: " + (o.encode() if isinstance(o, str) else orjson.dumps(o)) + b"\n\n" for o in objects]
    return [*events, b"data: [DONE]\n\n"] if done else events


def named_sse(*objects: Mapping[str, Any]) -> list[bytes]:
    """Events of Messages and Responses streams: ``event:`` is each object's ``type``."""
    return [b"event: %s\ndata: %s\n\n" % (o["type"].encode(), orjson.dumps(o)) for o in objects]


def stream(parts: Sequence[Step], **options: Any) -> Reply:
    """A 200 with an event stream of these parts."""
    return Reply(parts=parts, headers=[("Content-Type", "text/event-stream")], **options)


def chat_events(
    pieces: Sequence[str], *, model: str = "model-1", usage: Mapping[str, int] | None = None, finish: str = "stop"
) -> list[bytes]:
    """The events of a chat-completions stream that says ``pieces``."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    chunks = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces)]
    chunks.append(chunk({}, finish))
    if usage is not None:
        chunks.append({**base, "choices": [], "usage": usage})
    return sse(*chunks)


def chat_stream(
    pieces: Sequence[str], *, delay_s: float = 0.0, model: str = "model-1", usage: Mapping[str, int] | None = None
) -> Reply:
    """A chat-completions stream that says ``pieces``, each event after ``delay_s``."""
    events = chat_events(pieces, model=model, usage=usage)
    if not delay_s:
        return stream(events)
    return stream(list(itertools.chain.from_iterable((Delay(delay_s), event) for event in events)))


def json_reply(value: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """A plain JSON answer with a Content-Length."""
    all_headers = [("Content-Type", "application/json"), *headers]
    return Reply(parts=[orjson.dumps(value)], status=status, headers=all_headers, framing="length")


def chat_body(text: str, *, model: str = "model-1", usage: Mapping[str, int] | None = None) -> Reply:
    """A plain chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = usage or {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    return json_reply({**body, "choices": [choice], "usage": usage})


def ShortError(status: int, body: Any = None, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """An error answer: JSON of ``body`` (OpenAI's shape by default), or bytes as they are (HTML, nothing at all)."""
    if isinstance(body, bytes):
        return Reply(parts=[body], status=status, headers=headers, framing="length")
    default = {"error": {"message": f"error {status}", "type": "upstream", "code": None}}
    return json_reply(default if body is None else body, status, headers)


def CutAfter(size: int, reply: Reply, end: Step | None = None) -> Reply:
    """``reply``'s body as far as its first ``size`` bytes, then ``Cut`` (or another end)."""
    return Reply(
        parts=[reply.body()[:size], end or Cut()],
        status=reply.status,
        headers=reply.headers,
        framing=reply.framing,
        length=len(reply.body()),
    )
