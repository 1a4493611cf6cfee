r"""Forms as browsers and SDKs post them (``multipart/form-data``): read piece by piece, written as pieces.

Strategy: what arrives is searched for the boundary only where it is new; a part's content stays in the pieces it came
in, so a file of megabytes is never joined or copied. Written, a form is the same pieces with heads between them.

Rules:
- order, names, file names, types and contents are kept exactly; no other header of a part is;
- a part with a file name is a file, whatever its name; all others are text;
- bounds: how many parts, how long a part's head, how much text in all; what exceeds one is a ``FormError``;
- a form without its closing boundary is a ``FormError``: it was cut.

Format: RFC 7578, RFC 2046 section 5.1.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

MAX_PARTS: Final = 200
MAX_HEAD_BYTES: Final = 16 * 1024
MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
# Pieces are put together up to this: each costs some fifty bytes beside its content, and may be a single byte.
SMALL_BYTES: Final = 4096
# RFC 2046 allows 70; some clients don't know.
_MAX_BOUNDARY_CHARS: Final = 200

_PARAMETER: Final = re.compile(r';\s*([\w*!#$&+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))', re.ASCII)


class FormError(Exception):
    """It is no form that can be read; the text says what is wrong, for the client."""


@dataclass(slots=True, kw_only=True)
class FormPart:
    """One part. ``filename`` is None for text; ``content_type`` "" where it named none; ``pieces`` are its bytes."""

    name: str
    filename: str | None = None
    content_type: str = ""
    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def data(self) -> bytes:
        """The content as one piece: a copy where it came in several."""
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    @property
    def text(self) -> str:
        """The content of a part that is no file."""
        return self.data.decode("utf-8", "replace")


def text_part(name: str, text: str) -> FormPart:
    """A part of text."""
    data = text.encode("utf-8", "replace")
    return FormPart(name=name, pieces=[data], size_bytes=len(data))


def fields_of(parts: Iterable[FormPart]) -> dict[str, Any]:
    """The texts by name; a name that ends in ``[]``, or comes more than once, holds a list."""
    fields: dict[str, Any] = {}
    for part in parts:
        if part.filename is not None:
            continue
        if part.name in fields:
            known = fields[part.name]
            fields[part.name] = [*known, part.text] if isinstance(known, list) else [known, part.text]
        else:
            fields[part.name] = [part.text] if part.name.endswith("[]") else part.text
    return fields


def boundary_of(content_type: str) -> str:
    """The boundary that a form's content type names.

    Raises:
        FormError: it is another type, or names none.
    """
    if not is_form(content_type):
        raise FormError("the content type must be multipart/form-data")
    boundary = _parameters(content_type).get("boundary", "")
    if not boundary or len(boundary) > _MAX_BOUNDARY_CHARS or not boundary.isascii():
        raise FormError("the content type names no boundary")
    return boundary


def is_form(content_type: str) -> bool:
    """Whether a content type says that the body is a form."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def write_form(parts: Sequence[FormPart], boundary: str) -> list[bytes]:
    """The pieces of the body that holds ``parts``; ``boundary`` must occur in none of them (a long random one)."""
    pieces: list[bytes] = []
    for part in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"'
        if part.filename is not None:
            head += f'; filename="{_quoted(part.filename)}"'
        if part.content_type:
            head += f"\r\nContent-Type: {part.content_type}"
        pieces += [f"{head}\r\n\r\n".encode("utf-8", "surrogateescape"), *part.pieces, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return pieces


class FormReader:
    """Bytes in, parts out. One a body; ``feed`` all of it, then ask ``close`` for the parts."""

    __slots__ = (
        "_delimiter",
        "_is_at_start",
        "_is_closed",
        "_is_in_head",
        "_part",
        "_parts",
        "_text_bytes",
        "_waiting",
    )

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("ascii", "replace")
        # As if a line had ended before: then the first boundary is like all others.
        self._waiting = b"\r\n"
        self._parts: list[FormPart] = []
        self._part: FormPart | None = None
        self._is_in_head = False
        self._is_at_start = False
        self._is_closed = False
        self._text_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take one piece.

        Raises:
            FormError: it can't be read, or exceeds a bound; the reader is of no more use.
        """
        if self._is_closed:
            return  # What follows the closing boundary means nothing.
        self._waiting = self._waiting + data if self._waiting else data
        while not self._is_closed and (self._read_head() if self._is_in_head else self._read_content()):
            pass

    def close(self) -> list[FormPart]:
        """All parts, in their order.

        Raises:
            FormError: the form has no end, or no part.
        """
        if not self._is_closed:
            raise FormError("it ends before its closing boundary")
        if not self._parts:
            raise FormError("it has no parts")
        return self._parts

    def _read_content(self) -> bool:
        """Take what belongs to the open part (or stands before the first); True at its end."""
        waiting, delimiter = self._waiting, self._delimiter
        if self._is_at_start:
            if len(waiting) < len(delimiter) and delimiter.startswith(waiting):
                return False
            self._is_at_start = False
            if not waiting.startswith(delimiter):
                waiting = waiting[2:]
        at = waiting.find(delimiter)
        if at < 0:
            # The beginning of a boundary may be the last that has come.
            keep = min(len(waiting), len(delimiter) - 1)
            start = waiting.rfind(b"\r", len(waiting) - keep)
            end = start if start >= 0 else len(waiting)
            self._add(waiting[:end])
            self._waiting = waiting[end:]
            return False
        after = at + len(delimiter)
        if len(waiting) < after + 2:
            self._add(waiting[:at])
            self._waiting = waiting[at:]
            return False
        self._add(waiting[:at])
        self._end_part(waiting[after : after + 2] == b"--")
        self._waiting = b"" if self._is_closed else waiting[after:]
        return not self._is_closed

    def _end_part(self, is_last: bool) -> None:
        self._part = None
        self._is_closed = is_last
        self._is_in_head = not is_last

    def _read_head(self) -> bool:
        """Open the next part if its head has come whole."""
        waiting = self._waiting
        end = waiting.find(b"\r\n\r\n")
        if (end if end >= 0 else len(waiting)) > MAX_HEAD_BYTES:
            raise FormError("a part's head is too long")
        if end < 0:
            return False
        if waiting[:2] != b"\r\n" and waiting[: waiting.find(b"\r\n")].strip(b" \t"):
            raise FormError("a boundary is followed by something else than a line end")
        if len(self._parts) >= MAX_PARTS:
            raise FormError(f"it has more than {MAX_PARTS} parts")
        self._part = _part_of(waiting[:end].decode("utf-8", "surrogateescape"))
        self._parts.append(self._part)
        # The line end that closes the head may be a boundary's already: that of a part without any content.
        self._waiting = waiting[end + 2 :]
        self._is_in_head = False
        self._is_at_start = True
        return True

    def _add(self, data: bytes) -> None:
        part = self._part
        if part is None or not data:
            return
        if part.pieces and len(part.pieces[-1]) + len(data) <= SMALL_BYTES:
            part.pieces[-1] += data
        else:
            part.pieces.append(data)
        part.size_bytes += len(data)
        if part.filename is None:
            self._text_bytes += len(data)
            if self._text_bytes > MAX_TEXT_BYTES:
                raise FormError(f"its texts are longer than {MAX_TEXT_BYTES} bytes")


def _part_of(head: str) -> FormPart:
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in _lines(head))}
    disposition = headers.get("content-disposition", "")
    parameters = _parameters(disposition)
    if disposition.partition(";")[0].strip().lower() != "form-data" or "name" not in parameters:
        raise FormError("a part has no name")
    content_type = headers.get("content-type", "")
    return FormPart(
        name=parameters["name"],
        filename=_filename(parameters),
        content_type=content_type if content_type.isascii() and content_type.isprintable() else "",
    )


def _filename(parameters: dict[str, str]) -> str | None:
    """The file's name; some clients write it in RFC 5987's way when it is not ASCII."""
    if "filename" in parameters or "filename*" not in parameters:
        return parameters.get("filename")
    charset, _, rest = parameters["filename*"].partition("'")
    try:
        return unquote(rest.partition("'")[2], encoding=charset or "utf-8", errors="replace")
    except LookupError:
        return unquote(rest.partition("'")[2], errors="replace")


def _lines(head: str) -> list[str]:
    return [line for line in re.sub(r"\r\n[ \t]+", " ", head).split("\r\n") if line]


def _parameters(value: str) -> dict[str, str]:
    """The parameters of a header; of what browsers escape, only the backslash and the quote are known here."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value):
        found.setdefault(name.lower(), re.sub(r'\\(["\\])', r"\1", quoted) if quoted else plain)
    return found


def _quoted(text: str) -> str:
    # As browsers write it (WHATWG): no line may end and no quote close within.
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
