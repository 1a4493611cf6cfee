"""Keys in what people write: found by prefix and checksum, however the text dresses them.

Strategy: everything a key is not made of is dropped (invisible characters, markdown, spaces, line ends), then each
place where the prefix stands is tried. The checksum decides: one text in four thousand million passes by chance, so
that joining what stood apart finds no keys that are none.

Rules:
- look-alikes of letters (full-width forms) count as the letters they stand for;
- the cost is linear in the text, and what is looked at is bounded.
"""

import re
import unicodedata
from typing import Final

from freetheai import ids

# Discord's longest message has 4000 characters; a forwarded one stands beside it.
MAX_CHARS: Final = 20_000
_KEY_CHARS: Final = 44
_NOT_OF_A_KEY: Final = re.compile(r"[^0-9A-Za-z_]+")
# Markdown around a key, or an underscore more than there is: none is part of one, but for the prefix's own.
_PREFIX: Final = re.compile(rf"{ids.KEY_PREFIX.rstrip('_')}_+", re.ASCII)


def find_keys(text: str) -> list[str]:
    """Every key in ``text`` that can have been issued at all, each once, in order."""
    plain = _NOT_OF_A_KEY.sub("", unicodedata.normalize("NFKC", text[:MAX_CHARS]))
    found: dict[str, None] = {}
    for begin in _PREFIX.finditer(plain):
        body = plain[begin.end() : begin.end() + _KEY_CHARS].replace("_", "")
        key = (ids.KEY_PREFIX + body)[:_KEY_CHARS]
        if ids.has_valid_checksum(key):
            found[key] = None
    return list(found)
