"""Which signals together make a member doubtful."""

import pytest

from freetheai.bot.doubt import Signals, is_doubtful, score

DAY = 86400.0
PERSON = (8.0, 21.0, 12.5, 40.0, 9.0)
SCRIPT = (1.1, 1.12, 1.09, 1.1, 1.11)


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        pytest.param(
            Signals(account_age_s=900 * DAY, in_server_s=90 * DAY, answered_in_s=PERSON), False, id="a regular"
        ),
        pytest.param(Signals(account_age_s=900 * DAY, in_server_s=60.0), False, id="an old account, new here"),
        pytest.param(Signals(account_age_s=2 * DAY, in_server_s=2 * DAY), False, id="a new account, here for days"),
        pytest.param(Signals(account_age_s=2 * DAY, in_server_s=60.0), True, id="a new account, new here"),
        pytest.param(Signals(account_age_s=2 * DAY, in_server_s=None), False, id="it is not known since when"),
        pytest.param(
            Signals(account_age_s=900 * DAY, in_server_s=90 * DAY, answered_in_s=(1.0,)), False, id="once fast"
        ),
        pytest.param(
            Signals(account_age_s=900 * DAY, in_server_s=90 * DAY, answered_in_s=(1.0, 2.9, 2.0, 0.7, 1.5)),
            False,
            id="always fast, and nothing else",
        ),
        pytest.param(
            Signals(account_age_s=900 * DAY, in_server_s=90 * DAY, answered_in_s=SCRIPT), True, id="fast as a machine"
        ),
        pytest.param(
            Signals(account_age_s=900 * DAY, in_server_s=90 * DAY, answered_in_s=PERSON, wrong=4),
            False,
            id="often wrong",
        ),
        pytest.param(
            Signals(account_age_s=20 * DAY, in_server_s=0.0, wrong=2), True, id="newish, new here, and wrong twice"
        ),
    ],
)
def test_no_single_sign_is_enough(signals, expected):
    assert is_doubtful(signals) is expected


def test_nothing_speaks_against_a_regular():
    assert score(Signals(account_age_s=900 * DAY, in_server_s=90 * DAY, answered_in_s=PERSON)) == 0
