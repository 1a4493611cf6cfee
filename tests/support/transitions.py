"""Failures of a provider at every phase, as parts a scripted one plays, and what a member must see of each.

A ``Fault`` is one way to fail; ``parts`` makes it in an upstream format, streamed or plain. Every error text holds a
secret and a host, which neither an answer nor the log may show.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from fakes.upstream import (
    Cut,
    CutAfter,
    Delay,
    Reply,
    Reset,
    ShortError,
    Silent,
    chat_body,
    chat_events,
    json_reply,
    named_sse,
    sse,
    stream,
)
from support import responses_streams as responses

SECRET = "sk-upstream-secret-0123456789abcdef"
HOST = "node-7.vendor.internal"
WORDS = f"it failed at https://{HOST}/v1 with key {SECRET}"
OUTPUT = "main-output"

Phase = Literal["connect", "head", "status", "error body", "first event", "midway", "after the end"]


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A good answer in one upstream format, in the pieces that matter here."""

    opening: Sequence[bytes]
    output: Sequence[bytes]
    end: Sequence[bytes]
    error: Sequence[bytes]
    plain: Reply
    plain_error: Any


def _chat() -> Spoken:
    first, output, *end = chat_events([OUTPUT])
    error = {"error": {"message": WORDS, "type": "server_error", "code": None}}
    return Spoken(
        opening=[first],
        output=[output],
        end=end,
        error=sse(error, done=False),
        plain=chat_body(OUTPUT),
        plain_error=error,
    )


