"""Signatures of thinking on their way to a Messages client and back: see ``docs/decisions/0004-signatures.md``.

Rules:
- what leaves us is tagged with who made it (``signature.tag``), relayed or translated alike;
- a tagged value goes back to its maker, byte for byte, and to no other;
- an untagged one was not given out by us: a Messages client sends it at its own risk, the others can't have one;
- ``UNSIGNED`` stands where nobody signed: it goes to nobody, its text only where signatures are not checked.
"""

from typing import Final

from freetheai.wire.signature import tag, untag

# Begins like a tag, so it is never taken for a foreign signature; names no maker, so it is nobody's.
UNSIGNED: Final = "fta1.unsigned"
_TAG: Final = "fta1."


def signature_sent(origin: str, signature: str) -> str:
    """The signature a client gets for thinking that ``origin`` made."""
    return tag(origin, signature) or UNSIGNED


def is_unsigned(signature: str) -> bool:
    """Whether nobody signed: a client may also have lost our mark."""
    return signature in ("", UNSIGNED)


def signature_back(origin: str, signature: str, *, takes_untagged: bool) -> str:
    """The opaque value as ``origin`` made it; "" if another made it, or nobody."""
    if signature.startswith(_TAG):
        return untag(origin, signature)
    return signature if takes_untagged else ""
