"""A client with its own socket: reads slowly, leaves early, keeps exactly what was sent. For streams."""

import socket
import struct
import time
from typing import Any, Self

import orjson


class RawClient:
    """One HTTP/1.1 request on one connection. Bytes are decoded from chunked framing as they come."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.is_complete = False
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def __del__(self) -> None:
        self.socket.close()

    def post(self, path: str, body: Any, key: str, headers: dict[str, str] | None = None) -> Self:
        payload = body if isinstance(body, bytes) else orjson.dumps(body)
        lines = [f"POST {path} HTTP/1.1", "Host: gateway", f"Content-Length: {len(payload)}"]
        if key:
            lines.append(f"Authorization: Bearer {key}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + payload)
        return self

    def read_head(self) -> Self:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._buffer = bytearray(rest)
        return self

    def read_until(self, wanted: bytes, timeout_s: float = 15.0) -> bytes:
        """Read on until ``wanted`` has come; all of the body so far."""
        deadline_s = time.monotonic() + timeout_s
        while wanted not in self.body:
            assert time.monotonic() < deadline_s, f"never came: {wanted!r} in {bytes(self.body[-500:])!r}"
            assert not self.is_complete, f"the answer ended without {wanted!r}: {bytes(self.body[-500:])!r}"
            self._read_chunk()
        return bytes(self.body)

    def read_all(self) -> bytes:
        """The whole body, to its proper end."""
        if "content-length" in self.headers:
            while len(self._buffer) < int(self.headers["content-length"]):
                self._more()
            self.body += self._buffer
            self.is_complete = True
        while not self.is_complete:
            self._read_chunk()
        return bytes(self.body)

    def reset(self) -> None:
        """Leave without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _read_chunk(self) -> None:
        while b"\r\n" not in self._buffer:
            self._more()
        size_text, _, _ = bytes(self._buffer).partition(b"\r\n")
        size = int(size_text, 16)
        whole = len(size_text) + 2 + size + 2
        while len(self._buffer) < whole:
            self._more()
        self.body += self._buffer[len(size_text) + 2 : whole - 2]
        del self._buffer[:whole]
        self.is_complete = size == 0

    def _more(self) -> None:
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError(f"closed by the gateway after {bytes(self.body[-300:])!r}")
        self._buffer += data
