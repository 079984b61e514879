"""Sounds made with nothing but a random generator: a ringing bell, a singing bird, a motor and a drum beat."""

from collections.abc import Callable
from math import cos, pi

import numpy as np

SECONDS = 5.0


def synthetic_sound(label: str, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Synthesise one of `SYNTHS` for `SECONDS`: (T,) float32 with a peak of 0.9."""
    time = np.arange(round(SECONDS * sample_rate)) / sample_rate
    sound = SYNTHS[label](time, rng) + 1e-4 * rng.standard_normal(len(time))
    return np.asarray(0.9 * sound / np.abs(sound).max(), dtype=np.float32)


def _strokes(time: np.ndarray, low: float, high: float, rng: np.random.Generator) -> list[float]:
    gap = float(rng.uniform(low, high))
    return [float(t) for t in np.arange(float(rng.uniform(0, gap / 2)), time[-1], gap)]


def _hits(time: np.ndarray, starts: list[float], hit: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The sum of what `hit` gives for the time since each start; nothing before it."""
    out = np.zeros_like(time)
    for start, first in zip(starts, np.searchsorted(time, starts), strict=True):
        out[first:] += hit(time[first:] - start)
    return out


def _ring(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pitch = float(rng.uniform(500, 1100))
    partials = [(0.5, 1.0), (1.0, 1.0), (1.19, 0.7), (1.56, 0.5), (2.0, 0.8), (2.67, 0.4), (3.76, 0.3)]
    starts = _strokes(time, 0.5, 1.0, rng)

    def hit(t: np.ndarray) -> np.ndarray:
        waves = (a * np.sin(2 * pi * pitch * ratio * t) * np.exp(-t * (1.5 + ratio)) for ratio, a in partials)
        return np.asarray(sum(waves))

    return _hits(time, starts, hit)


def _beat(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pitch = float(rng.uniform(70, 140))
    noise = np.convolve(rng.standard_normal(len(time)), np.hanning(12) / 6, mode="same")
    starts = _strokes(time, 0.15, 0.35, rng)

    def hit(t: np.ndarray) -> np.ndarray:
        skin = np.sin(2 * pi * pitch * (t + 0.01 * (1 - np.exp(-40 * t)))) * np.exp(-12 * t)
        return np.asarray(skin + 0.7 * noise[-len(t) :] * np.exp(-30 * t))

    return _hits(time, starts, hit)


def _chirp(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    base, depth, rate = float(rng.uniform(2200, 3600)), float(rng.uniform(300, 900)), float(rng.uniform(6, 14))
    phase = 2 * pi * base * time + depth / rate * np.cos(2 * pi * rate * time)
    length = float(rng.uniform(0.12, 0.3))
    envelope = sum(np.exp(-(((time - start) / (length / 2)) ** 2)) for start in _strokes(time, 0.25, 0.5, rng))
    return np.asarray(envelope * (np.sin(phase) + 0.2 * np.sin(2 * phase)))


def _motor(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pitch = float(rng.uniform(45, 90))
    phase = 2 * pi * (pitch * time + float(rng.uniform(1, 4)) * np.sin(2 * pi * float(rng.uniform(0.1, 0.4)) * time))
    tone = sum(np.cos(k * phase + cos(k * k)) / k**0.7 for k in range(1, 25))
    rumble = np.convolve(rng.standard_normal(len(time)), np.hanning(30) / 15, mode="same")
    return np.asarray(tone + 1.5 * rumble)


SYNTHS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "bell": _ring,
    "bird": _chirp,
    "car": _motor,
    "drum": _beat,
}
