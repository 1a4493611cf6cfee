"""Pictures: one size, nothing but the picture in the file, contrast, and that they show what the secret says."""

import io
import zlib
from random import Random

import pytest
from PIL import Image

from freetheai.challenge import FAMILIES, Challenge
from freetheai.challenge.drawn import canvas

DRAWN = [name for name, family in FAMILIES.items() if family.kind == "picture"]
every_family = pytest.mark.parametrize("name", DRAWN)


@pytest.fixture
def drawn(pictures: dict[str, list[Challenge]]) -> dict[str, list[Challenge]]:
    return pictures


def opened(challenge: Challenge) -> Image.Image:
    assert challenge.picture is not None
    return Image.open(io.BytesIO(challenge.picture))


def test_the_size_of_a_file_is_the_same_for_all(drawn):
    assert {len(c.picture or b"") for challenges in drawn.values() for c in challenges} == {canvas.FILE_BYTES}


@every_family
def test_a_file_holds_the_picture_and_nothing_else(drawn, name):
    for challenge in drawn[name]:
        assert challenge.picture_format == "png" and challenge.picture
        kinds = [kind for kind, _ in canvas._chunks(challenge.picture)]
        assert kinds[0] == b"IHDR" and kinds[-1] == b"IEND" and set(kinds) == {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
        picture = opened(challenge)
        assert picture.size == (720, 480) and picture.info == {}
        picture.load()


def test_filling_up_leaves_the_picture_alone():
    for width in range(40, 60):
        plain = Image.frombytes("L", (width, 9), Random(width).randbytes(width * 9))
        file = io.BytesIO()
        plain.save(file, "PNG", dpi=(300, 300))
        padded = canvas.filled_up(file.getvalue(), 3000 + width)
        assert len(padded) == 3000 + width
        assert Image.open(io.BytesIO(padded)).tobytes() == plain.tobytes()
        stream = b"".join(data for kind, data in canvas._chunks(padded) if kind == b"IDAT")
        unpacker = zlib.decompressobj()
        assert len(unpacker.decompress(stream)) == 9 * (width + 1) and unpacker.eof and not unpacker.unused_data


def test_a_picture_too_rich_for_its_file_is_refused():
    file = io.BytesIO()
    Image.frombytes("L", (50, 50), Random(1).randbytes(2500)).save(file, "PNG")
    with pytest.raises(ValueError, match="needs"):
        canvas.filled_up(file.getvalue(), 2000)


@pytest.mark.parametrize(("paper", "ink"), canvas.PAIRS)
def test_the_contrast_is_seven_also_on_shaded_paper(paper, ink):
    share = canvas.SHADED / 255
    shaded = tuple(round(p + (i - p) * share) for p, i in zip(paper, ink, strict=True))
    assert canvas.contrast(paper, ink) >= 7
    assert canvas.contrast(shaded, ink) >= 7


def test_contrast_is_counted_as_the_standard_does():
    assert canvas.contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    assert canvas.contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


@every_family
def test_the_file_itself_has_that_contrast_and_one_ink(drawn, name):
    for challenge in drawn[name]:
        picture = opened(challenge)
        used = sorted((count, index) for index, count in enumerate(picture.histogram()[:16]) if count)
        palette = picture.getpalette() or []
        colours = [tuple(palette[3 * index : 3 * index + 3]) for index in range(16)]
        assert used[-1][1] == 0 or used[-2][1] == 0, "paper is most of it"
        assert canvas.contrast(colours[0], colours[15]) >= 7
        assert picture.histogram()[15] > 2000, "the ink is there in full"


@every_family
def test_what_is_said_about_a_picture_is_the_same_for_all_of_its_family(drawn, name):
    alts = {c.alt_text for c in drawn[name]}
    assert len(alts) == 1
    assert "words instead" in alts.pop()
    assert all(c.display == "" for c in drawn[name])


@every_family
def test_the_modal_of_a_picture_doesnt_hold_the_question(drawn, name):
    shown = {(f.label, f.description, f.placeholder) for c in drawn[name] for f in c.fields}
    assert len(shown) <= 30
    words = " ".join(" ".join(text) for text in shown).lower()
    for telling in ("star", "circle", "ring", "gap", "box", "clock", "arrow", "line", "filled"):
        assert telling not in words


def test_letters_that_look_alike_are_not_used(drawn):
    for challenges in drawn.values():
        for challenge in challenges:
            for rule in challenge.secret["rules"]:
                if rule["rule"] == "letters":
                    assert not set(rule["right"]) & set("OQIL01")


@every_family
def test_text_is_never_too_small_nor_runs_over_the_edge(monkeypatch, name):
    written = []
    real = canvas.Sheet.text

    def spy(self, at, text, size, ink=255):
        written.append((at[0], at[1], self._width(text, size), size))
        real(self, at, text, size, ink)

    monkeypatch.setattr(canvas.Sheet, "text", spy)
    for seed in range(20):
        FAMILIES[name].draw(Random(seed))
    for x, y, width, size in written:
        assert size >= canvas.SMALLEST_TEXT
        assert width / 2 <= x <= canvas.WIDTH - width / 2
        assert size / 2 <= y <= canvas.HEIGHT - size / 2
