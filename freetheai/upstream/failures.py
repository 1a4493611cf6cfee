"""libcurl's error numbers to the kinds of failure that the rest of the house knows.

Meanings: https://curl.se/libcurl/c/libcurl-errors.html
"""

from typing import Final

import pycurl

from freetheai.wire.events import FailureKind, FailurePhase

# HTTP/2 ended one stream or the whole connection with an error; older pycurl has no name for the second.
_HTTP2_STREAM: Final = 92
_TOO_LARGE: Final = 100

_KINDS: Final[dict[int, FailureKind]] = {
    # Closed before the answer's own framing was complete: Content-Length short, last chunk missing.
    pycurl.E_PARTIAL_FILE: "cut",
    # Neither status line nor header where one should be; encoded otherwise than announced; HTTP/0.9.
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "malformed",
    pycurl.E_UNSUPPORTED_PROTOCOL: "malformed",
    pycurl.E_BAD_CONTENT_ENCODING: "malformed",
    pycurl.E_FILESIZE_EXCEEDED: "too_large",
    _TOO_LARGE: "too_large",
    pycurl.E_GOT_NOTHING: "reset",
    pycurl.E_SEND_ERROR: "reset",
    pycurl.E_RECV_ERROR: "reset",
    _HTTP2_STREAM: "reset",
}


def failure_kind(errno: int, phase: FailurePhase) -> FailureKind:
    """What libcurl's error ``errno`` means in ``phase``; what it does not name is a broken connection."""
    if errno == pycurl.E_OPERATION_TIMEDOUT:
        # Only the connect time-out is libcurl's, see Transfer._check_deadlines for the others.
        return "timeout"
    if phase == "connect":
        return "refused"
    return _KINDS.get(errno, "reset")
