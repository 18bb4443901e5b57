"""Pictures to fill the site with: little landscapes, drawn by Pillow from a random number generator.

The same generator state always gives the same picture, so a seeded site is the same everywhere.
"""

import math
from random import Random

from PIL import Image, ImageDraw, ImageFilter, ImageOps

Colour = tuple[int, int, int]

#: From the top of the sky to the horizon, then the nearest hill.
PALETTES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((44, 44, 122), (224, 96, 126), (255, 194, 120), (34, 24, 58)),  # dusk
    ((86, 160, 214), (168, 214, 236), (250, 240, 214), (38, 84, 84)),  # noon
    ((16, 22, 56), (40, 60, 118), (122, 132, 178), (8, 12, 30)),  # night
    ((250, 172, 138), (252, 210, 166), (255, 240, 210), (138, 74, 82)),  # desert
    ((92, 126, 142), (164, 190, 194), (226, 230, 220), (34, 56, 62)),  # mist
    ((64, 42, 108), (152, 88, 158), (250, 170, 166), (42, 24, 72)),  # lavender
    ((20, 92, 110), (80, 176, 164), (238, 226, 170), (10, 48, 66)),  # lagoon
    ((196, 78, 62), (240, 150, 74), (255, 222, 132), (74, 26, 40)),  # autumn
)


def draw_picture(random: Random, size: tuple[int, int], scene: str) -> Image.Image:
    """A landscape of the given size in pixels, with one of SCENES before its sky."""
    top, middle, horizon, near = random.choice(PALETTES)
    picture = _sky(size, top, middle, horizon)
    line = random.uniform(0.52, 0.66)
    _lights(picture, random, top, horizon, line)
    SCENES[scene](picture, random, line, horizon, near)
    return picture


def _sky(size: tuple[int, int], top: Colour, middle: Colour, horizon: Colour) -> Image.Image:
    # Coloured while it is one pixel wide, and only then stretched: a fraction of the work.
    column = Image.linear_gradient("L").resize((1, size[1]))
    return ImageOps.colorize(column, top, horizon, middle, whitepoint=190, midpoint=100).resize(size)


def _lights(picture: Image.Image, random: Random, top: Colour, horizon: Colour, line: float) -> None:
    """Stars where the sky is dark, and a sun or moon with its glow."""
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    if sum(top) < 150:
        for _ in range(70):
            x, y = random.uniform(0, width), random.uniform(0, height * 0.5)
            r = random.uniform(0.3, 1.0) * height / 480
            draw.ellipse((x - r, y - r, x + r, y + r), fill=_mix(top, (255, 255, 255), random.uniform(0.4, 0.95)))
    x, y = width * random.uniform(0.2, 0.8), height * line * random.uniform(0.4, 0.95)
    r = min(width, height) * random.uniform(0.05, 0.1)
    light = _mix(horizon, (255, 252, 236), 0.7)
    for mask, reach in ((GLOW, 5 * r), (DISC, r)):
        stretched = mask.resize((int(2 * reach), int(2 * reach)), Image.Resampling.BICUBIC)
        picture.paste(light, (int(x - reach), int(y - reach)), stretched)


def _hills(picture: Image.Image, random: Random, line: float, horizon: Colour, near: Colour) -> None:
    layers = random.randint(3, 5)
    for layer in range(layers):
        depth = (layer + 1) / layers
        base = line + (0.97 - line) * layer / layers
        rough = random.uniform(0.5, 1.0)
        _ridge(picture, random, base, 0.1 * rough, _mix(horizon, near, 0.25 + 0.75 * depth))


def _sea(picture: Image.Image, random: Random, line: float, horizon: Colour, near: Colour) -> None:
    width, height = picture.size
    _ridge(picture, random, line - 0.02, 0.05, _mix(horizon, near, 0.45))
    top = int(height * line)
    column = Image.linear_gradient("L").resize((1, height - top))
    water = ImageOps.colorize(column, _mix(horizon, near, 0.2), _mix(horizon, near, 0.8))
    picture.paste(water.resize((width, height - top)), (0, top))
    draw = ImageDraw.Draw(picture)
    for _ in range(90):
        depth = random.random() ** 1.4
        y = top + (height - top) * depth
        length = width * (0.02 + 0.12 * depth) * random.random()
        x = random.gauss(width * 0.5, width * 0.22)
        thickness = max(1, round(height * 0.006 * depth))
        draw.line((x - length, y, x + length, y), fill=_mix(horizon, near, 0.15 + 0.35 * depth), width=thickness)
    boat, x, y = height * 0.05, width * random.uniform(0.15, 0.85), height * (line + 0.12)
    draw.polygon([(x, y - 2.6 * boat), (x, y - 0.25 * boat), (x + 1.3 * boat, y - 0.25 * boat)], fill=(250, 246, 236))
    draw.polygon(
        [(x - boat, y), (x + 1.4 * boat, y), (x + boat, y + 0.5 * boat), (x - 0.6 * boat, y + 0.5 * boat)], fill=near
    )