def _messages() -> Spoken:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    usage = {"input_tokens": 3, "output_tokens": 2}
    block = {"type": "text", "text": OUTPUT}
    opening = named_sse(
        {"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "usage": usage}},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    )
    delta = {"type": "text_delta", "text": OUTPUT}
    output = named_sse({"type": "content_block_delta", "index": 0, "delta": delta})
    end = named_sse(
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    )
    error = {"type": "error", "error": {"type": "api_error", "message": WORDS}}
    return Spoken(
        opening=opening,
        output=output,
        end=end,
        error=named_sse(error),
        plain=json_reply({**head, "content": [block], "stop_reason": "end_turn", "usage": usage}),
        plain_error=error,
    )


def _responses() -> Spoken:
    events = [*responses.begin(), *responses.message_events(0, [OUTPUT]), responses.end(responses.message(OUTPUT))]
    wire = responses.stream(events).split(b"\n\n")
    frames = [frame + b"\n\n" for frame in wire if frame.strip()]
    said = next(number for number, frame in enumerate(frames) if OUTPUT.encode() in frame)
    error = {"type": "error", "code": "server_error", "message": WORDS, "param": None, "sequence_number": said}
    return Spoken(
        opening=frames[:said],
        output=frames[said : said + 1],
        end=frames[said + 1 :],
        error=named_sse(error),
        plain=json_reply(responses.response([responses.message(OUTPUT)])),
        plain_error={"error": {"message": WORDS, "type": "server_error", "code": "server_error", "param": None}},
    )


SPOKEN: dict[str, Spoken] = {"chat": _chat(), "messages": _messages(), "responses": _responses()}

Parts = Callable[[Spoken, bool], Any]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """``status`` and ``type`` are the member's, 200 and "" where nothing failed for them. ``retried``: a second route
    is asked while nothing went out. ``is_sick``: it counts against the provider's health.
    """

    name: str
    phase: Phase
    parts: Parts | None
    status: int
    type: str
    begins: str = ""
    retried: bool = True
    is_sick: bool = True
    retry_after: tuple[int, int] | None = None
    has_id: bool = True
    # Streams only, or plain answers only.
    only: Literal["", "streamed", "plain"] = ""
    adapter: str = ""


UNAVAILABLE = "Provider is temporarily unavailable."
FAILED = "Provider failed unexpectedly."
SLOW = "Provider took too long."
LIMITED = "You hit a rate limit, daily cap, or cooldown."
REJECTED = "provider rejected the request payload"


def _error(status: int, error_type: str, begins: str, **more: Any) -> Fault:
    """An answer with a bad status."""
    headers = more.pop("headers", ())
    message = more.pop("message", WORDS)
    upstream = more.pop("upstream")
    body = {"error": {"message": message, "type": "upstream_error", "code": None}}
    name = more.pop("name", str(upstream))
    defaults: dict[str, Any] = {"phase": "status", "parts": lambda spoken, wants: ShortError(upstream, body, headers)}
    return Fault(name=name, status=status, type=error_type, begins=begins, **{**defaults, **more})


def _streamed(steps: Callable[[Spoken], Sequence[Any]], plain: Callable[[Spoken], Any]) -> Parts:
    return lambda spoken, wants: stream(list(steps(spoken))) if wants else plain(spoken)


def _half(end: Any) -> Callable[[Spoken], Reply]:
    return lambda spoken: CutAfter(len(spoken.plain.body()) // 2, spoken.plain, end)


BROKEN: dict[str, Any] = {"status": 502, "type": "provider_error", "begins": FAILED}
TIMED_OUT: dict[str, Any] = {"status": 504, "type": "provider_timeout", "begins": SLOW}
FINE: dict[str, Any] = {"status": 200, "type": "", "retried": False, "is_sick": False}
MEMBERS: dict[str, Any] = {"retried": False, "is_sick": False}

FAULTS = [
    Fault(name="nobody there", phase="connect", parts=None, status=503, type="provider_unavailable", begins=UNAVAILABLE,
          retry_after=(1, 30)),
    Fault(name="reset", phase="head", parts=lambda *_: Reset(), **BROKEN),
    Fault(name="closed", phase="head", parts=lambda *_: Cut(), **BROKEN),
    Fault(name="silence", phase="head", parts=lambda *_: Silent(), **TIMED_OUT),
    Fault(name="no HTTP", phase="head", parts=lambda *_: Reply(parts=[b"SSH-2.0-x\r\n\r\n"], framing="raw"), **BROKEN),
    Fault(name="half a head", phase="head",
          parts=lambda *_: Reply(parts=[b"HTTP/1.1 200 OK\r\nContent-Ty", Cut()], framing="raw"), **BROKEN),
    _error(400, "invalid_request_error", REJECTED, upstream=400, **MEMBERS),
    _error(400, "invalid_request_error", REJECTED, upstream=422, **MEMBERS),
    _error(400, "context_length_exceeded", "prompt is too long: 213462 tokens > 200000 maximum", upstream=400,
           name="400 too long", message="prompt is too long: 213462 tokens > 200000 maximum", has_id=False, **MEMBERS),
    _error(400, "context_length_exceeded", "prompt is too long", upstream=413, has_id=False, **MEMBERS),
    _error(400, "content_policy_violation", "The request was blocked", upstream=400, name="400 policy", has_id=False,
           message="content exists risk", **MEMBERS),
    _error(503, "provider_unavailable", UNAVAILABLE, upstream=401, retry_after=(3600, 3600)),
    _error(503, "provider_unavailable", UNAVAILABLE, upstream=402, retry_after=(3600, 3600)),
    _error(503, "provider_unavailable", UNAVAILABLE, upstream=403, retry_after=(3600, 3600)),
    _error(502, "provider_error", FAILED, upstream=404),
    _error(504, "provider_timeout", SLOW, upstream=408),
    _error(429, "rate_limit_error", LIMITED, upstream=429, retry_after=(1, 30), has_id=False),
    _error(429, "rate_limit_error", LIMITED, upstream=429, name="429 in 6.2 s", retry_after=(7, 7), has_id=False,
           headers=[("Retry-After", "6.2")]),
    _error(429, "rate_limit_error", LIMITED, upstream=429, name="429 at once", retry_after=(1, 1), has_id=False,
           headers=[("Retry-After", "0")]),
    _error(429, "rate_limit_error", LIMITED, upstream=429, name="429 by its reset header", retry_after=(361, 361),
           has_id=False,
           headers=[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0.4s")]),
    _error(502, "provider_error", FAILED, upstream=500),
    _error(503, "provider_unavailable", UNAVAILABLE, upstream=502, retry_after=(1, 30)),
    _error(503, "provider_unavailable", UNAVAILABLE, upstream=503, retry_after=(1, 30)),
    _error(503, "provider_unavailable", UNAVAILABLE, upstream=503, name="503 in 90 s", retry_after=(90, 90),
           headers=[("Retry-After", "90")]),
    _error(503, "provider_unavailable", UNAVAILABLE, upstream=529, retry_after=(1, 30)),
    _error(504, "provider_timeout", SLOW, upstream=504),
    _error(502, "provider_error", FAILED, upstream=302, name="302 elsewhere",
           headers=[("Location", f"https://{HOST}/")]),
    Fault(name="a page with 503", phase="error body", status=503, type="provider_unavailable", begins=UNAVAILABLE,
          parts=lambda *_: ShortError(503, f"<html><title>{HOST} down</title></html>".encode())),
    Fault(name="nothing with 500", phase="error body", parts=lambda *_: ShortError(500, b""), **BROKEN),
    Fault(name="a 429 that is cut", phase="error body", status=429, type="rate_limit_error", begins=LIMITED,
          has_id=False, parts=lambda *_: CutAfter(9, ShortError(429))),
    Fault(name="a 500 that is reset", phase="error body", parts=lambda *_: CutAfter(9, ShortError(500), Reset()),
          **BROKEN),
    Fault(name="nothing", phase="first event", parts=_streamed(lambda _: [], lambda _: ShortError(200, b"")), **BROKEN),
    Fault(name="a page", phase="first event",
          parts=lambda *_: Reply(parts=[b"<html>hello</html>"], headers=[("Content-Type", "text/html")]), **BROKEN),
    Fault(name="an error in a 200", phase="first event", **BROKEN,
          parts=_streamed(lambda spoken: spoken.error, lambda spoken: json_reply(spoken.plain_error))),
    Fault(name="opened, then an error", phase="first event", only="streamed", **BROKEN,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.error], lambda spoken: spoken.plain)),
    Fault(name="opened, then closed", phase="first event", only="streamed", **BROKEN,
          parts=_streamed(lambda spoken: [*spoken.opening, Cut()], lambda spoken: spoken.plain)),
    Fault(name="opened, then reset", phase="first event", only="streamed", **BROKEN,
          parts=_streamed(lambda spoken: [*spoken.opening, Delay(0.05), Reset()], lambda spoken: spoken.plain)),
    Fault(name="opened, then silent", phase="first event", only="streamed", **TIMED_OUT,
          parts=_streamed(lambda spoken: [*spoken.opening, Silent()], lambda spoken: spoken.plain)),
    Fault(name="opened, then whole", phase="first event", only="streamed", **BROKEN,
          parts=_streamed(lambda spoken: spoken.opening, lambda spoken: spoken.plain)),
    Fault(name="closed", phase="midway", **BROKEN,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, Delay(0.05), Cut()], _half(Cut()))),
    Fault(name="reset", phase="midway", **BROKEN,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, Delay(0.05), Reset()], _half(Reset()))),
    Fault(name="silent", phase="midway", **TIMED_OUT,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, Silent()], _half(Silent()))),
    Fault(name="an error", phase="midway", only="streamed", **BROKEN,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, *spoken.error],
                          lambda spoken: spoken.plain)),
    Fault(name="whole without an end", phase="midway", only="streamed", **BROKEN,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output], lambda spoken: spoken.plain)),
    Fault(name="reset", phase="after the end", **FINE,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, *spoken.end, Reset()],
                          lambda spoken: replace(spoken.plain, then_close=True))),
    Fault(name="silent", phase="after the end", only="streamed", **FINE,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, *spoken.end, Silent()],
                          lambda spoken: spoken.plain)),
    Fault(name="an error", phase="after the end", only="streamed", **FINE,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, *spoken.end, *spoken.error],
                          lambda spoken: spoken.plain)),
    Fault(name="closed", phase="after the end", **FINE,
          parts=_streamed(lambda spoken: [*spoken.opening, *spoken.output, *spoken.end, Cut()],
                          lambda spoken: replace(spoken.plain, then_close=True))),
]  # fmt: skip


def error_of(body: bytes) -> dict[str, Any]:
    """The error that ends a stream, which must be followed by the end marker and nothing else."""
    done = b"data: [DONE]\n\n"
    assert body.endswith(done), body[-300:]
    assert body.count(done) == 1, body
    *_, last = body.removesuffix(done).rstrip(b"\n").split(b"\n\n")
    error: dict[str, Any] = orjson.loads(last.partition(b"data: ")[2])["error"]
    return error
