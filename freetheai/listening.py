"""The public port: opened by us or handed to us, shared with other processes, and closed without a reset.

A listening socket that closes resets the connections which the kernel has accepted for it and nobody has taken yet.
So the way out has steps: refuse new connections silently (their first packet is dropped, the client sends it again a
second later, and finds whoever listens by then), take what waits, close, answer what was taken, say goodbye to idle
connections and wait for them to go.

Where sockets come from:
- handed over, as systemd does (``LISTEN_FDS``) or supervisor's ``fcgi-program`` (file descriptor 0): one queue for all
  processes that hold it. Who drains leaves the queue to the others, or to the next process;
- ``[server] reuse_port``: a socket and a queue for each process, the kernel spreads connections over them. Who drains
  leaves at once where others listen;
- else ours alone: while draining it stays open, and refuses in words.
"""

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets

from freetheai.python_child import is_frozen

_BACKLOG: Final = 1024
# sd_listen_fds(3): the first descriptor that is handed over.
_FIRST_HANDED: Final = 3
_SO_ATTACH_FILTER: Final = 26
# A packet filter (bpf(4), classic) over the TCP header: byte 13 holds the flags. SYN without ACK is dropped, all else
# passes: (code, jump if true, jump if false, operand).
_DROP_NEW: Final = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)
_LISTENING: Final = "0A"  # the state in /proc/net/tcp
# Seconds: for those who had connected before we left to ask; for handshakes that are under way to end; for what was
# taken last to be answered; for idle clients to go.
_LATECOMERS_S: Final = 0.5
_BUSY_LOOP_S: Final = 2.0
_HANDSHAKES_S: Final = 0.05
_ANSWERS_S: Final = 0.5
_GOODBYE_S: Final = 0.3
_LOOK_EVERY_S: Final = 0.01


class CannotListen(Exception):
    """The port can't be opened: where and why, in one line."""


