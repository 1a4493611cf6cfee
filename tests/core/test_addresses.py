"""Source addresses and bans."""

import time

import pytest

from freetheai.addresses import NetworkSet, parse_address, parse_network, source_address, subscriber_of

TRUSTED = [parse_network("127.0.0.1/32"), parse_network("10.0.0.0/8"), parse_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("9.9.9.9", "", "9.9.9.9", id="no proxy"),
        pytest.param("9.9.9.9", "1.1.1.1", "9.9.9.9", id="a stranger's header is not believed"),
        pytest.param("127.0.0.1", "1.1.1.1", "1.1.1.1", id="one proxy"),
        pytest.param("127.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.3", "1.1.1.1", id="the last that is no proxy of ours"),
        pytest.param("127.0.0.1", "10.0.0.9, 10.0.0.3", "10.0.0.9", id="proxies all the way"),
        pytest.param("127.0.0.1", "1.1.1.1, nonsense", "127.0.0.1", id="nonsense next to the proxy"),
        pytest.param("127.0.0.1", "nonsense, 1.1.1.1", "1.1.1.1", id="nonsense beyond the client"),
        pytest.param("::1", "2001:db8::1", "2001:db8::1", id="IPv6"),
        pytest.param("::ffff:127.0.0.1", "::ffff:8.8.8.8", "8.8.8.8", id="IPv4 written as IPv6"),
        pytest.param("127.0.0.1", "[2001:db8::2]:443", "2001:db8::2", id="brackets and a port"),
        pytest.param("127.0.0.1", "8.8.8.8:1234", "8.8.8.8", id="a port"),
        pytest.param("", "8.8.8.8", "", id="a Unix socket"),
    ],
)
def test_the_source_is_walked_from_the_right(peer: str, forwarded: str, expected: str) -> None:
    assert source_address(peer, forwarded, TRUSTED) == expected


@pytest.mark.parametrize(
    ("ban", "address", "is_banned"),
    [
        ("1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "1.2.3.5", False),
        ("1.2.3.0/24", "1.2.3.200", True),
        ("1.2.3.77/24", "1.2.3.1", True),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "::ffff:1.2.3.4", True),
        ("::ffff:1.2.3.0/120", "1.2.3.9", True),
        ("2001:db8::/32", "2001:db8:1::5", True),
        ("2001:db8::/32", "2001:db9::5", False),
        ("::/0", "1.2.3.4", False),
        ("0.0.0.0/0", "1.2.3.4", True),
        ("0.0.0.0/0", "::1", False),
    ],
)
def test_a_ban_covers_its_network_and_nothing_else(ban: str, address: str, is_banned: bool) -> None:
    assert (NetworkSet([(parse_network(ban), "why")]).find(address) == "why") is is_banned


def test_ten_thousand_bans_cost_what_ten_do() -> None:
    def cost(count: int) -> float:
        bans = NetworkSet(
            (parse_network(f"{10 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24"), "") for n in range(count)
        )
        addresses = [f"99.{n % 256}.{n // 256}.1" for n in range(2000)]
        for address in addresses:
            parse_address(address)
        began = time.perf_counter()
        for address in addresses:
            assert bans.find(address) is None
        return time.perf_counter() - began

    assert min(cost(10_000) for _ in range(5)) < 5 * min(cost(10) for _ in range(5))


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("no address", ""),
        ("", ""),
    ],
)
def test_an_ipv6_subscriber_is_counted_as_one(address: str, counted: str) -> None:
    assert subscriber_of(address) == counted
