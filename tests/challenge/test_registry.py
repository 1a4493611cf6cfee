"""The registry: weights, retiring, and that the package stays pure."""

import ast
import math
from collections import Counter
from pathlib import Path
from random import Random, SystemRandom

import pytest

import freetheai.challenge as challenges
from freetheai.challenge import FAMILIES, draw, weights

ALLOWED = {
    "collections", "dataclasses", "functools", "io", "itertools", "math", "random", "re", "typing", "unicodedata",
    "zlib", "PIL", "freetheai",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["worded", "picture"])
def test_families_come_by_weight(kind):
    rng = Random(3)
    mine = {name: 0.0 for name, family in FAMILIES.items() if family.kind == kind}
    one, other = list(mine)[:2]
    seen = Counter(draw(rng, kind=kind, families=mine | {one: 3.0, other: 1.0}).family for _ in range(80))
    assert set(seen) == {one, other}
    assert 1.5 < seen[one] / seen[other] < 6


@pytest.mark.parametrize("kind", ["worded", "picture"])
def test_every_family_is_in_the_default_mix_and_only_its_kind(kind):
    of_kind = {name for name, family in FAMILIES.items() if family.kind == kind}
    mix = weights(kind)
    assert set(mix) == of_kind and all(weight > 0 for weight in mix.values())
    if kind == "worded":
        rng = Random(1)
        assert {draw(rng, kind=kind).family for _ in range(300)} == of_kind


def test_a_family_that_isnt_named_keeps_its_weight():
    assert weights("worded", {"queue": 0.0}) == weights("worded") | {"queue": 0.0}
    assert weights("worded", {"clocks": 9.0}) == weights("worded")


@pytest.mark.parametrize(
    ("families", "word"),
    [
        pytest.param({"sudoku": 1.0}, "sudoku", id="unknown family"),
        pytest.param({"queue": -1.0}, "queue", id="negative weight"),
        pytest.param({"queue": math.nan}, "queue", id="no number"),
        pytest.param({"queue": math.inf}, "queue", id="infinite weight"),
        pytest.param(dict.fromkeys(FAMILIES, 0.0), "worded", id="nothing left"),
    ],
)
def test_weights_that_make_no_sense_are_refused_by_name(families, word):
    with pytest.raises(ValueError, match=word):
        draw(Random(1), kind="worded", families=families)


def test_the_generator_of_production_fits():
    for kind in ("worded", "picture"):
        assert draw(SystemRandom(), kind=kind).family in FAMILIES


def test_the_package_imports_nothing_that_does_io_or_knows_the_time():
    files = sorted(Path(challenges.__file__).parent.rglob("*.py"))
    assert len(files) > 15
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert {name.split(".")[0] for name in names} <= ALLOWED, file
            assert all(name.startswith("freetheai.challenge") for name in names if name.startswith("freetheai")), file
            if isinstance(node, ast.ImportFrom) and node.module == "random":
                assert [alias.name for alias in node.names] == ["Random"], file
