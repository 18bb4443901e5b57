"""Draws the font and the picture that the site's stylesheet refers to. Needs fontTools, brotli and Pillow.

    python -m pip install fonttools brotli Pillow
    python design/make_assets.py                    # in example_project/

Both are ours, drawn by this script from nothing, and under the licence of the project. The outcome is committed: the
site itself needs neither fontTools nor brotli.
"""

import math
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

EXAMPLE = Path(__file__).resolve().parents[1]
STATIC = EXAMPLE / "photos" / "static" / "photos"

Point = tuple[float, float]
Stroke = list[Point]

EM = 1000
HALF = 43  # of the pen's width
SIDE = 38  # white space at each side of a letter
X, CAP, TALL, DEEP = 480, 690, 720, -200  # heights of x, F, l and the end of g
STEP = 9  # degrees between two points of an arc

LOW, HIGH, TOP = HALF, X - HALF, TALL - HALF
MIDDLE = X / 2
BOWL = (X - 2 * HALF) / 2


def line(*points: Point) -> list[Stroke]:
    """Straight pen strokes from point to point."""
    return [[one, other] for one, other in pairwise(points)]


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> list[Stroke]:
    """One pen stroke along an ellipse around (x, y), from one angle to another; a full turn is closed."""
    count = max(2, round(abs(end - start) / STEP))
    angles = (math.radians(start + (end - start) * number / count) for number in range(count + 1))
    return [[(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]]


def bowl(x: float = BOWL) -> list[Stroke]:
    return arc(x, MIDDLE, BOWL, BOWL, 0, 360)


def arch(left: float, width: float) -> list[Stroke]:
    """The shoulder of n, with its right stem."""
    across, spring = width / 2, HIGH - width / 2
    return arc(left + across, spring, across, across, 180, 0) + line((left + width, spring), (left + width, LOW))


STEM, RIGHT = line((0, LOW), (0, HIGH)), 2 * BOWL
LONG = line((0, LOW), (0, TOP))
GLYPHS: dict[str, list[Stroke]] = {
    "a": bowl() + line((RIGHT, LOW), (RIGHT, HIGH)),
    "b": bowl() + LONG,
    "c": arc(BOWL, MIDDLE, BOWL, BOWL, 48, 312),
    "d": bowl() + line((RIGHT, LOW), (RIGHT, TOP)),
    "e": line((0, MIDDLE), (RIGHT, MIDDLE)) + arc(BOWL, MIDDLE, BOWL, BOWL, 0, 312),
    "f": arc(190, TOP - 115, 115, 115, 60, 180) + line((75, TOP - 115), (75, LOW)) + line((-10, HIGH), (215, HIGH)),
    "g": bowl() + line((RIGHT, HIGH), (RIGHT, -10)) + arc(BOWL, -10, BOWL, -DEEP - HALF - 10, 0, -150),
    "h": LONG + arch(0, 350),
    "i": STEM + line((0, 640), (0, 642)),
    "k": LONG + line((300, HIGH), (0, 190)) + line((105, 272), (315, LOW)),
    "l": LONG,
    "m": STEM + arch(0, 305) + arch(305, 305),
    "n": STEM + arch(0, 350),
    "o": bowl(),
    "p": bowl() + line((0, HIGH), (0, DEEP + HALF)),
    "r": STEM + arc(175, HIGH - 175, 175, 175, 180, 62),
    "s": arc(150, 341, 135, 96, 35, 270) + arc(150, 147, 150, 98, 90, -148),
    "t": line((75, 620), (75, 165)) + arc(195, 165, 120, 122, 180, 292) + line((-10, HIGH), (230, HIGH)),
    "u": line((0, HIGH), (0, LOW + 175)) + arc(175, LOW + 175, 175, 175, 180, 360) + line((350, HIGH), (350, LOW)),
    "w": line((0, HIGH), (145, LOW), (290, HIGH), (435, LOW), (580, HIGH)),
    "y": line((0, HIGH), (185, LOW)) + line((370, HIGH), (120, DEEP + HALF)),
    "F": line((0, LOW), (0, CAP - HALF), (350, CAP - HALF)) + line((0, 355), (290, 355)),
    "N": line((0, LOW), (0, CAP - HALF), (410, LOW), (410, CAP - HALF)),
    "S": arc(205, 502, 190, 145, 35, 270) + arc(205, 200, 205, 157, 90, -148),
    "W": line((0, CAP - HALF), (190, LOW), (380, CAP - HALF), (570, LOW), (760, CAP - HALF)),
    ",": line((40, LOW), (0, -85)),
}


def outlines(stroke: Stroke) -> Iterator[list[Point]]:
    """The edge of what a round pen leaves along a stroke; two edges where the stroke is closed."""
    if math.dist(stroke[0], stroke[-1]) < 1 and len(stroke) > 2:
        yield list(beside(stroke, HALF))[::-1]
        yield list(beside(stroke, -HALF))
        return
    back = list(beside(stroke[::-1], HALF))
    forth = list(beside(stroke, HALF))
    yield [*forth, *cap(stroke[-1], forth[-1]), *back, *cap(stroke[0], back[-1])][::-1]


def beside(stroke: Stroke, distance: float) -> Iterator[Point]:
    """Points to the left of a stroke, one for each of its points."""
    for number, (x, y) in enumerate(stroke):
        before, after = stroke[max(number - 1, 0)], stroke[min(number + 1, len(stroke) - 1)]
        across, up = after[0] - before[0], after[1] - before[1]
        length = math.hypot(across, up)
        yield x - distance * up / length, y + distance * across / length


def cap(centre: Point, edge: Point) -> Iterator[Point]:
    """Half a circle around an end of a stroke, clockwise from its left edge."""
    start = math.atan2(edge[1] - centre[1], edge[0] - centre[0])
    for number in range(1, 8):
        angle = start - math.pi * number / 8
        yield centre[0] + HALF * math.cos(angle), centre[1] + HALF * math.sin(angle)


def glyph(strokes: Iterable[Stroke]):
    """A glyph and how wide it is."""
    pen = TTGlyphPen(None)
    contours = [contour for stroke in strokes for contour in outlines(stroke)]
    shift = SIDE - min((x for contour in contours for x, _ in contour), default=0)
    width = max((x for contour in contours for x, _ in contour), default=0) + shift + SIDE
    for contour in contours:
        pen.moveTo((round(contour[0][0] + shift), round(contour[0][1])))
        for x, y in contour[1:]:
            pen.lineTo((round(x + shift), round(y)))
        pen.closePath()
    drawn = pen.glyph()
    if contours:
        drawn.flags[0] |= 0x40  # its strokes overlap
    return drawn, round(width)


def make_font(path: Path) -> None:
    names = {".notdef": "", "space": " ", **{("comma" if letter == "," else letter): letter for letter in GLYPHS}}
    made = {name: glyph(GLYPHS.get(letter, [])) for name, letter in names.items()}
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder(list(names))
    builder.setupCharacterMap({ord(letter): name for name, letter in names.items() if letter})
    builder.setupGlyf({name: drawn for name, (drawn, _) in made.items()})
    builder.setupHorizontalMetrics(
        {name: (width if letter in GLYPHS else 260, 0) for (name, letter), (_, width) in zip(
            names.items(), made.values(), strict=True)}
    )  # fmt: skip
    builder.setupHorizontalHeader(ascent=800, descent=-220)
    builder.setupNameTable({"familyName": "Fernweh", "styleName": "Regular", "copyright": "django-s3sync contributors"})
    builder.setupOS2(
        sTypoAscender=800, sTypoDescender=-220, usWinAscent=800, usWinDescent=220, sxHeight=X, sCapHeight=CAP
    )
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = 3_786_912_000  # the same bytes each time
    builder.font.recalcTimestamp = False
    builder.font.flavor = "woff2"
    builder.save(path)


def make_sky(path: Path, size: tuple[int, int], quality: int) -> None:
    """A landscape of the kind that the site is seeded with."""
    sys.path.insert(0, str(EXAMPLE))
    from photos.pictures import draw_picture

    draw_picture(Random(2), size, "hills").convert("RGB").save(path, quality=quality, method=6)


if __name__ == "__main__":
    for folder in ("fonts", "img"):
        (STATIC / folder).mkdir(parents=True, exist_ok=True)
    make_font(STATIC / "fonts" / "fernweh.woff2")
    make_sky(STATIC / "img" / "sky.webp", (1600, 420), 88)
    make_sky(STATIC / "img" / "sky@2x.webp", (2880, 756), 70)
    for path in sorted(STATIC.rglob("*.*")):
        print(f"{path.stat().st_size:>7} {path.relative_to(STATIC)}")
