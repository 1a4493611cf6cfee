"""What a provider of audio sends, and what was posted to it, read by another parser than ours."""

import base64
import email.parser
import email.policy
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fakes.replies import Reply, Step, json_reply
from fakes.upstream import Request


@dataclass
class Part:
    """One part of a form."""

    name: str
    filename: str | None
    content_type: str
    data: bytes


def form_of(request: Request) -> list[Part]:
    """The parts of a posted form, in their order; asserts that it is one, with a right length."""
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert int(request.headers["content-length"]) == len(request.body)
    head = b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n"
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    assert form.is_multipart()
    assert not form.defects, form.defects
    parts = []
    for part in form.iter_parts():
        assert part.get_content_disposition() == "form-data"
        named = part["Content-Disposition"].params
        has_type = part.get("Content-Type") is not None
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        parts.append(Part(str(named["name"]), named.get("filename"), part.get_content_type() if has_type else "", data))
    return parts


def texts_of(request: Request) -> dict[str, str]:
    """The texts of a posted form by name; the last wins."""
    return {part.name: part.data.decode() for part in form_of(request) if part.filename is None}


def audio(pieces: Sequence[Step], content_type: str = "audio/mpeg", **options: Any) -> Reply:
    """A 200 whose body is these pieces."""
    return Reply(parts=pieces, headers=[("Content-Type", content_type)], **options)


def wav(samples: bytes, *, extra: bytes = b"") -> bytes:
    """A WAV file of 24 kHz, 16 bits, mono; ``extra`` stands in a chunk before the samples."""
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 24000, 48000, 2, 16)
    if extra:
        head += b"LIST" + struct.pack("<I", len(extra)) + extra + b"\0" * (len(extra) % 2)
    body = b"WAVE" + head + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chat_audio(data: bytes, **message: Any) -> Reply:
    """A plain chat completion that speaks."""
    spoken = {"id": "audio-1", "transcript": 'say "audio": {"data": "no"}', "data": base64.b64encode(data).decode()}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "", **message, "audio": spoken},
            }
        ],
        "usage": {"prompt_tokens": 21, "completion_tokens": 34, "total_tokens": 55},
    }
    return json_reply(body)
