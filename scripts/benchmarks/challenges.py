"""What each family of challenges costs a blind guesser, a pattern script and text readers; time and sizes.

Text readers (tesseract with pytesseract, rapidocr, ddddocr) are used if this Python has them; the project doesn't
depend on any. To have them, run the module with the Python of another environment that also holds Pillow and orjson:

    PYTHONPATH=.:tests /path/to/python -m scripts.benchmarks.challenges
"""

import argparse
import importlib.util
import io
import re
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import orjson
from challenge.pattern_script import answer
from PIL import Image

from freetheai.challenge import FAMILIES, Challenge, Family, grade
from freetheai.challenge.answers import blind_odds

Reader = Callable[[bytes], str]
NOT_INSTALLED = "not installed"
_LEGEND = (
    "Size: characters to read, or bytes of the picture.",
    "Readers: share solved by the text alone / share in which the text holds all letters of the answer.",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, metavar="N", help="challenges drawn of each family (200)")
    parser.add_argument(
        "--pictures", type=int, default=40, metavar="N", help="pictures each reader is given of each family (40)"
    )
    parser.add_argument("--seed", default="report", help="the same seed draws the same challenges")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    readers = find_readers()
    rows = [measure(family, options, readers) for family in FAMILIES.values()]
    if options.json:
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    print(table(rows))


def measure(family: Family, options: argparse.Namespace, readers: dict[str, Reader | None]) -> dict[str, Any]:
    """The figures of one family."""
    rng, luck = Random(f"{options.seed} {family.name}"), Random(options.seed)
    drawn, times_ms = [], []
    for _ in range(options.count):
        start = time.perf_counter()
        drawn.append(family.draw(rng))
        times_ms.append(1000 * (time.perf_counter() - start))
    sizes = [len(challenge.picture) if challenge.picture else _characters(challenge) for challenge in drawn]
    return {
        "family": family.name,
        "kind": family.kind,
        "weight": family.weight,
        "drawn": len(drawn),
        # The mean of the odds, not the odds of the mean: what a guesser gets in the long run.
        "blind_guess_1_in": round(1 / statistics.fmean(1 / blind_odds(c.secret) for c in drawn)),
        "pattern_script_passed": sum(grade(c.family, c.secret, answer(c, luck)) for c in drawn),
        "draw_ms_median": round(statistics.median(times_ms), 2),
        "draw_ms_max": round(max(times_ms), 2),
        # Bytes of the picture, or characters to read.
        "size_min": min(sizes),
        "size_max": max(sizes),
        "readers": {
            name: read_all(drawn[: options.pictures], reader) if reader else NOT_INSTALLED
            for name, reader in readers.items()
        }
        if family.kind == "picture"
        else {},
    }


def _characters(challenge: Challenge) -> int:
    """How much there is to read."""
    labels = [label for field in challenge.fields for _, label in field.options]
    return (
        len(challenge.display) + sum(len(f.label) + len(f.description) for f in challenge.fields) + len("".join(labels))
    )


def read_all(drawn: list[Challenge], reader: Reader) -> dict[str, float]:
    """Of the pictures: the share solved by the reader's text, and the share in which it holds the answer's letters."""
    passed = held = 0
    for challenge in drawn:
        text = reader(challenge.picture or b"")
        passed += any(grade(challenge.family, challenge.secret, answers) for answers in attempts(challenge, text))
        typed = [rule["right"] for rule in challenge.secret["rules"] if isinstance(rule["right"], str)]
        held += bool(typed) and all(letter in text.upper() for right in typed for letter in right)
    return {"passed": round(passed / len(drawn), 3), "letters_held": round(held / len(drawn), 3)}


def attempts(challenge: Challenge, text: str) -> Iterator[dict[str, Any]]:
    """What a script sends that only has a picture's text: the pattern script's answers, and what was read as it is."""
    yield answer(replace(challenge, display=text), Random(text))
    lone = re.findall(r"\b[A-Z]\b", text)
    digits = re.findall(r"[0-9]", text)
    for found in ("".join(lone), "".join(lone[3:]), "".join(digits), "".join(digits[:3]), "".join(digits[-3:])):
        yield {field.id: found for field in challenge.fields}
    times = re.findall(r"\b[0-9]{1,2}[:.][0-9]{2}\b", text)
    yield {field.id: found for field, found in zip(challenge.fields, times, strict=False)}
    for field in challenge.fields:
        yield {field.id: [value for value, label in field.options if label in lone]}


def find_readers() -> dict[str, Reader | None]:
    """The known text readers; None where this Python lacks one."""
    has_tesseract = bool(importlib.util.find_spec("pytesseract") and shutil.which("tesseract"))
    return {
        "tesseract": _tesseract() if has_tesseract else None,
        "rapidocr": _rapidocr() if importlib.util.find_spec("rapidocr_onnxruntime") else None,
        "ddddocr": _ddddocr() if importlib.util.find_spec("ddddocr") else None,
    }


def _tesseract() -> Reader:
    import pytesseract

    # Sparse text: letters stand about, they are no page.
    return lambda picture: str(
        pytesseract.image_to_string(Image.open(io.BytesIO(picture)).convert("L"), config="--psm 11")
    )


def _rapidocr() -> Reader:
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR()

    def read(picture: bytes) -> str:
        found, _ = engine(picture)
        return "\n".join(text for _, text, _ in found or [])

    return read


def _ddddocr() -> Reader:
    import ddddocr

    finder, engine = ddddocr.DdddOcr(det=True, show_ad=False), ddddocr.DdddOcr(show_ad=False)

    def read(picture: bytes) -> str:
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        boxes = sorted(finder.detection(picture), key=lambda box: (box[1] // 60, box[0]))
        return "\n".join(engine.classification(image.crop(box)) for box in boxes).upper()

    return read


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as a table in markdown."""
    readers = list(next(row["readers"] for row in rows if row["readers"]))
    head = ["family", "kind", "weight", "blind guess", "pattern script", "drawing ms (max)", "size", *readers]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [
            row["family"],
            row["kind"],
            f"{row['weight']:g}",
            f"1 in {row['blind_guess_1_in']:,}",
            f"{row['pattern_script_passed']} of {row['drawn']}",
            f"{row['draw_ms_median']:g} ({row['draw_ms_max']:g})",
            str(row["size_max"]) if row["size_min"] == row["size_max"] else f"{row['size_min']}-{row['size_max']}",
            *(_shares(row["readers"].get(reader)) for reader in readers),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_LEGEND])


def _shares(read: dict[str, float] | str | None) -> str:
    if not isinstance(read, dict):
        return read or "-"
    return f"{read['passed']:.0%} / {read['letters_held']:.0%}"


if __name__ == "__main__":
    main()