def _city(picture: Image.Image, random: Random, line: float, horizon: Colour, near: Colour) -> None:
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    window = _mix(horizon, (255, 236, 170), 0.7)
    for layer, shade in enumerate((0.4, 0.7, 1.0)):
        x, colour = -width * 0.05 * random.random(), _mix(horizon, near, shade)
        while x < width:
            across = width * random.uniform(0.05, 0.11)
            roof = height * (line + 0.09 * layer - 0.24 * random.random() ** 1.6)
            draw.rectangle((x, roof, x + across, height), fill=colour)
            if shade == 1.0:
                _windows(draw, random, (x, roof, x + across), height, window)
            x += across * random.uniform(0.85, 1.05)


def _windows(
    draw: ImageDraw.ImageDraw, random: Random, walls: tuple[float, float, float], height: int, light: Colour
) -> None:
    left, roof, right = walls
    step = max(height / 44, 6)
    y = roof + step
    while y < height:
        x = left + step * 0.6
        while x < right - step * 0.8:
            if random.random() < 0.3:
                draw.rectangle((x, y, x + step * 0.35, y + step * 0.45), fill=light)
            x += step
        y += step


def _forest(picture: Image.Image, random: Random, line: float, horizon: Colour, near: Colour) -> None:
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    _ridge(picture, random, line, 0.09, _mix(horizon, near, 0.3))
    for layer in range(3):
        colour = _mix(horizon, near, 0.5 + 0.25 * layer)
        ground, tall = height * (line + 0.08 + 0.11 * layer), height * (0.11 + 0.05 * layer)
        draw.rectangle((0, ground - tall * 0.1, width, height), fill=colour)
        x = -tall * 0.3
        while x < width + tall * 0.3:
            _tree(draw, x, ground, tall * random.uniform(0.7, 1.25), colour)
            x += tall * random.uniform(0.18, 0.5)


def _tree(draw: ImageDraw.ImageDraw, x: float, ground: float, tall: float, colour: Colour) -> None:
    for level in range(3):
        top, half = ground - tall + tall * 0.24 * level, tall * (0.13 + 0.07 * level)
        draw.polygon([(x, top), (x - half, top + tall * 0.46), (x + half, top + tall * 0.46)], fill=colour)


def _ridge(picture: Image.Image, random: Random, base: float, amplitude: float, colour: Colour) -> None:
    """A ridge from edge to edge: three waves, with everything below filled."""
    width, height = picture.size
    waves = [(random.uniform(0.6, 1.6) * 2**n, random.uniform(0, math.tau), 0.55**n) for n in range(4)]
    step = max(width // 160, 1)
    line = [
        (x, height * (base - amplitude * sum(a * math.sin(f * math.tau * x / width + p) for f, p, a in waves)))
        for x in range(0, width + step, step)
    ]
    ImageDraw.Draw(picture).polygon([*line, (width, height), (0, height)], fill=colour)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


#: What stands before the sky.
SCENES = {"hills": _hills, "sea": _sea, "city": _city, "forest": _forest}


def _circle(size: int, radius: float, opacity: int, blur: float) -> Image.Image:
    mask, middle = Image.new("L", (size, size)), size / 2
    ImageDraw.Draw(mask).ellipse((middle - radius, middle - radius, middle + radius, middle + radius), fill=opacity)
    return mask.filter(ImageFilter.GaussianBlur(blur))


#: Masks of a sun or moon, drawn once and stretched for each picture: nobody sees the pixels of a blur.
GLOW = _circle(96, radius=26, opacity=92, blur=8)
DISC = _circle(256, radius=126, opacity=255, blur=1)
