"""The sockets that libcurl waits for: an epoll set of their own, of which the loop watches one handle.

libcurl takes a connection up and puts it aside with every call. Telling the event loop of it costs a callback object
and two look-ups each time; telling the kernel costs one system call.

Rules:
- the kernel's set is the truth: a number that libcurl has closed without a word, and the system given out again, is
  watched anew;
- a socket that libcurl has put aside while its event was waiting is passed over.
"""

import asyncio
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pycurl

_SEEN_BY: Final = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}
_TROUBLE: Final = select.EPOLLERR | select.EPOLLHUP


class CurlSockets:
    """``act(fd, action)`` is called when a watched socket is ready; ``action`` is made of libcurl's ``CSELECT_*``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Callable[[int, int], None]) -> None:
        self._loop = loop
        self._act = act
        self._epoll = select.epoll()
        self._watched: dict[int, int] = {}
        loop.add_reader(self._epoll.fileno(), self._see)

    def watch(self, fd: int, event: int) -> None:
        """Wait for ``event``, one of libcurl's ``POLL_*``; ``POLL_REMOVE`` is for nothing any more."""
        mask = _SEEN_BY.get(event, 0)
        is_known = self._watched.pop(fd, 0)
        if not mask:
            # It may be closed already: then the kernel has forgotten it.
            with suppress(OSError):
                self._epoll.unregister(fd)
            return
        self._watched[fd] = mask
        try:
            if is_known:
                self._epoll.modify(fd, mask)
            else:
                self._epoll.register(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)
        except FileExistsError:
            self._epoll.modify(fd, mask)

    def close(self) -> None:
        """Watch nothing any more; a second time does nothing."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        self._watched.clear()

    def _see(self) -> None:
        for fd, seen in self._epoll.poll(0):
            mask = self._watched.get(fd, 0)
            if seen & _TROUBLE:
                # Whatever it waits for, it is to find out what the trouble is.
                seen = mask
            action = (pycurl.CSELECT_IN if seen & mask & select.EPOLLIN else 0) | (
                pycurl.CSELECT_OUT if seen & mask & select.EPOLLOUT else 0
            )
            if action:
                self._act(fd, action)
