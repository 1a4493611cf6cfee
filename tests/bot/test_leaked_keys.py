"""Keys in text, and what can be banned: found, or refused, by rules alone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai import ids
from freetheai.ban_values import NotBannable, is_wide, normalised_ban
from freetheai.leaked_keys import find_keys

KEY = "fta_" + "".join("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"[:34])
KEY += ids._checksum(KEY[4:])
OTHER = ids.new_key()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(KEY, id="bare"),
        pytest.param(f"my key is {KEY}, does it work?", id="in a sentence"),
        pytest.param(f"x{KEY}y", id="without spaces around it"),
        pytest.param(f"```toml\napi_key = \"{KEY}\"\n```", id="in a block of code"),
        pytest.param(f"`{KEY}`", id="in code"),
        pytest.param(f"||{KEY}||", id="hidden as a spoiler"),
        pytest.param(KEY.replace("_", "\\_"), id="with an escaped underscore"),
        pytest.param("\u200b".join(KEY), id="with zero-width spaces"),
        pytest.param("\u2060".join(KEY[:9]) + "\ufeff" + "\u00ad".join(KEY[9:]), id="with other invisible characters"),
        pytest.param(f"{KEY[:20]}\n{KEY[20:]}", id="on two lines"),
        pytest.param(" ".join(KEY), id="spelled out"),
        pytest.param(f"{KEY[:20]}**{KEY[20:]}**", id="half of it bold"),
        pytest.param(f"__{KEY}__", id="underlined"),
        pytest.param("".join(chr(ord(each) + 0xFEE0) for each in KEY), id="in full-width letters"),
        pytest.param(f"https://example.org/?key={KEY}&x=1", id="in a link"),
        pytest.param(f"fta_{KEY}", id="after another beginning"),
    ],
)  # fmt: skip
def test_a_key_is_found(text: str) -> None:
    assert find_keys(text) == [KEY]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("fta_", id="only the beginning"),
        pytest.param(KEY[:-1], id="cut"),
        pytest.param(KEY[:-1] + ("a" if KEY[-1] != "a" else "b"), id="mistyped"),
        pytest.param(ids.display_prefix(KEY) + "…", id="as it is shown"),
        pytest.param(KEY.replace("fta_", "sk-"), id="another prefix"),
        pytest.param("the words fta_ and then quite a few more words to make up for the length of it", id="words"),
    ],
)
def test_what_is_no_key_is_not_found(text: str) -> None:
    assert find_keys(text) == []


def test_several_keys_are_found_once_each() -> None:
    assert find_keys(f"{KEY} and {OTHER}, again {KEY}{OTHER}") == [KEY, OTHER]


NEITHER = st.text(st.characters(blacklist_categories=["Cs"]), max_size=200)


@given(before=NEITHER, after=NEITHER)
def test_whatever_stands_around_it_it_is_found(before: str, after: str) -> None:
    assert KEY in find_keys(f"{before} {KEY} {after}")


@given(st.text(max_size=300))
def test_no_text_makes_it_fail(text: str) -> None:
    assert find_keys(text) == []


def test_the_worst_message_costs_little() -> None:
    """Forty times the longest message Discord has takes no longer than a frame of a film, many times over."""
    began_s = time.perf_counter()
    find_keys("fta_" * 20_000)
    find_keys("\u200b" * 80_000)
    assert time.perf_counter() - began_s < 2


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        pytest.param("ip", " 192.0.2.1 ", "192.0.2.1", id="an address"),
        pytest.param("ip", "192.0.2.1/32", "192.0.2.1", id="an address as a network"),
        pytest.param("ip", "192.0.2.99/24", "192.0.2.0/24", id="host bits dropped"),
        pytest.param("ip", "::ffff:192.0.2.1", "192.0.2.1", id="v4 written as v6"),
        pytest.param("ip", "2001:DB8::/32", "2001:db8::/32", id="v6 in its shortest form"),
        pytest.param("client", " SillyTavern ", "sillytavern", id="a client in small letters"),
        pytest.param("client", "Grab*", "grab*", id="a client's beginning"),
    ],
)
def test_what_is_banned_has_one_form(kind: str, given: str, kept: str) -> None:
    assert normalised_ban(kind, given) == kept
    assert normalised_ban(kind, kept) == kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("ip", ""), ("ip", "example.org"), ("ip", "192.0.2.1/33"), ("ip", "1.2.3"), ("ip", "fe80::1%eth0/200"),
        ("client", ""), ("client", "*"), ("client", "**"), ("client", "a*b"), ("client", "two words"),
        ("client", "x" * 49), ("client", "a\u200bb"),
    ],
)  # fmt: skip
def test_what_can_t_be_banned_is_refused(kind: str, given: str) -> None:
    with pytest.raises(NotBannable):
        normalised_ban(kind, given)


@pytest.mark.parametrize(
    ("kind", "value", "wide"),
    [
        ("ip", "0.0.0.0/0", True), ("ip", "10.0.0.0/8", True), ("ip", "10.0.0.0/9", False), ("ip", "192.0.2.1", False),
        ("ip", "::/0", True), ("ip", "2001::/31", True), ("ip", "2001:db8::/32", False), ("ip", "::1", False),
        ("client", "o*", True), ("client", "ope*", True), ("client", "open*", False), ("client", "o", False),
    ],
)  # fmt: skip
def test_what_is_wide(kind: str, value: str, wide: bool) -> None:
    assert is_wide(kind, value) is wide
