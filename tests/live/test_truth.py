"""The states of providers and aliases, as a table of what is known."""

from typing import Any

import orjson
import pytest

from freetheai.catalog import Model
from freetheai.catalog.model import model_of
from freetheai.live.figures import Figures, Totals
from freetheai.live.outages import Outages, Rest, read_outages
from freetheai.live.truth import Truth

DOWN, LIMPING = Rest(True, 100.0), Rest(False, 100.0)
GOOD = Figures(successes_30m=8, errors_30m=2, last_success_s=90)
BAD = Figures(successes_30m=2, errors_30m=3, last_success_s=90)
IDLE = Figures()


def outages(*rests: Rest | None) -> list[Outages]:
    return [Outages({"opc": rest} if rest else {}) for rest in rests]


@pytest.mark.parametrize(
    ("figures", "rests", "status"),
    [
        pytest.param(IDLE, [None], "unknown", id="nothing asked"),
        pytest.param(GOOD, [None, None], "up", id="well"),
        pytest.param(BAD, [None], "degraded", id="more than half failed"),
        pytest.param(Figures(successes_30m=2, errors_30m=2), [None], "up", id="half failed"),
        pytest.param(GOOD, [LIMPING, None], "degraded", id="some rests somewhere"),
        pytest.param(IDLE, [LIMPING], "degraded", id="some rests, nothing asked"),
        pytest.param(GOOD, [DOWN], "down", id="down here, alone"),
        pytest.param(GOOD, [None, DOWN], "down", id="another has found it down"),
        pytest.param(Figures(successes_30m=1, last_success_s=101), [None, DOWN], "degraded", id="and one served since"),
        pytest.param(Figures(successes_30m=1, last_success_s=101), [DOWN, DOWN], "down", id="all have found it down"),
        pytest.param(
            Figures(successes_30m=1, last_success_s=150),
            [DOWN, Rest(True, 200.0), None],
            "down",
            id="the latest counts",
        ),
    ],
)
def test_a_provider_s_state(figures: Figures, rests: list[Rest | None], status: str) -> None:
    truth = Truth(Totals(providers={"opc": figures}), outages(*rests))
    assert truth.provider_status("opc") == status


def alias(name: str = "opc/a", **fields: Any) -> Model:
    return model_of({"id": name, **fields}, "seems_legit")


OUT = {("opc", "a")}


@pytest.mark.parametrize(
    ("figures", "processes", "status"),
    [
        pytest.param(IDLE, [Outages()], "unknown", id="nothing asked"),
        pytest.param(GOOD, [Outages()], "up", id="well"),
        pytest.param(BAD, [Outages()], "degraded", id="more than half failed"),
        pytest.param(Figures(errors_30m=2), [Outages()], "degraded", id="two failures may be bad luck"),
        pytest.param(Figures(errors_30m=3), [Outages()], "down", id="three without a success are not"),
        pytest.param(GOOD, [Outages({"opc": DOWN})], "down", id="its provider is down"),
        pytest.param(GOOD, [Outages({"opc": LIMPING})], "up", id="its provider limps, it is well"),
        pytest.param(GOOD, [Outages({}, OUT)], "down", id="no credential may serve it"),
        pytest.param(GOOD, [Outages({}, OUT), Outages()], "degraded", id="in one process of two"),
        pytest.param(GOOD, [Outages({}, {("opc", "b")})], "up", id="another model of its provider"),
    ],
)
def test_an_alias_state(figures: Figures, processes: list[Outages], status: str) -> None:
    truth = Truth(Totals(aliases={"opc/a": figures}), processes)
    assert truth.model_status(alias(), {}.get, {"opc"}) == status


def test_an_alias_without_a_provider_is_down_and_a_fallback_saves_it() -> None:
    truth = Truth(outages=[Outages({"bad": DOWN})])
    known = {"good/b": alias("good/b"), "bad/c": alias("bad/c")}
    configured = {"good", "bad"}
    assert truth.model_status(alias(), known.get, configured) == "down"
    assert truth.model_status(alias(fallbacks=["good/b"]), known.get, configured) == "degraded"
    assert truth.model_status(alias(fallbacks=["bad/c", "gone/d"]), known.get, configured) == "down"


def said(**parts: Any) -> bytes:
    return orjson.dumps({"providers": {}, "models": {}, **parts})


def test_what_was_said_holds_as_long_as_it_said() -> None:
    text = said(providers={"opc": ["down", 30, 5]}, models={"opc": {"m": 10}})
    assert read_outages(text, 2, 1000) == Outages({"opc": Rest(True, 993)}, {("opc", "m")})
    assert read_outages(text, 10, 1000).models == set()
    assert read_outages(text, 31, 1000) == Outages()
    assert read_outages(said(providers={"opc": ["limping", 0, 0]}), 31, 1000).providers == {"opc": Rest(False, 969)}


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"providers":1,"models":{}}', b'{"providers":{"a":[1]},"models":{}}', said(models=[])]
)
def test_what_cannot_be_read_says_nothing(text: bytes) -> None:
    assert read_outages(text, 0, 0) == Outages()
