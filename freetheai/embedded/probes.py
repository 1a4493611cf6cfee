"""Ask each service whether it is ready, over its own protocol and without its client library.

A probe opens a connection to 127.0.0.1, asks one small thing and answers whether the service can serve. It does not
raise; how long to wait is the caller's to say.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Final

Probe = Callable[[int], Awaitable[bool]]
_MAX_REPLY: Final = 65_536


async def redis_is_ready(port: int) -> bool:
    """``PING`` is answered with ``PONG``: while it loads its data Redis answers ``-LOADING``."""
    return (await _ask(port, b"PING\r\n")).startswith(b"+PONG")


async def mongod_is_ready(port: int) -> bool:
    """``hello`` is answered by a node that takes writes."""
    return b"\x08isWritablePrimary\x00\x01" in await _ask(port, _hello())


async def llama_is_ready(port: int) -> bool:
    """``GET /health`` is answered with 200: 503 while the model loads."""
    head = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return (await _ask(port, head)).startswith(b"HTTP/1.1 200")


def _hello() -> bytes:
    """The command ``{hello: 1, $db: "admin"}`` as OP_MSG (opcode 2013), MongoDB's wire protocol."""
    fields = b"\x10hello\x00" + struct.pack("<i", 1) + b"\x02$db\x00" + struct.pack("<i", 6) + b"admin\x00"
    document = struct.pack("<i", len(fields) + 5) + fields + b"\x00"
    body = struct.pack("<iB", 0, 0) + document
    return struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body


async def _ask(port: int, question: bytes) -> bytes:
    """The first bytes of the answer; empty if there is none."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(question)
            return await reader.read(_MAX_REPLY)
        finally:
            writer.close()
    except OSError:
        return b""
