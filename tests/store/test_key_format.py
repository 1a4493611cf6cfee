"""The keys members hold: what is one, and what is a typo of one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai import ids

ALPHABET = string.digits + string.ascii_letters
KEYS = st.builds(ids.new_key)
PLACES = st.integers(len(ids.KEY_PREFIX), 43)


def test_a_new_key_has_the_documented_shape():
    keys = {ids.new_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(key.startswith("fta_") and len(key) == 44 and set(key[4:]) <= set(ALPHABET) for key in keys)
    assert all(ids.has_valid_checksum(key) for key in keys)


@given(key=KEYS, place=PLACES, character=st.sampled_from(ALPHABET))
def test_any_single_typo_is_found(key, place, character):
    typo = key[:place] + character + key[place + 1 :]
    assert ids.has_valid_checksum(typo) is (typo == key)


@given(key=KEYS, place=PLACES.filter(lambda place: place < 43))
def test_neighbours_that_changed_places_are_found(key, place):
    typo = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert ids.has_valid_checksum(typo) is (typo == key)


@given(key=KEYS, first=PLACES, second=PLACES)
def test_any_two_that_changed_places_are_found(key, first, second):
    letters = list(key)
    letters[first], letters[second] = letters[second], letters[first]
    assert ids.has_valid_checksum("".join(letters)) is ("".join(letters) == key)


GOOD = ids.new_key()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("fta_", id="the prefix alone"),
        pytest.param(GOOD[:-1], id="cut"),
        pytest.param(GOOD + "0", id="too long"),
        pytest.param(GOOD + "\n", id="line end"),
        pytest.param(" " + GOOD, id="space before it"),
        pytest.param("FTA_" + GOOD[4:], id="prefix in capitals"),
        pytest.param("sk-" + GOOD[3:], id="another's prefix"),
        pytest.param(GOOD[:-1] + "é", id="not ASCII"),
        pytest.param("fta_" + "٣" * 40, id="digits of another script"),
        pytest.param("\udcff" * 44, id="lone surrogates"),
    ],
)
def test_what_is_no_key_is_refused(text):
    assert ids.has_valid_checksum(text) is False


def test_what_is_stored_and_shown_does_not_give_the_key_away():
    assert len(ids.hash_key(GOOD)) == 64 and set(ids.hash_key(GOOD)) <= set(string.hexdigits.lower())
    assert ids.hash_key(GOOD) != ids.hash_key(ids.new_key())
    assert ids.display_prefix(GOOD) == GOOD[:10]
