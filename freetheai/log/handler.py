"""Write lines: as JSON for machines, as text for a terminal."""

import functools
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

from freetheai.log.record import RequestRecord, request_line, request_text
from freetheai.log.redaction import MASK, mask_keys
from freetheai.log.traces import trace_of

_OUR_LOGGERS: Final = ("freetheai", "handlers", "adapters", "discord")
# What logging itself puts into a record; everything else there came as `extra`.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Facts whose name says that nobody may read them.
_UNREADABLE: Final = frozenset({"key", "api_key", "token", "password", "authorization", "secret"})
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z

_fallback_logger = logging.getLogger("freetheai.request")


def log_request(record: RequestRecord) -> None:
    """Write the line of a finished request. Never raises."""
    for handler in logging.root.handlers:
        if isinstance(handler, LineHandler):
            handler.write_request(record)
            return
    # Not set up, as in a test: what listens to logging still hears of it.
    _fallback_logger.info("request", extra=request_line(record))


def setup_logging(
    stream: TextIO | None = None, *, now_s: Callable[[], float], is_terminal: bool | None = None
) -> "LineHandler":
    """Send all logging to ``stream`` (default: stderr), as JSON lines unless it is a terminal.

    ``now_s`` gives epoch seconds for the lines of requests. Our own loggers speak from INFO up, others from WARNING.
    """
    target = sys.stderr if stream is None else stream
    handler = LineHandler(target, now_s=now_s, is_readable=target.isatty() if is_terminal is None else is_terminal)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    for name in _OUR_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)
    return handler


class LineHandler(logging.Handler):
    """Writes whole lines to one stream. ``lost_lines`` counts those that could not be written."""

    def __init__(self, stream: TextIO, *, now_s: Callable[[], float], is_readable: bool) -> None:
        super().__init__()
        self.lost_lines = 0
        self._stream = stream
        self._now_s = now_s
        self._is_readable = is_readable

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line of a module's logger (logging calls this with the handler's lock held)."""
        try:
            self._write(_text(record) if self._is_readable else _json(record))
        except Exception:  # whatever a fact's own str() does: a log line never breaks what it tells of
            self.lost_lines += 1

    def write_request(self, record: RequestRecord) -> None:
        """Write the line of one request."""
        try:
            line = request_line(record)
            level = _level_of(record.status)
            self.acquire()
            try:
                if self._is_readable:
                    self._write(f"{_clock(self._now_s())} {level:7} {_printable(request_text(line))}\n")
                else:
                    self._write(_dump({"time": _instant(self._now_s()), "level": level, "event": "request", **line}))
            finally:
                self.release()
        except Exception:  # as above
            self.lost_lines += 1

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError):
            # The reader has gone, or the stream is closed. Serving goes on.
            self.lost_lines += 1


def _level_of(status: int) -> str:
    """500 is our own fault, what is above it a provider's or a dependency's; the rest is everyday life."""
    if status < 500:
        return "info"
    return "error" if status == 500 else "warning"


def _json(record: logging.LogRecord) -> str:
    line = {
        "time": _instant(record.created),
        "level": record.levelname.lower(),
        "event": mask_keys(record.getMessage()),
        "logger": record.name,
        **_facts(record),
    }
    if trace := _trace(record):
        line["trace"] = trace
    return _dump(line)


def _text(record: logging.LogRecord) -> str:
    facts = "".join(f"  {name}={value}" for name, value in _facts(record).items())
    event = _printable(mask_keys(record.getMessage()) + facts)
    trace = "\n".join(map(_printable, _trace(record).split("\n")))
    return f"{_clock(record.created)} {record.levelname.lower():7} {record.name}: {event}\n" + (
        f"{trace}\n" if trace else ""
    )


def _dump(line: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(line, default=str, option=_OPTIONS).decode() + "\n"
    except orjson.JSONEncodeError:
        # A lone surrogate, a number beyond 64 bits: text can always be written.
        plain = {name: str(value).encode("utf-8", "replace").decode() for name, value in line.items()}
        return orjson.dumps(plain).decode() + "\n"


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: _fact(name, value) for name, value in vars(record).items() if name not in _STANDARD}


def _fact(name: str, value: Any) -> Any:
    if name in _UNREADABLE:
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    # A list or an object may hold a key anywhere, so it is searched as a whole, as text.
    return mask_keys(value if isinstance(value, str) else _as_text(value))


def _as_text(value: object) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return str(value)


def _trace(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return mask_keys(trace_of(record.exc_info[1]))


def _instant(at_s: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    at_ms = int(at_s * 1000)
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@functools.lru_cache(maxsize=4)
def _second(at_s: int) -> str:
    """RFC 3339 in UTC, whole seconds, without its zone; worked out once a second."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _clock(at_s: float) -> str:
    """Time of day in UTC: a person at a terminal knows the date."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
