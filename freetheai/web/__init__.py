"""What the pages are made of: templates, snippets, texts and static files, read once from the package.

Strategy: everything lies beside this module as package data and is read into memory at the start; a static file's
address carries the hash of its bytes, so browsers may keep it for a year and still see a change at once.

Rules:
- templates escape what they are given, except `.txt` ones; snippets do not, since they are no HTML: whoever shows one
  in a page escapes the whole;
- no file here names a community, a host or a model: those come in as values;
- a template is compiled when it is first used; ``compile_all`` finds mistakes before.
"""

import functools
import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from tornado.template import DictLoader, Template

STATIC_PREFIX: Final = "static"
# Not every system's table knows them.
_TYPES: Final = {
    ".svg": "image/svg+xml",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".webp": "image/webp",
}
_COMPRESSED: Final = (".svg", ".js", ".css")


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file: its address under ``STATIC_PREFIX``, its bytes, the same compressed (or None), and its type."""

    path: str
    body: bytes
    compressed: bytes | None
    content_type: str
    etag: str


def make_asset(name: str, body: bytes) -> Asset:
    """A static file called ``name`` with these bytes."""
    ending = name[name.rfind(".") :].lower()
    digest = hashlib.sha256(body).hexdigest()[:16]
    return Asset(
        path=f"/{STATIC_PREFIX}/{digest}/{name}",
        body=body,
        compressed=gzip.compress(body, 9, mtime=0) if ending in _COMPRESSED else None,
        content_type=_TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream",
        etag=f'"{digest}"',
    )


class Web:
    """Templates, snippets, texts and static files by name."""

    def __init__(self) -> None:
        root = files(__package__)
        self.assets = {name: make_asset(name, file.read_bytes()) for name, file in _walk(root / "static")}
        self._texts = {name: file.read_text("utf-8") for name, file in _walk(root / "texts")}
        self._templates = DictLoader(
            {name: file.read_text("utf-8") for name, file in _walk(root / "templates")}, autoescape="xhtml_escape"
        )
        self._snippets = {
            # The ending keeps tools from taking them for code of this project.
            name.removesuffix(".tpl"): Template(file.read_text("utf-8"), name=name, autoescape=None, whitespace="all")
            for name, file in _walk(root / "snippets")
        }

    @property
    def snippet_names(self) -> list[str]:
        """Every snippet there is."""
        return sorted(self._snippets)

    def render(self, name: str, **values: Any) -> str:
        """A template filled with ``values``."""
        return self._templates.load(name).generate(**values).decode()

    def snippet(self, name: str, **values: Any) -> str:
        """A snippet filled with ``values``: code, not HTML."""
        return self._snippets[name].generate(**values).decode().strip("\n")

    def text(self, name: str) -> str:
        """A text that operators may replace: HTML with `{{ name }}` where a value goes in."""
        return self._texts[name]

    def compile_all(self) -> int:
        """Compile every template; returns how many there are. Raises Tornado's ``ParseError`` for a broken one."""
        names = [*self._templates.dict]
        for name in names:
            self._templates.load(name)
        return len(names)


@functools.cache
def load_web() -> Web:
    """The package's files; read once a process."""
    return Web()


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif not entry.name.startswith("."):
            yield prefix + entry.name, entry
