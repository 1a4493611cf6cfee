"""The pages as any client sees them: who gets HTML, which headers, how large, in whose name."""

import re
import signal
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from handlers.pages import CONTENT_SECURITY_POLICY
from handlers.site_content import PAGES
from support.program import Program
from support.site import visit

MAX_PAGE_BYTES = 100_000
PATHS = [*PAGES, "/catalog?q=quince&page=2", "/leaderboard?window=30d"]


class Elements(HTMLParser):
    """All start tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", PATHS)
def test_a_page_keeps_to_its_rules(program: Program, path: str) -> None:
    page = visit(program.url + path)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in page.headers
    elements = Elements(page.text).found
    for tag, attributes in elements:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or attributes.get("src", "")
        if tag in ("script", "link", "img"):
            # Nothing is loaded from elsewhere.
            assert (attributes.get("src") or attributes.get("href") or "").startswith("/static/")
    assert [tag for tag, _ in elements].count("h1") == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_page_and_all_it_loads_is_small(program: Program, path: str) -> None:
    page = visit(program.url + path)
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))
    assert files
    whole = len(page.body) + sum(len(visit(program.url + file).body) for file in files)
    assert whole < MAX_PAGE_BYTES


def test_links_lead_somewhere(program: Program) -> None:
    everywhere = "".join(visit(program.url + path).text for path in PAGES)
    for target in sorted(set(re.findall(r'href="(/[^"]*)"', everywhere))):
        address, _, fragment = target.replace("&amp;", "&").partition("#")
        answer = visit(program.url + address)
        assert answer.status == 200, target
        assert not fragment or f'id="{fragment}"' in answer.text, target


def test_the_root_is_a_page_for_browsers_and_a_probe_for_clients(program: Program) -> None:
    assert "<h1>" in visit(f"{program.url}/").text
    for accept in ("*/*", "application/json"):
        probe = visit(f"{program.url}/", accept=accept)
        assert (probe.status, probe.json()["name"]) == (200, "Orchard AI")
    assert visit(f"{program.url}/v1").json()["name"] == "Orchard AI"


@pytest.mark.parametrize("path", ["/", "/catalog", "/openapi.json", "/nothing-here"])
def test_a_head_has_no_body(program: Program, path: str) -> None:
    answer = visit(program.url + path, method="HEAD")
    assert answer.status == (404 if path == "/nothing-here" else 200)
    assert answer.body == b""


@pytest.mark.parametrize("path", ["/nothing-here", "/guides/no-such-client", "/static/0/none.css", "/docs/x"])
def test_what_is_no_page_is_said_in_the_asker_s_way(program: Program, path: str) -> None:
    for_people = visit(program.url + path)
    assert for_people.headers["content-type"].startswith("text/html")
    assert for_people.status == (400 if path.startswith("/static") else 404)
    assert for_people.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    for_clients = visit(program.url + path, accept="*/*")
    assert for_clients.status == 400
    assert for_clients.json()["error"]["message"].startswith("unsupported route")


def test_the_api_never_answers_html(program: Program) -> None:
    for path in ("/v1/nothing", "/v1/models", "/v1/catalog", "/models"):
        assert visit(program.url + path).headers["content-type"] == "application/json"


def test_an_unchanged_page_is_not_sent_again(program: Program) -> None:
    page = visit(f"{program.url}/privacy", Accept_Encoding="gzip")
    assert page.headers["content-encoding"] == "gzip"
    again = visit(f"{program.url}/privacy", If_None_Match=page.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert "content-encoding" not in visit(f"{program.url}/privacy").headers


def test_a_file_is_kept_for_a_year_under_its_hash_only(program: Program) -> None:
    text = visit(f"{program.url}/").text
    file = re.findall(r'href="(/static/[^"]+\.css)"', text)[0]
    fresh = visit(program.url + file)
    assert "immutable" in fresh.headers["cache-control"]
    assert fresh.headers["content-type"].startswith("text/css")
    old = visit(f"{program.url}/static/0123456789abcdef/site.css")
    assert old.body == fresh.body
    assert old.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", PATHS)
def test_no_community_is_hard_coded(program: Program, path: str) -> None:
    text = visit(program.url + path).text.lower()
    assert "orchard ai" in text
    assert "freetheai" not in text


def test_what_a_catalog_says_is_escaped(program: Program) -> None:
    for path in ("/catalog?provider=plum", "/playground", "/"):
        text = visit(program.url + path).text
        assert "<script>alert" not in text
        assert "<b>&" not in text
    assert "&lt;b&gt;&amp;&quot;odd" in visit(f"{program.url}/catalog?provider=plum").text


@pytest.mark.parametrize(
    "query", ["q=%22%3E%3Cscript%3E", "q=%FF%FE", "kind=%00", "page=" + "9" * 200, "q=" + "a" * 9000]
)
def test_any_query_is_answered(program: Program, query: str) -> None:
    page = visit(f"{program.url}/catalog?{query}")
    assert page.status == 200
    assert '"><script>' not in page.text


def test_hidden_models_are_on_no_page_and_gated_ones_are_marked(program: Program) -> None:
    assert "pear/secret" not in visit(f"{program.url}/catalog?q=pear").text
    assert "pear/secret" not in visit(f"{program.url}/playground").text
    assert "needs seems_legit" in visit(f"{program.url}/catalog?access=gated").text


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"Host": "ai.example.org"}, "http://ai.example.org/v1", id="as it was asked for"),
        pytest.param(
            {"Host": "ai.example.org", "X_Forwarded_Proto": "https"}, "https://ai.example.org/v1", id="behind a proxy"
        ),
        pytest.param({"Host": "ai.example.org", "X_Forwarded_Proto": "gopher"}, "http://ai.example.org/v1", id="odd"),
        pytest.param({"Host": "a!b"}, None, id="no host at all"),
    ],
)
def test_the_base_url_is_where_the_page_was_asked_for(
    program: Program, headers: dict[str, str], expected: str | None
) -> None:
    page = visit(f"{program.url}/quickstart", **headers)
    assert f"curl {(expected or program.base_url)}/chat/completions" in page.snippets()["curl_chat.sh"]


def test_the_figures_are_those_of_the_public_routes(program: Program) -> None:
    health = visit(f"{program.base_url}/health").json()
    assert f">{health['catalog']['model_count']}<" in visit(f"{program.url}/").text
    assert "MongoDB" in visit(f"{program.url}/status").text
    for row in health["providers"]:
        assert f"<code>{row['prefix']}</code>" in visit(f"{program.url}/status").text


def test_llms_txt_names_every_page_and_route(program: Program) -> None:
    answer = visit(f"{program.url}/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("# Orchard AI\n")
    for part in ("POST /v1/messages", "403 daily_checkin_required", "Retry-After", "/guides/codex", program.base_url):
        assert part in answer.text
    assert "&quot;" not in answer.text


def test_an_operator_s_name_texts_and_logo(program: Program, tmp_path: Path) -> None:
    """Read on a reload, without a restart; what the folder lacks stays as it is built in."""
    (tmp_path / "terms.html").write_text("<h1>House rules</h1><p>Be kind to {{ name }}. {{ other }} {% no %}</p>")
    (tmp_path / "landing.html").write_bytes(b"\xff not text <p>grown here</p>")
    logo = tmp_path / "apple.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    site = {"name": "The <Grove>", "logo": str(logo), "texts": str(tmp_path)}
    program.write_config({**program.sections, "site": site})
    # Kept for a moment as it was, which a reload must not wait for.
    assert "grown here" not in visit(f"{program.url}/").text
    try:
        program.signal(signal.SIGHUP)
        deadline_s = time.monotonic() + 10
        while "House rules" not in (terms := visit(f"{program.url}/terms")).text:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        assert "Be kind to The &lt;Grove&gt;. {{ other }} {% no %}" in terms.text
        landing = visit(f"{program.url}/").text
        assert "grown here" in landing
        assert "/signup" not in landing  # neither a bot nor an invite: keys come from elsewhere
        assert "<h1>Privacy</h1>" in visit(f"{program.url}/privacy").text
        shown = re.findall(r'<img src="(/static/[^"]+/logo\.svg)"', landing)[0]
        assert visit(program.url + shown).body == logo.read_bytes()
        assert visit(program.url + shown).headers["content-type"] == "image/svg+xml"
    finally:
        program.write_config(program.sections)
        program.signal(signal.SIGHUP)
    while "orchard.example" not in visit(f"{program.url}/").text and "Orchard AI" not in visit(f"{program.url}/").text:
        assert time.monotonic() < deadline_s + 10
        time.sleep(0.1)
