"""The site: fills the templates, keeps what it rendered for a moment, and knows the operator's logo and texts.

Rules:
- a page rendered a moment ago is given again, to everyone alike: no page depends on who asks;
- what an operator's folder lacks, or what can't be read there, is the built-in text or mark: the site does not fail;
- an operator's text is HTML that is shown as it is, with `{{ name }}` and the like filled in, escaped.
"""

import gzip
import hashlib
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from tornado.escape import xhtml_escape

from freetheai import __version__, clock
from freetheai.config import SiteSettings
from freetheai.web import Asset, load_web, make_asset
from handlers.site_view import View

_logger = logging.getLogger(__name__)

# How long (seconds) a rendered page is given again, and how many are kept.
KEEP_S: Final = 1.5
_MAX_KEPT: Final = 256
_MAX_BRAND_BYTES: Final = 64 * 1024
_LOGO_ENDINGS: Final = (".svg", ".png", ".jpg", ".jpeg", ".webp")
_PLACE: Final = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_LABELS: Final = {".py": "Python", ".mjs": "JavaScript", ".sh": "Shell", ".toml": "TOML", ".json": "JSON"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as it is sent: the bytes, the same compressed, and the tag that changes with them."""

    body: bytes
    compressed: bytes
    etag: str
    made_s: float
    made_for: SiteSettings | None = None


class Site:
    """Renders pages; one a process."""

    def __init__(self) -> None:
        self._web = load_web()
        self._kept: OrderedDict[tuple[str, ...], Rendered] = OrderedDict()
        self._logo: tuple[Path | None, Asset] = (None, self._web.assets["mark.svg"])
        self._complained: set[Path] = set()
        self._documents: dict[str, tuple[bytes, Mapping[str, Any]]] = {}

    def read(self, name: str, body: bytes) -> Mapping[str, Any]:
        """A document that was made as JSON, read once for as long as the same bytes are given."""
        known = self._documents.get(name)
        if known is None or known[0] is not body:
            known = self._documents[name] = (body, orjson.loads(body))
        return known[1]

    def kept(self, view: View) -> Rendered | None:
        """The page as it was rendered a moment ago, if it was, and with the configuration that holds now."""
        found = self._kept.get(view.key)
        if found is None or found.made_for is not view.site or clock.monotonic_s() - found.made_s >= KEEP_S:
            return None
        return found

    def keep(self, view: View, text: str) -> Rendered:
        """Make ``text`` ready to be sent, and keep it for a moment."""
        body = text.encode()
        digest = hashlib.sha256(body).hexdigest()[:16]
        rendered = Rendered(body, gzip.compress(body, 5, mtime=0), f'W/"{digest}"', clock.monotonic_s(), view.site)
        self._kept[view.key] = rendered
        self._kept.move_to_end(view.key)
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return rendered

    def asset(self, path: str, site: SiteSettings) -> Asset | None:
        """The static file called by the last part of ``path``, the operator's logo too."""
        name = path.rpartition("/")[2]
        logo = self.logo(site)
        return logo if name == logo.path.rpartition("/")[2] else self._web.assets.get(name)

    def logo(self, site: SiteSettings) -> Asset:
        """The operator's logo, or the built-in mark; read again when the configuration names another."""
        if site.logo != self._logo[0]:
            body = self._read(site.logo) if site.logo is not None else None
            is_image = site.logo is not None and site.logo.suffix.lower() in _LOGO_ENDINGS
            if site.logo is not None and body and is_image:
                asset = make_asset(f"logo{site.logo.suffix.lower()}", body)
            else:
                asset = self._web.assets["mark.svg"]
            self._logo = (site.logo, asset)
        return self._logo[1]

    def render(self, template: str, view: View, **values: Any) -> str:
        """A template with what every page has and ``values``."""
        site = view.site
        return self._web.render(
            template,
            site=site,
            view=view,
            base_url=view.root,
            version=__version__,
            logo=self.logo(site).path,
            asset=lambda name: self._web.assets[name].path,
            code=lambda name: self._code(name, view),
            text=lambda name: self._text(name, view),
            count=_count,
            tokens=_tokens,
            percent=_percent,
            duration=_duration,
            **values,
        )

    def render_text(self, template: str, view: View, **values: Any) -> str:
        """A template that is no HTML (`.txt`)."""
        return self._web.render(
            template,
            site=view.site,
            base_url=view.root,
            snippet=lambda name: self.snippet(name, view),
            **values,
        )

    def snippet(self, name: str, view: View) -> str:
        """A piece of code with this gateway's address, key variable and a model of its catalog."""
        model = view.example_model()
        return self._web.snippet(
            name,
            base_url=view.root,
            alias=view.example_alias,
            key_variable=view.key_variable,
            slug=view.slug,
            quoted_name=orjson.dumps(view.site.name).decode(),
            context_window=(model and model.context_window) or 128_000,
            output_tokens=(model and model.max_output_tokens) or 8_192,
        )

    def _code(self, name: str, view: View) -> str:
        """A snippet as HTML, under its language, to be scrolled by keyboard and copied."""
        label = _LABELS.get(name[name.rfind(".") :], "Text")
        return (
            f'<figure class="code"><figcaption>{label}</figcaption>'
            f'<pre tabindex="0" role="region" aria-label="{label}: {xhtml_escape(name)}">'
            f'<code data-snippet="{xhtml_escape(name)}">{xhtml_escape(self.snippet(name, view))}</code></pre></figure>'
        )

    def _text(self, name: str, view: View) -> str:
        """A text of the operator's folder, else the built-in one, with the places filled."""
        folder = view.site.texts
        own = self._read(folder / name) if folder is not None and (folder / name).is_file() else None
        values: Mapping[str, str] = {
            "name": view.site.name,
            "base_url": view.root,
            "discord_invite": view.site.discord_invite,
        }
        source = own.decode("utf-8", "replace") if own is not None else self._web.text(name)
        return _PLACE.sub(lambda match: xhtml_escape(values.get(match.group(1), match.group(0))), source)

    def _read(self, path: Path) -> bytes | None:
        """An operator's file; None, with one line in the log, if it can't be used."""
        try:
            body = path.read_bytes()
        except OSError as error:
            self._complain(path, str(error.strerror))
            return None
        if len(body) > _MAX_BRAND_BYTES:
            self._complain(path, "larger than 64 KiB")
            return None
        return body

    def _complain(self, path: Path, reason: str) -> None:
        if path not in self._complained:
            self._complained.add(path)
            _logger.warning("a file of the site can't be used", extra={"file": str(path), "reason": reason})


def _count(number: int) -> str:
    """A count as people read it: `1,234`."""
    return f"{number:,}"


def _tokens(number: int | None) -> str:
    """Tokens, short: `128k`, `1M`; a dash where unknown."""
    if not number:
        return "–"
    if number >= 1_000_000:
        return f"{number / 1_000_000:.1f}".removesuffix(".0") + "M"
    return f"{number // 1000}k" if number >= 1000 else str(number)


def _duration(ms: float) -> str:
    """Milliseconds as people read them: `40 ms`, `1.3 s`."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _percent(share: float) -> str:
    """A share of 1 as a percentage, without pretence: `99.2 %`."""
    return f"{share * 100:.1f} %" if 0 < share < 1 else f"{share * 100:.0f} %"
