"""Source addresses: who is really calling, and whether they are banned.

Rules:
- `X-Forwarded-For` counts only when the connection comes from a trusted proxy, and is walked from the right, over
  further trusted proxies, to the first address that is none: what stands left of it anyone may have written;
- an IPv4 address written as IPv6 (`::ffff:1.2.3.4`) is that IPv4 address;
- where callers are counted, an IPv6 address stands for its /64, which is what one subscriber has;
- ten thousand bans cost as much as ten: a look-up per prefix length that occurs, not per ban.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# A forged header may be long; nobody stands behind more proxies than this.
_MAX_HOPS = 32
_SUBSCRIBER_BITS = 64


def parse_address(text: str) -> Address | None:
    """The address in ``text`` (brackets, port and zone dropped, mapped IPv4 unwrapped), None if there is none."""
    return _parse(text[:64])


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


# All bans are read again now and then: parsing ten thousand takes 50 ms, finding them here one.
@lru_cache(maxsize=32_768)
def parse_network(text: str) -> Network:
    """An address or CIDR as a network, mapped IPv4 unwrapped, host bits dropped; ValueError says what is wrong."""
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((int(mapped), network.prefixlen - 96))
    return network


@lru_cache(maxsize=4096)
def subscriber_of(text: str) -> str:
    """What the address ``text`` is counted as: itself, of IPv6 its /64 (``2001:db8:1:2::/64``); "" for what is none."""
    address = _parse(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _SUBSCRIBER_BITS), strict=False))
    return "" if address is None else str(address)


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether ``address`` lies in one of ``networks`` (few: trusted proxies)."""
    return any(address.version == network.version and address in network for network in networks)


def source_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The caller's address as text; ``peer`` itself (a Unix socket's is "") when it is no address.

    ``forwarded_for`` is the joined `X-Forwarded-For`.
    """
    address = parse_address(peer)
    if address is None:
        return peer
    if forwarded_for and is_within(address, trusted):
        for hop in reversed(forwarded_for.split(",")[-_MAX_HOPS:]):
            client = parse_address(hop)
            if client is None:
                break
            address = client
            if not is_within(address, trusted):
                break
    return str(address)


class NetworkSet:
    """Banned networks with their reasons, looked up by address."""

    def __init__(self, networks: Iterable[tuple[Network, str]] = ()) -> None:
        # (version, host bits) -> {network number: reason}
        self._tables: dict[tuple[int, int], dict[int, str]] = {}
        for network, reason in networks:
            host_bits = network.max_prefixlen - network.prefixlen
            table = self._tables.setdefault((network.version, host_bits), {})
            table[int(network.network_address) >> host_bits] = reason

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables.values())

    def find(self, text: str) -> str | None:
        """The reason ``text`` is banned for ("" if none was given), None if it is not."""
        if not self._tables or (address := parse_address(text)) is None:
            return None
        number = int(address)
        for (version, host_bits), table in self._tables.items():
            if version == address.version and (reason := table.get(number >> host_bits)) is not None:
                return reason
        return None