class Door:
    """The way in to ``server``, through ``sockets``, and the way out."""

    def __init__(
        self,
        server: HTTPServer,
        sockets: list[socket.socket],
        *,
        is_handed: bool = False,
        is_reused: bool = False,
        idle_streams: Callable[[], list[IOStream]] = list,
    ) -> None:
        """``is_handed``: the sockets are others' too; ``is_reused``: others may have sockets of their own;
        ``idle_streams``: the connections on which nothing is asked just now.
        """
        self._server = server
        self._sockets = sockets
        self._idle_streams = idle_streams
        self._is_handed = is_handed
        self._is_reused = is_reused
        self._is_open = True
        server.add_sockets(sockets)

    @property
    def port(self) -> int:
        """Where it is; of several addresses the first one's."""
        return int(self._sockets[0].getsockname()[1])

    async def begin_drain(self) -> None:
        """Each connection ends with its next answer. Where others accept in our place we accept no more, and return
        when those who had just connected have had time to ask: they may still be served. Who keeps a connection for
        later is told to take another.
        """
        self._server.conn_params.no_keep_alive = True
        if self._is_handed or (self._is_reused and others_listen(self._sockets)):
            await self.close()
            await asyncio.sleep(_LATECOMERS_S)
            # A busy loop has not got to what has come meanwhile.
            await _while(lambda: any(map(_is_busy, self._idle_streams())), _BUSY_LOOP_S)
            _half_close(self._idle_streams())

    async def close(self) -> None:
        """Listen no longer, without a reset for anyone who has connected or is about to. Twice does no harm."""
        if not self._is_open:
            return
        self._is_open = False
        if not self._is_handed:  # else what waits is for whoever else holds the sockets
            for one in self._sockets:
                drop_new_connections(one)
            # The server goes on accepting meanwhile; what a busy loop has not got to is taken below.
            await asyncio.sleep(_HANDSHAKES_S)
            for one in self._sockets:
                self._take_all(one)
        self._server.stop()

    async def say_goodbye(self) -> None:
        """Wait for the last answers, then close what is idle so that no client is reset in the middle of asking."""
        await _while(lambda: any(map(_is_busy, self._streams())), _ANSWERS_S)
        _half_close(self._streams())
        await _while(lambda: bool(self._streams()), _GOODBYE_S)
        await self._server.close_all_connections()

    def _take_all(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except ConnectionAbortedError:
                continue  # that client has gone meanwhile
            except OSError:
                return  # nobody waits, or there is no room for anyone
            connection.setblocking(False)
            self._server._handle_connection(connection, address)

    def _streams(self) -> list[IOStream]:
        # Tornado has no public way to them; the pinned version is what the tests run with.
        return [connection.stream for connection in self._server._connections if not connection.stream.closed()]


def _half_close(streams: list[IOStream]) -> None:
    """Say that nothing more will come; what the other side has on its way is still read, so it is not reset."""
    for stream in streams:
        with contextlib.suppress(OSError):
            stream.socket.shutdown(socket.SHUT_WR)


async def _while(holds: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + seconds
    while holds() and loop.time() < give_up_at:  # noqa: ASYNC110 - sockets of others tell nobody
        await asyncio.sleep(_LOOK_EVERY_S)


def open_door(
    server: HTTPServer, host: str, port: int, *, reuse_port: bool, idle_streams: Callable[[], list[IOStream]] = list
) -> Door:
    """Let ``server`` accept on the sockets that were handed to us, else on our own; arguments as ``Door``'s.

    Raises:
        CannotListen: neither can be had.
    """
    try:
        handed = handed_sockets()
    except OSError as error:
        raise CannotListen(str(error)) from error
    sockets = handed or open_sockets(host, port, reuse_port=reuse_port)
    return Door(server, sockets, is_handed=bool(handed), is_reused=reuse_port, idle_streams=idle_streams)


def open_sockets(host: str, port: int, *, reuse_port: bool = False) -> list[socket.socket]:
    """Listening sockets of our own; ``reuse_port``: others of ours may listen there too. Raises CannotListen."""
    try:
        return bind_sockets(port, host, backlog=_BACKLOG, reuse_port=reuse_port)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port} ({error.strerror})") from error


def handed_sockets() -> list[socket.socket]:
    """The listening sockets that whoever started us has handed over; none usually.

    Raises:
        OSError: something was handed over that is no TCP socket.
    """
    count = _count_from_systemd()
    descriptors = range(_FIRST_HANDED, _FIRST_HANDED + count) if count else [0] if _is_listening(0) else []
    sockets = []
    for descriptor in descriptors:
        one = socket.socket(fileno=os.dup(descriptor))
        if one.family not in (socket.AF_INET, socket.AF_INET6) or one.type != socket.SOCK_STREAM:
            raise OSError(f"file descriptor {descriptor} was handed over and is no TCP socket")
        os.set_inheritable(descriptor, False)
        one.setblocking(False)
        sockets.append(one)
    return sockets


def others_listen(sockets: list[socket.socket]) -> bool:
    """Whether another socket listens on the port of these: another process with ``reuse_port``."""
    ports = {f"{one.getsockname()[1]:04X}" for one in sockets}
    ours = {str(os.fstat(one.fileno()).st_ino) for one in sockets}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENING and words[1].rpartition(":")[2] in ports and words[9] not in ours:
                    return True
    return False


def drop_new_connections(listener: socket.socket) -> None:
    """Let ``listener`` ignore who begins to connect; handshakes under way go on. Does nothing but on Linux."""
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_NEW)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, padding, a pointer.
    filter_ = struct.pack("HP", len(_DROP_NEW), ctypes.addressof(code))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)


def _count_from_systemd() -> int:
    count, meant_for = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    # A one-file build is the child of the process that systemd has started.
    processes = {str(os.getpid()), str(os.getppid()) if is_frozen() else ""}
    return int(count) if count.isdecimal() and meant_for in processes else 0


def _is_listening(descriptor: int) -> bool:
    try:
        duplicate = os.dup(descriptor)
    except OSError:
        return False
    try:
        one = socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        return False
    with one:
        return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _is_busy(stream: IOStream) -> bool:
    """Whether something is still to be written, or has come and not been read."""
    if stream.closed():
        return False
    try:
        return stream.writing() or bool(stream.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False
