"""Links that text cites, as Messages has them: results of a web search.

A result of Anthropic's own search names itself by an ``encrypted_index``, which is checked when it comes back. Nobody
else has one, and the format demands it: links of other makers carry ``UNSIGNED`` there, and never go back.

Format: https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
"""

from typing import Any, Final

from freetheai.wire.citations import linked
from freetheai.wire.events import Citation
from freetheai.wire.messages.signed import UNSIGNED

Json = dict[str, Any]

# Citations that may be links, and where their address stands: the others are places in the client's own documents.
_ADDRESSES: Final = {"web_search_result_location": "url", "search_result_location": "source"}


def read_link(value: Any) -> Citation | None:
    """The link that a citation is; None for any other."""
    kind = value.get("type") if isinstance(value, dict) else None
    member = _ADDRESSES.get(kind) if isinstance(kind, str) else None
    return linked(value.get(member), value.get("title"), value.get("cited_text")) if member else None


def written_link(citation: Citation) -> Json:
    """A link of another maker as a citation."""
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title or None,
        "cited_text": citation.quote,
        "encrypted_index": UNSIGNED,
    }


def without_written(block: Json) -> Json:
    """A text block of the history without the links that are ours; itself if it has none."""
    cited = block.get("citations")
    if not isinstance(cited, list):
        return block
    kept = [one for one in cited if not (isinstance(one, dict) and one.get("encrypted_index") == UNSIGNED)]
    if len(kept) == len(cited):
        return block
    rest = {name: value for name, value in block.items() if name != "citations"}
    return {**rest, "citations": kept} if kept else rest
