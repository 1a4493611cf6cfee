"""About how many tokens a text is, without a tokenizer: for size gates, token counts and estimates of usage.

Strategy: every byte is mapped to a class in one pass of ``bytes.translate``, and the classes and some pairs of them are
counted; a weighted sum is the estimate. The weights are fitted to tokenizers of 130,000 to 260,000 entries (those of
GPT-4o and later, Qwen 3, DeepSeek 3, Gemma 3) on some three hundred texts: within a quarter of the first on English,
Chinese, Japanese, Korean and a dozen kinds of code, logs and tables (``tests/wire/test_tokens.py`` holds the limits: no
number fits the Chinese of all tokenizers, since the thriftiest make a third fewer of it).

Rules:
- never 0 for a text that is not empty, and never smaller for a longer text with the same beginning;
- no loop over characters: a megabyte takes some twenty milliseconds.
"""

from typing import Any, Final

import orjson

from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

# What a message costs beside its text, and what an image or a page of a document is taken for (tokens).
MESSAGE_TOKENS: Final = 4
IMAGE_TOKENS: Final = 1600
PAGE_TOKENS: Final = 2000
# A page of a PDF as base64 text, and a second of 16 kHz audio (characters); some 25 tokens a second of audio.
_PAGE_CHARS: Final = 100_000
_AUDIO_CHARS_PER_TOKEN: Final = 1700


def _class_table() -> bytes:
    table = bytearray(b"." * 256)
    for byte in range(256):
        table[byte] = ord(_class_of(byte))
    return bytes(table)


def _class_of(byte: int) -> str:
    if byte < 0x80:
        return _ascii_class(chr(byte))
    if byte < 0xC0:
        return "."  # continues a character
    if byte < 0xE0:
        return "2"  # begins Latin with accents, Greek, Cyrillic, Hebrew, Arabic
    if byte < 0xF0:
        return {0xE3: "k", 0xEA: "h", 0xEB: "h", 0xEC: "h", 0xED: "h", 0xEF: "f"}.get(byte, "c" if byte > 0xE3 else "3")
    return "4"  # begins an emoji or another rare character


def _ascii_class(character: str) -> str:
    if character == "\n":
        return "n"
    if character.isspace():
        return "s"
    if character.isdigit():
        return "d"
    if character.isalpha():
        return "a" if character.islower() else "A"
    return "p"


_CLASSES: Final = _class_table()
# Hundredths of a token for each byte class or pair of classes: lower and upper case letters, digits, punctuation, line
# ends, spaces; two-byte letters, kana, Hangul, full-width forms, Han, other scripts, emoji. Pairs: what stands together
# is often one token (below zero, never by more than the second of the two), what changes is often parted.
_WEIGHTS: Final = (
    (b"a", 20),
    (b"A", 40),
    (b"d", 65),
    (b"p", 67),
    (b"n", 118),
    (b"s", 3),
    (b"2", 30),
    (b"k", 70),
    (b"h", 79),
    (b"f", 50),
    (b"c", 67),
    (b"3", 55),
    (b"4", 190),
    (b"AA", -20),
    (b"dd", -24),
    (b"pp", -60),
    (b"nn", -115),
    (b"sa", 9),
    (b"ad", 75),
    (b"da", 86),
    (b"dA", 120),
    (b"pd", 92),
)


def estimate_tokens(text: str) -> int:
    """Tokens of ``text``, about; 0 only for ""."""
    if not text:
        return 0
    classes = text.encode("utf-8", "replace").translate(_CLASSES)
    hundredths = sum(classes.count(pattern) * weight for pattern, weight in _WEIGHTS)
    return max(1, round(hundredths / 100))


def estimate_request(request: ChatRequest) -> int:
    """Input tokens of a whole request, about: system text, turns, tools, images and documents."""
    total = sum(estimate_tokens(part.text) for part in request.system) + (MESSAGE_TOKENS if request.system else 0)
    for turn in request.turns:
        total += MESSAGE_TOKENS + sum(_part_tokens(part) for part in turn.parts)
    total += sum(_tool_tokens(tool) for tool in request.tools)
    total += sum(_json_tokens(tool.value) for tool in request.hosted_tools)
    if request.output.schema is not None:
        total += _json_tokens(request.output.schema)
    return total + 3


def _part_tokens(part: Part) -> int:
    match part:
        case TextPart() | RefusalPart() | ThinkingPart():
            return estimate_tokens(part.text)
        case ToolCallPart():
            return MESSAGE_TOKENS + estimate_tokens(part.name) + estimate_tokens(part.arguments)
        case ToolResultPart():
            return MESSAGE_TOKENS + sum(_part_tokens(inner) for inner in part.parts)
        case ImagePart():
            return IMAGE_TOKENS
        case FilePart(is_text=True):
            return estimate_tokens(part.data)
        case FilePart():
            return PAGE_TOKENS * (1 + len(part.data) // _PAGE_CHARS)
        case AudioPart():
            return 1 + len(part.data) // _AUDIO_CHARS_PER_TOKEN
        case RedactedPart():
            return len(part.data) // 4
        case OpaquePart():
            return _json_tokens(part.value)


def _tool_tokens(tool: Tool) -> int:
    schema = _json_tokens(tool.schema) if tool.schema is not None else 0
    return 2 * MESSAGE_TOKENS + estimate_tokens(tool.name) + estimate_tokens(tool.description) + schema


def _json_tokens(value: Any) -> int:
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        # Nests deeper than can be written: no upstream will get it either.
        return 1
    return min(estimate_tokens(text), IMAGE_TOKENS) if "base64," in text else estimate_tokens(text)
