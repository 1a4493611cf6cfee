"""What can be banned: an address, a network or a client signature, in the form bans are kept and compared in."""

from typing import Final

from freetheai.addresses import parse_network
from freetheai.clients import MAX_NAME_CHARS

# Networks wider than these prefix lengths hold whole providers or more: a slip of the hand rather than a ban.
WIDE_V4_BITS: Final = 9
WIDE_V6_BITS: Final = 32
# A beginning shorter than this, and a `*`, stands for programs nobody had in mind.
_NARROW_BEGINNING: Final = 4


class NotBannable(ValueError):
    """It is no address, network or signature; the text is one line for whoever asked."""


def normalised_ban(kind: str, value: str) -> str:
    """``value`` as bans of ``kind`` (``ip`` or ``client``) are kept. Raises ``NotBannable``."""
    if kind == "client":
        name = value.strip().lower()
        is_word = name.isprintable() and not any(character.isspace() for character in name)
        if not name.strip("*") or len(name) > MAX_NAME_CHARS or not is_word or "*" in name[:-1]:
            raise NotBannable(
                f"a client signature has 1 to {MAX_NAME_CHARS} characters without spaces, a * only at its end,"
                " and is not only *"
            )
        return name
    try:
        network = parse_network(value)
    except ValueError as error:
        raise NotBannable(f"{value!r} is no address or CIDR: {error}") from error
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def is_wide(kind: str, value: str) -> bool:
    """Whether ``value`` (normalised) bans so much that whoever asks should say it twice."""
    if kind == "client":
        return value.endswith("*") and len(value) <= _NARROW_BEGINNING
    network = parse_network(value)
    return network.prefixlen < (WIDE_V4_BITS if network.version == 4 else WIDE_V6_BITS)
