"""A visitor of the pages: asks as a browser does, and reads what stands in them."""

import gzip
import html
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import orjson

_SNIPPET = re.compile(r'<code data-snippet="([^"]+)">(.*?)</code>', re.DOTALL)
_SETTING = re.compile(r'<code data-setting="([^"]+)"[^>]*>(.*?)</code>', re.DOTALL)

# What the scripted model says, piece by piece.
WORDS = ["A ", "stream ", "is ", "one ", "answer ", "in ", "many ", "pieces."]
SAID = "".join(WORDS)
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass(frozen=True)
class Visit:
    """One answer. ``headers`` in lower case; the body uncompressed."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return orjson.loads(self.body)

    def snippets(self) -> dict[str, str]:
        """The pieces of code in a page, as they are copied."""
        return {name: html.unescape(code) for name, code in _SNIPPET.findall(self.text)}

    def settings(self) -> dict[str, str]:
        """What a guide says to fill in."""
        return {name: html.unescape(value) for name, value in _SETTING.findall(self.text)}


def visit(url: str, method: str = "GET", accept: str = HTML, **headers: str) -> Visit:
    """Ask for a page; header names have `_` for `-`."""
    request = urllib.request.Request(url, method=method, headers={"Accept": accept})
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        body = answer.read()
        got = {name.lower(): value for name, value in answer.headers.items()}
        if got.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Visit(answer.status, got, body)
