"""A sheet to draw on, and a picture file whose size says nothing.

Strategy: draw coverage (0 paper, 255 ink) at twice the size, shrink, keep sixteen shades, and colour the shades between
a pair of paper and ink. So a picture has one ink: nothing depends on colour, and contrast is a property of the pair.

Rules:
- 720 x 480 pixels; no text smaller than 28, which is 14 on a phone that shows the picture at half size;
- paper and ink differ by a contrast of 7 or more, also where the paper is shaded;
- the file holds the four necessary kinds of chunk and nothing else: no text, time or name;
- every file has exactly `FILE_BYTES`: empty deflate blocks (5 bytes) and empty IDAT chunks (12 bytes) fill it up, both
  of which are legal and carry nothing (RFC 1951, 3.2.4; PNG, third edition, 11.2.3).
"""

import io
import math
import zlib
from collections.abc import Sequence
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 720, 480
FILE_BYTES = 48 * 1024
SMALLEST_TEXT = 28

# Paper and ink, as red, green, blue.
PAIRS: tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...] = (
    ((250, 250, 245), (25, 25, 30)),
    ((240, 246, 252), (16, 36, 84)),
    ((253, 246, 227), (60, 30, 12)),
    ((238, 248, 238), (10, 58, 30)),
    ((251, 240, 246), (80, 12, 50)),
    ((24, 28, 36), (240, 240, 232)),
    ((12, 34, 44), (214, 242, 240)),
    ((40, 22, 44), (250, 230, 240)),
)
_SCALE = 2
_SHADES = 16
# How dark the decoration of the paper may be, of 255: a shade that leaves a contrast of 7 with the ink.
SHADED = 34

Point = tuple[float, float]


class Sheet:
    """A picture in the making. Coordinates and sizes are in pixels of the finished picture."""

    def __init__(self, rng: Random) -> None:
        self._paper, self._ink = rng.choice(PAIRS)
        self._image = Image.new("L", (WIDTH * _SCALE, HEIGHT * _SCALE), 0)
        self._draw = ImageDraw.Draw(self._image)
        self._shade(rng)

    def text(self, at: Point, text: str, size: float, ink: int = 255) -> None:
        """``text`` with its middle at ``at``."""
        font = _font(round(size) * _SCALE)
        self._draw.text(_scaled(at), text, fill=ink, font=font, anchor="mm", stroke_width=1)

    def line(self, points: Sequence[Point], width: float, ink: int = 255) -> None:
        """A line through ``points`` with round joints and ends."""
        scaled = [_scaled(point) for point in points]
        thick = round(width * _SCALE)
        self._draw.line(scaled, fill=ink, width=thick, joint="curve")
        for point in (scaled[0], scaled[-1]):
            self._draw.circle(point, thick / 2, fill=ink)

    def area(self, points: Sequence[Point], width: float, *, filled: bool) -> None:
        """A closed shape, filled or as an outline ``width`` wide with clean paper inside."""
        self._draw.polygon([_scaled(point) for point in points], fill=255 if filled else 0)
        self.line([*points, points[0]], width)

    def ring(self, at: Point, radius: float, width: float, gap: tuple[float, float] | None = None) -> None:
        """A circle, whole or open from the first to the second angle of ``gap`` (degrees, clockwise from the right)."""
        start, end = (gap[1], gap[0] + 360) if gap else (0.0, 360.0)
        steps = max(8, round(end - start) // 4)
        angles = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
        self.line([(at[0] + radius * math.cos(x), at[1] + radius * math.sin(x)) for x in angles], width)

    def dot(self, at: Point, radius: float, ink: int = 255) -> None:
        """A filled circle."""
        self._draw.circle(_scaled(at), radius * _SCALE, fill=ink)

    def question(self, rng: Random, lines: Sequence[str]) -> float:
        """Write the task at the top, in one or two lines, and return where the room beneath begins."""
        y = 30.0
        for text in lines:
            size = float(rng.choice((28, 29, 30)))
            while size > SMALLEST_TEXT and self._width(text, size) > WIDTH - 30:
                size -= 1
            self.text((WIDTH / 2 + rng.uniform(-4, 4), y), text, size)
            y += 36
        return y

    def png(self) -> bytes:
        """The finished picture as a file of exactly `FILE_BYTES`.

        Raises:
            ValueError: the drawing is too rich for that size; a family's tests see to it that none is.
        """
        small = self._image.reduce(_SCALE).point([round(x * (_SHADES - 1) / 255) for x in range(256)])
        small.putpalette(
            [
                round(p + (i - p) * s / (_SHADES - 1))
                for s in range(_SHADES)
                for p, i in zip(self._paper, self._ink, strict=True)
            ]
        )
        small.info.clear()
        file = io.BytesIO()
        small.save(file, "PNG", bits=4, compress_level=6)
        return filled_up(file.getvalue(), FILE_BYTES)

    def _shade(self, rng: Random) -> None:
        """Decorate the paper with faint patches, neither lines nor rings: no two sheets have the same ground."""
        for _ in range(rng.randrange(3, 6)):
            middle = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
            self._draw.circle(_scaled(middle), rng.uniform(50, 150) * _SCALE, fill=SHADED)

    def _width(self, text: str, size: float) -> float:
        return _font(round(size) * _SCALE).getlength(text) / _SCALE


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow carries (Aileron), so that no file has to be installed or packed."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType: pictures can't be lettered")
    return font


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def filled_up(png: bytes, size: int) -> bytes:
    """The same picture in exactly ``size`` bytes, without ancillary chunks.

    Raises:
        ValueError: it needs more than that.
    """
    kept = [(kind, data) for kind, data in _chunks(png) if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND")]
    stream = b"".join(data for kind, data in kept if kind == b"IDAT")
    head = b"".join(_chunk(kind, data) for kind, data in kept if kind in (b"IHDR", b"PLTE"))
    room = size - len(png[:8]) - len(head) - len(stream) - 2 * len(_chunk(b"IEND", b""))
    # At least four empty blocks' room is asked for, so that some number of chunks makes the rest divisible by five.
    if room < 4 * 12:
        raise ValueError(f"the picture needs {-room} bytes more than {size}")
    chunks = next(count for count in range(5) if (room - 12 * count) % 5 == 0)
    # After zlib's header of two bytes the stream is at a byte's edge: stored blocks of length 0 may stand there.
    stream = stream[:2] + b"\x00\x00\x00\xff\xff" * ((room - 12 * chunks) // 5) + stream[2:]
    return png[:8] + head + _chunk(b"IDAT", stream) + _chunk(b"IDAT", b"") * chunks + _chunk(b"IEND", b"")


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def _luminance(colour: tuple[int, int, int]) -> float:
    parts = [x / 255 / 12.92 if x <= 10 else ((x / 255 + 0.055) / 1.055) ** 2.4 for x in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _scaled(point: Point) -> Point:
    return point[0] * _SCALE, point[1] * _SCALE
