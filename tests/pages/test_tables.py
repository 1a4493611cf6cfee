"""The tables that pages are made of say what the code does, both ways."""

from typing import Any

import pytest

from freetheai import errors
from freetheai.web import load_web
from handlers import catalog_search
from handlers.base import EXPOSED_HEADERS
from handlers.catalog_search import search
from handlers.error_advice import ADVICE, error_rows
from handlers.guides import GUIDES
from handlers.models import ModelHandler
from handlers.openapi import document
from handlers.operations import HEADERS, OPERATIONS, PROBES
from handlers.pages import is_page
from handlers.routes import JOBS, ROUTES, resolve
from handlers.site_content import PAGES


def test_every_route_is_described_and_every_description_is_a_route() -> None:
    described = {(operation.method, operation.path) for operation in OPERATIONS}
    routed = {(method, f"/v1/{path}") for method, path in ROUTES if (method, path) not in PROBES}
    routed |= {("GET", f"/v1/{path}/{{request_id}}") for path in JOBS}
    routed.add(("GET", "/v1/models/{alias}"))
    assert described == routed


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_a_described_route_reaches_its_handler(operation: Any) -> None:
    path = operation.path.replace("{alias}", "a/b").replace("{request_id}", "x")
    handler, _ = resolve(operation.method, path)
    assert getattr(handler, "route", "") == operation.path


def test_every_row_of_the_error_table_has_advice_and_no_advice_is_without_a_row() -> None:
    assert set(ADVICE) == {(row.status, row.type) for row in errors.ROWS.values()}
    shown = [message for row in error_rows() for message in row.messages]
    assert sorted(shown) == sorted(row.text for row in errors.ROWS.values())
    for row in error_rows():
        specs = [spec for spec in errors.ROWS.values() if (spec.status, spec.type) == (row.status, row.type)]
        assert ("Retry-After" in row.headers) == any(spec.retry_after_s is not None for spec in specs)


def test_the_headers_that_are_explained_are_those_that_are_exposed() -> None:
    assert {name.lower() for name in HEADERS} == {name.strip().lower() for name in EXPOSED_HEADERS.split(",")}


def test_every_status_of_an_operation_is_a_row() -> None:
    statuses = {row.status for row in errors.ROWS.values()}
    for operation in OPERATIONS:
        assert set(operation.errors) <= statuses, operation.id


def test_the_openapi_document_refers_only_to_what_is_in_it() -> None:
    made = document("X", "http://x", "a/b")

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for item in value.values() for found in references(item)]
        return [found for item in value for found in references(item)] if isinstance(value, list) else []

    used = set(references(made))
    for reference in used:
        found: Any = made
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    for kind in ("schemas", "responses", "headers"):
        unused = {f"#/components/{kind}/{name}" for name in made["components"][kind]} - used
        assert not unused


def test_every_template_compiles_and_every_guide_has_one() -> None:
    web = load_web()
    assert web.compile_all() > 15
    for guide in GUIDES:
        assert PAGES[f"/guides/{guide.slug}"].template == f"guides/{guide.slug}.html"


def test_no_page_takes_a_path_of_the_api() -> None:
    for path in PAGES:
        if path != "/":
            assert is_page(path)
            assert ("GET", path.strip("/")) not in ROUTES
            assert resolve("GET", f"/v1{path}")[0] is not resolve("GET", path)[0]
    assert resolve("GET", "/models/catalog")[0] is ModelHandler


def row(alias: str, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": alias,
        "prefix": alias.split("/")[0],
        "display_name": alias,
        "description": "",
        "context_window": None,
        "created": 0,
        "access": {"available": True},
        **{name: False for _, name in catalog_search.KINDS.values()},
        **{name: False for _, name in catalog_search.ABILITIES.values()},
    }
    return {**known, "supports_chat": True, **fields}


ROWS = [
    row("a/one", context_window=32_000, supports_tools=True, created=3),
    row("a/two", context_window=200_000, description="Reads Pictures", supports_image_input=True, created=1),
    row("b/three", context_window=1_000_000, access={"available": False}, supports_reasoning=True, created=2),
    row("c/paint", supports_chat=False, supports_images=True, display_name="Painter"),
]


@pytest.mark.parametrize(
    ("arguments", "aliases"),
    [
        pytest.param({}, ["a/one", "a/two", "b/three", "c/paint"], id="nothing asked"),
        pytest.param({"q": "PICT reads"}, ["a/two"], id="every word, in any order and case"),
        pytest.param({"q": "painter"}, ["c/paint"], id="the display name"),
        pytest.param({"q": "nothing like it"}, [], id="no match"),
        pytest.param({"kind": "chat"}, ["a/one", "a/two", "b/three"], id="kind"),
        pytest.param({"kind": "image"}, ["c/paint"], id="another kind"),
        pytest.param({"can": "tools"}, ["a/one"], id="ability"),
        pytest.param({"context": "200k"}, ["a/two", "b/three"], id="context"),
        pytest.param({"access": "gated"}, ["b/three"], id="gated"),
        pytest.param({"access": "open", "provider": "a"}, ["a/one", "a/two"], id="open, of one provider"),
        pytest.param({"sort": "context"}, ["b/three", "a/two", "a/one", "c/paint"], id="by context"),
        pytest.param({"sort": "newest"}, ["a/one", "b/three", "a/two", "c/paint"], id="by age"),
        pytest.param(
            {"kind": "x", "sort": "x", "context": "x"}, ["a/one", "a/two", "b/three", "c/paint"], id="unknown"
        ),
    ],
)
def test_the_catalog_is_searched(arguments: dict[str, str], aliases: list[str]) -> None:
    assert [found["id"] for found in search(ROWS, arguments).rows] == aliases


@pytest.mark.parametrize(("asked", "page"), [("1", 1), ("2", 2), ("99", 3), ("0", 1), ("-1", 1), ("²", 1), ("x", 1)])
def test_pages_of_the_catalog(asked: str, page: int) -> None:
    rows = [row(f"a/{number:03}") for number in range(150)]
    found = search(rows, {"page": asked, "q": "a/"})
    assert (found.page, found.pages, found.total) == (page, 3, 150)
    assert found.rows[0]["id"] == f"a/{(page - 1) * catalog_search.ROWS_A_PAGE:03}"
    assert found.address(2) == "/catalog?q=a%2F&page=2"
    assert found.address(1) == "/catalog?q=a%2F"
