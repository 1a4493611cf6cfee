"""Links that an answer cites, between the shapes that formats have for them.

Rules:
- only links to the web are carried, with an address that a browser would open; what cites a document or a file by its
  place in the request means nothing outside of it;
- a place counts characters: of all the answer's text where formats are translated, of their own text in the formats;
  one that nobody knows, or that lies elsewhere, is the whole block;
- a link without a title is shown by its address, for formats that demand one.
"""

from typing import Any, Final

from freetheai.wire.events import Citation, Citations

# More links than any answer cites: a broken upstream.
MAX_CITATIONS: Final = 1024


def citation_of(value: Any, *, in_block: bool = False) -> Citation | None:
    """A `url_citation` as Chat Completions (its object may be missing: MiMo) and Responses have it; None for others."""
    if not isinstance(value, dict) or value.get("type") not in ("url_citation", None):
        return None
    inner = value.get("url_citation")
    link: dict[str, Any] = inner if isinstance(inner, dict) else value
    return linked(
        link.get("url"),
        link.get("title"),
        link.get("content") or link.get("summary"),
        (link.get("start_index"), link.get("end_index")),
        in_block=in_block,
    )


def linked(
    url: Any, title: Any = "", quote: Any = "", place: tuple[Any, Any] = (-1, -1), *, in_block: bool = False
) -> Citation | None:
    """A citation of values that may be anything; None where the address is none of the web's."""
    if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
        return None
    start, end = place
    if type(start) is not int or type(end) is not int or not 0 <= start < end:
        start = end = -1
    return Citation(url, _word(title), _word(quote), start, end, in_block)


def placed(event: Citations, at: int, size: int) -> Citations:
    """The event with its places told in the answer's text; ``at`` and ``size`` as in ``Citations``."""
    return Citations(event.index, [_placed(citation, at, size) for citation in event.cited], at, size)


def _placed(citation: Citation, at: int, size: int) -> Citation:
    start, end = citation.start, citation.end
    if citation.in_block and start >= 0:
        start, end = start + at, min(end + at, at + size)
    if start < 0 or not start < end <= at + size:
        start, end = at, at + size
    return citation._replace(start=start, end=end, in_block=False)


def url_citation(citation: Citation, start: int, end: int) -> dict[str, Any]:
    """The members that Chat Completions and Responses have in common."""
    return {"url": citation.url, "title": citation.title or citation.url, "start_index": start, "end_index": end}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
