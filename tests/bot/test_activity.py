"""Which messages count as activity, by when they were written alone, and when they are enough."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from freetheai.activity import Recent, Written, form_of, is_enough, judge

GAP_S = 60.0


def verdicts(times: Sequence[float], form: str = "") -> list[str]:
    recent = Recent()
    return [judge(recent, Written(at_s, form), GAP_S) for at_s in times]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([0, 95, 300], ["counts"] * 3, id="now and then"),
        pytest.param([0, 59, 60], ["counts", "too soon", "counts"], id="the gap is from the last that counted"),
        pytest.param(
            [0, 1, 2, 3, 4, 50, 65], ["counts", "too soon", "too soon", "too soon", "burst", "burst", "counts"],
            id="a burst, and a minute of calm after it",
        ),
        pytest.param(
            [1000 * number for number in range(9)], ["counts"] * 6 + ["regular"] * 3, id="as regular as a program"
        ),
        pytest.param(
            [0, 1000, 2100, 2900, 4200, 4900, 6200, 7000], ["counts"] * 8, id="as irregular as a person"
        ),
        pytest.param(
            [*(1000 * number for number in range(8)), 7500, 9000], ["counts"] * 6 + ["regular"] * 2 + ["counts"] * 2,
            id="a beat that ends",
        ),
    ],
)  # fmt: skip
def test_what_counts(times: Sequence[float], expected: list[str]) -> None:
    assert verdicts(times) == expected


def test_the_same_form_again_is_a_repeat() -> None:
    form = form_of(300, [], 0, [])
    assert verdicts([0, 100, 350], form) == ["counts", "repeat", "repeat"]
    assert form_of(2, [], 0, []) == "", "short words are alike by chance"
    assert form_of(0, [], 0, []) == "", "Discord shows no content to a bot that does not ask for it"
    assert form_of(0, [512], 0, []) != form_of(0, [513], 0, [])


@pytest.mark.parametrize(
    ("days", "messages", "needed_days", "expected"),
    [
        pytest.param(["a", "b"], 5, 2, True, id="both reached"),
        pytest.param(["a"], 500, 2, False, id="one day is not enough"),
        pytest.param(["a", "a"], 500, 2, False, id="nor is the same one twice"),
        pytest.param(["a", "b"], 4, 2, False, id="too few messages"),
        pytest.param(["a", "b"], 500, 0, False, id="switched off"),
    ],
)
def test_what_is_enough(days: list[str], messages: int, needed_days: int, expected: bool) -> None:
    thresholds = SimpleNamespace(verified_days=needed_days, verified_messages=5, verified_gap_seconds=1.0)
    assert is_enough(days, messages, thresholds) is expected
