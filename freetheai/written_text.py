"""Whether a person has written something: what is too short, repeats itself or was rolled over the keys has not been.

Strategy: a few measures of the text itself, each with a bound that ordinary sentences of any language stay clear of. It
keeps out what costs no thought; whether the sentence is true is for people to judge.

Rules:
- a text is never refused for its language: letters of any script count, those of scripts without spaces between words
  (Chinese, Japanese) count for three, measures that only fit the Latin script are taken of its letters alone;
- what is wrong is said in one plain sentence, so that an honest writer knows what to do.
"""

import re
import unicodedata
from collections import Counter
from itertools import pairwise
from typing import Final

# Weighted letters and digits that a sentence has at least, and different ones among them.
MIN_LETTERS: Final = 12
MIN_DIFFERENT: Final = 6
_WIDE_WEIGHT: Final = 3
# The share of the text that one character may be.
_MAX_SHARE: Final = 0.4
# Neighbours in reading order, on the rows (and the slanted columns) of the usual keyboards.
_ROWS: Final = (
    "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
    "1234567890", "qaz", "wsx", "edc", "rfv", "tgb", "yhn", "ujm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю",
)  # fmt: skip
_NEIGHBOURS: Final = frozenset(pair for row in _ROWS for way in (row, row[::-1]) for pair in pairwise(way))
# Above this share of neighbouring pairs, words of at least so many letters were not spelled but rolled.
_MAX_NEIGHBOURS: Final = 0.6
_MIN_ROLLED: Final = 4
# Of the letters of the Latin script, the share of vowels below which nothing can be pronounced; the longest run of
# others that words have.
_MIN_VOWELS: Final = 0.18
_MAX_CONSONANTS: Final = 6
_VOWELS: Final = frozenset("aeiouyáàâäãåæéèêëíìîïóòôöõøœúùûüý")
# Words that are written again and again: this share of all words may be one of them, past the first few words.
_MAX_REPEATED: Final = 0.5
_MIN_WORDS: Final = 4

_TOO_SHORT: Final = "That is too short. Write a whole sentence."
_REPEATED: Final = "That repeats itself. Write a whole sentence in your own words."
_NOISE: Final = "That does not read like words. Write a whole sentence."


def one_line(text: str, max_chars: int) -> str:
    """``text`` on one line, without what can't be printed, at most ``max_chars`` characters."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if character.isprintable())[:max_chars].strip()


def what_is_wrong(text: str) -> str:
    """What to tell the writer, "" when ``text`` may have been written by someone with something to say."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    letters = [character for character in plain if character.isalnum()]
    if sum(_weight(letter) for letter in letters) < MIN_LETTERS:
        return _TOO_SHORT
    if _repeats(plain, letters):
        return _REPEATED
    if _is_rolled(plain) or _is_unpronounceable(plain):
        return _NOISE
    return ""


def _weight(letter: str) -> int:
    return _WIDE_WEIGHT if unicodedata.east_asian_width(letter) in "WF" else 1


def _repeats(plain: str, letters: list[str]) -> bool:
    counts = Counter(letters)
    is_wide = any(_weight(letter) > 1 for letter in letters)
    if not is_wide and len(counts) < MIN_DIFFERENT:
        return True
    if max(counts.values()) > _MAX_SHARE * len(letters) and len(letters) > 2:
        return True
    # The whole is a piece of it over and over: `give key give key give key`.
    if re.fullmatch(r"(.{1,40}?)\1{2,}.{0,40}", "".join(letters)[:400]):
        return True
    words = re.findall(r"\w+", plain)
    if not is_wide and sum(1 for word in words if len(word) == 1) > len(words) / 2:
        return True
    most = Counter(words).most_common(1)[0][1]
    return len(words) >= _MIN_WORDS and most > _MAX_REPEATED * len(words)


def _is_rolled(plain: str) -> bool:
    """Most of the longer words are made of keys that lie side by side."""
    words = [word for word in re.findall(r"\w+", plain) if len(word) >= _MIN_ROLLED]
    pairs = [pair for word in words for pair in pairwise(word)]
    if not pairs:
        return False
    rolled = sum(1 for pair in pairs if pair in _NEIGHBOURS or pair[0] == pair[1])
    return rolled > _MAX_NEIGHBOURS * len(pairs)


def _is_unpronounceable(plain: str) -> bool:
    latin = [character for character in plain if character.isalpha() and "LATIN" in unicodedata.name(character, "")]
    if len(latin) < MIN_LETTERS:
        return False
    vowels = sum(1 for letter in latin if letter in _VOWELS)
    if vowels < _MIN_VOWELS * len(latin):
        return True
    # Names such as `mpstlkr` occur; a text that is mostly such runs is noise.
    runs = re.findall(rf"[^\W\d_{''.join(sorted(_VOWELS))}]{{{_MAX_CONSONANTS},}}", plain)
    return sum(map(len, runs)) > len(latin) / 3
