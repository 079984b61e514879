"""Photos made with nothing but a random generator: four things on plain grounds, and landscapes."""

from collections.abc import Callable
from math import pi, sin

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
SIDE = 384  # pixels painted; photos are kept at half of it, which smooths their edges


def synthetic_photo(label: str, rng: np.random.Generator) -> np.ndarray:
    """Paint one of `PAINTERS` on a plain ground: (H, W, 3) uint8."""
    width = round(SIDE * float(rng.uniform(0.85, 1.25)))
    ground = _colour(rng, 150, 255)
    image = Image.new("RGB", (width, SIDE), ground)
    canvas = Image.new("RGB", (SIDE, SIDE), ground)
    PAINTERS[label](ImageDraw.Draw(canvas), rng)
    canvas = canvas.rotate(float(rng.uniform(-12, 12)), Image.Resampling.BICUBIC, fillcolor=ground)
    image.paste(canvas, ((width - SIDE) // 2, 0))
    return np.asarray(image.resize((width // 2, SIDE // 2), Image.Resampling.LANCZOS))


def _colour(rng: np.random.Generator, low: int = 0, high: int = 255) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(low, high + 1, 3))
    return red, green, blue


def _near(colour: Colour, rng: np.random.Generator, most: int = 30) -> Colour:
    red, green, blue = (int(np.clip(v + rng.integers(-most, most + 1), 0, 255)) for v in colour)
    return red, green, blue


def _bell(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    gold = _near((215, 170, 40), rng)
    w = float(rng.uniform(0.24, 0.36)) * SIDE
    c = SIDE / 2
    draw.ellipse([c - 20, 0.84 * SIDE - 20, c + 20, 0.84 * SIDE + 20], fill=_near((90, 60, 20), rng))
    outline = [
        (c + side * w * (0.35 + 0.65 * t**3), (0.15 + 0.65 * t) * SIDE)
        for side, ts in ((-1, np.linspace(0, 1, 20)), (1, np.linspace(1, 0, 20)))
        for t in ts
    ]
    draw.polygon(outline, fill=gold)
    draw.ellipse([c - 0.35 * w, 0.08 * SIDE, c + 0.35 * w, 0.24 * SIDE], fill=gold)
    draw.rectangle([c - 1.05 * w, 0.76 * SIDE, c + 1.05 * w, 0.82 * SIDE], fill=_near((170, 120, 20), rng))


def _drum(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    shell, skin = _near((190, 30, 40), rng, 40), _near((235, 225, 200), rng, 15)
    left, right = 0.14 * SIDE, 0.86 * SIDE
    top, bottom = float(rng.uniform(0.3, 0.42)) * SIDE, 0.82 * SIDE
    draw.rectangle([left, top, right, bottom], fill=shell)
    draw.ellipse([left, bottom - 45, right, bottom + 45], fill=shell)
    steps = int(rng.integers(4, 7))
    for i in range(steps):
        x0, x1 = (left + (right - left) * (i + d) / steps for d in (0, 1))
        draw.line([x0, top, (x0 + x1) / 2, bottom, x1, top], fill=skin, width=7)
    draw.ellipse([left, top - 45, right, top + 45], fill=skin, outline=_near((60, 40, 30), rng), width=9)
    for side in (-1, 1):
        tip = SIDE / 2 + side * 0.12 * SIDE
        draw.line([tip, top, tip + side * 0.25 * SIDE, 0.06 * SIDE], fill=_near((120, 80, 40), rng), width=14)


def _bird(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    body = _near((40, 110, 210), rng, 40)
    draw.polygon([(0.1 * SIDE, 0.5 * SIDE), (0.3 * SIDE, 0.56 * SIDE), (0.12 * SIDE, 0.7 * SIDE)], fill=body)
    draw.ellipse([0.2 * SIDE, 0.38 * SIDE, 0.72 * SIDE, 0.78 * SIDE], fill=body)
    draw.ellipse([0.56 * SIDE, 0.22 * SIDE, 0.84 * SIDE, 0.5 * SIDE], fill=body)
    draw.polygon(
        [(0.82 * SIDE, 0.32 * SIDE), (0.97 * SIDE, 0.38 * SIDE), (0.82 * SIDE, 0.43 * SIDE)], fill=(240, 150, 20)
    )
    draw.ellipse([0.7 * SIDE, 0.29 * SIDE, 0.75 * SIDE, 0.34 * SIDE], fill=(10, 10, 10))
    tip = float(rng.uniform(0.1, 0.4)) * SIDE
    draw.polygon(
        [(0.32 * SIDE, 0.52 * SIDE), (0.58 * SIDE, 0.52 * SIDE), (0.38 * SIDE, tip)], fill=_near((20, 60, 140), rng)
    )
    for x in (0.42, 0.5):
        draw.line([x * SIDE, 0.77 * SIDE, x * SIDE, 0.92 * SIDE], fill=(200, 120, 20), width=9)


def _car(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    paint, glass = _near((40, 160, 80), rng, 45), _near((180, 215, 235), rng, 15)
    roof = float(rng.uniform(0.3, 0.38)) * SIDE
    draw.polygon(
        [(0.24 * SIDE, 0.54 * SIDE), (0.34 * SIDE, roof), (0.66 * SIDE, roof), (0.78 * SIDE, 0.54 * SIDE)], fill=paint
    )
    draw.polygon(
        [(0.3 * SIDE, 0.53 * SIDE), (0.37 * SIDE, roof + 14), (0.48 * SIDE, roof + 14), (0.48 * SIDE, 0.53 * SIDE)],
        fill=glass,
    )
    draw.polygon(
        [(0.52 * SIDE, 0.53 * SIDE), (0.52 * SIDE, roof + 14), (0.64 * SIDE, roof + 14), (0.72 * SIDE, 0.53 * SIDE)],
        fill=glass,
    )
    draw.rounded_rectangle([0.05 * SIDE, 0.52 * SIDE, 0.95 * SIDE, 0.74 * SIDE], 30, fill=paint)
    for x in (0.26, 0.74):
        for r, fill in ((0.11, (25, 25, 25)), (0.05, (170, 170, 170))):
            draw.ellipse([(x - r) * SIDE, (0.74 - r) * SIDE, (x + r) * SIDE, (0.74 + r) * SIDE], fill=fill)


def synthetic_background(rng: np.random.Generator) -> np.ndarray:
    """Paint a background of hills and houses under a sky: (240, 480, 3) uint8."""
    width, height = 480, 240
    ramp = np.linspace(0, 1, height)[:, None, None]
    sky = (1 - ramp) * np.array(_colour(rng, 60, 220)) + ramp * np.array(_colour(rng, 150, 250))
    image = Image.fromarray(np.repeat(sky, width, axis=1).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for layer in range(int(rng.integers(2, 5))):
        base, swing = height * (0.45 + 0.14 * layer), height * float(rng.uniform(0.03, 0.15))
        waves, shift = float(rng.uniform(0.5, 3)), float(rng.uniform(0, 2 * pi))
        crest = [(x, base + swing * sin(2 * pi * waves * x / width + shift)) for x in range(0, width + 8, 8)]
        draw.polygon([(0, height), *crest, (width, height)], fill=_colour(rng, 30, 200))
    for _ in range(int(rng.integers(0, 6))):
        x, top = float(rng.uniform(0, width)), float(rng.uniform(0.3, 0.7)) * height
        draw.rectangle([x, top, x + float(rng.uniform(15, 60)), height], fill=_colour(rng, 40, 210))
    return np.asarray(image)


PAINTERS: dict[str, Callable[[ImageDraw.ImageDraw, np.random.Generator], None]] = {
    "bell": _bell,
    "bird": _bird,
    "car": _car,
    "drum": _drum,
}
