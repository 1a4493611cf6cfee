"""Mask what must not be read in a log: first keys and passwords, then also where we send requests.

Strategy: ordered expressions, the surest sign first (a scheme, a name such as ``api_key`` before it, a known prefix),
then long runs that look like nothing but a key. Repetitions are bounded or begin only where a run begins, so that the
time is linear whatever a provider sends.

Rules:
- rather a word too many masked than a key shown; paths and names of code survive, or a traceback could not be read;
- our own ids (``req_…``, error ids) survive: they are what a line is searched by;
- text is cut before it is searched, and a run cut in two is dropped, since half a key looks like none.
"""

import re
from typing import Final

MASK: Final = "***"
# What is kept of a provider's answer, in bytes of UTF-8.
EXCERPT_BYTES: Final = 4096
# What is searched of a text, in characters.
_SEARCHED_CHARACTERS: Final = EXCERPT_BYTES + 1024

_KEYS: Final = re.compile(
    r"""
    (?P<url> (?i:\b[a-z][a-z0-9+.-]{1,20}://) ) [^\s/"']{1,512}(?=@)
    | (?P<named>
        (?i: \b (?:[a-z]{1,20}[-_]){0,3}
             (?:authorization|api[-_\ ]?key|access[-_\ ]?token|token|secret|passw(?:or)?d)
             ["']?\s{0,3}[:=]\s{0,3}["']? (?:(?:bearer|basic|bot)\s{1,3})? )
      ) [^\s"',;&}]{4,}
    | (?P<scheme> (?i:\b(?:bearer|basic|bot)\s{1,3}) ) (?=\S{0,256}[0-9]) [A-Za-z0-9._~+/=-]{6,}
    | \beyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9._-]*
    | \bfta_[A-Za-z0-9]{12,}
    | \bAIza[A-Za-z0-9_-]{16,}
    | \b(?i:sk|pk|rk|ak|gsk|xai|hf|ghp|gho|nvapi|tgp|key|fw|csk|pplx)[-_](?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{8,}
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b
    | (?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}={1,2}
    | (?<![A-Za-z0-9_])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{24,}
    | (?<![A-Za-z0-9_])(?=[A-Za-z]*[0-9])(?=[0-9a-z]*[A-Z])(?=[0-9A-Z]*[a-z])[A-Za-z0-9]{20,}
    | (?<![A-Za-z0-9_-])(?=[A-Za-z_-]*[0-9])(?=[0-9a-z_-]*[A-Z])(?=[0-9A-Z_-]*[a-z])[A-Za-z0-9_-]{32,}
    """,
    re.VERBOSE,
)

_PLACES: Final = re.compile(
    r"""
    (?P<url> \b[a-z][a-z0-9+.-]{1,20}:// ) [^\s"'<>)\]}]+
    | (?<![a-z0-9._%+-]) [a-z0-9._%+-]{1,64} @ [a-z0-9.-]{1,255}
    | (?<![a-z0-9.-]) (?:[a-z0-9-]{1,63}\.){1,8}
        (?:com|net|org|io|ai|dev|cloud|app|cn|xyz|co|eu|us|me|tech|run|sh|internal|local|lan|svc)
        \b (?!\.[a-z]) (?::\d{1,5})?
    | \blocalhost\b (?::\d{1,5})?
    | (?<![\d.]) (?:\d{1,3}\.){3} \d{1,3} (?::\d{1,5})? (?![\d.])
    | \[ (?=[0-9a-f.]*:[0-9a-f.]*:) [0-9a-f:.]{2,45} \] (?::\d{1,5})?
    | (?<![\w:.]) (?=[0-9a-f:]{0,45}(?:::|(?::[0-9a-f]{1,4}){3})) [0-9a-f:]{3,45} (?![\w:])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CUT_RUN: Final = re.compile(r"(?<![A-Za-z0-9_+/=.-])[A-Za-z0-9_+/=.-]+\Z")


def mask_keys(text: str) -> str:
    """``text`` with everything that looks like a key, token or password masked."""
    return _KEYS.sub(_masked, text)


def redact(text: str) -> str:
    """What a provider said, fit for the log: keys, URLs, hosts and addresses masked, at most 4 KB of UTF-8."""
    if len(text) > _SEARCHED_CHARACTERS:
        text = _CUT_RUN.sub("", text[:_SEARCHED_CHARACTERS])
    redacted = _PLACES.sub(_masked, mask_keys(text))
    return redacted.encode("utf-8", "replace")[:EXCERPT_BYTES].decode("utf-8", "ignore")


def _masked(match: re.Match[str]) -> str:
    # What tells the reader which kind of thing was here stays: `Bearer ***`, `api_key=***`, `https://***`.
    return (match[match.lastgroup] if match.lastgroup else "") + MASK
