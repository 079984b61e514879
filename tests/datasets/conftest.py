"""A material whose every class has a colour of its own, on grounds that are darker on their left."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.scenes.material import Material

COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250)}


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def material() -> Material:
    """Three classes with three pictures and two noises each."""
    rng = np.random.default_rng(7)
    ground = np.repeat(np.linspace(60, 180, 200).astype(np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=-1)
    return Material(
        "coloured",
        {label: tuple(np.full((60, w, 3), c, np.uint8) for w in (40, 60, 80)) for label, c in COLOURS.items()},
        {label: tuple(rng.standard_normal((2, 40_000)).astype(np.float32)) for label in COLOURS},
        (ground,),
    )


@pytest.fixture(scope="session")
def make_video():
    """Write a small video whose picture k is a grey of 10 * k + 20 (mod 200), with noise of the kind asked for.

    `make_video(path, seconds, kind)`: "binaural" (the right ear is later and softer), "panned", "equal", "tone"
    (equal even as AAC stores it, whose noise above 4 kHz differs), "one" channel, "left" alone.
    """
    from ccstereo.media import write_video

    def write(path: Path, seconds: float = 2.0, kind: str = "binaural", seed: int = 0, rate: int = 16_000) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = (10 * np.arange(round(10 * seconds)) + 20) % 200
        frames = np.broadcast_to(grey[:, None, None, None], (len(grey), 48, 96, 3)).astype(np.uint8)
        rng = np.random.default_rng(seed)
        dry = np.convolve(
            rng.standard_normal(round(seconds * rate)), 0.9 ** np.arange(60), "same"
        )  # more below than above
        dry *= 0.1 / dry.std()
        pairs = {
            "binaural": (dry, 0.6 * np.roll(dry, round(0.0004 * rate))),
            "panned": (dry, 0.4 * dry),
            "equal": (dry, dry),
            "tone": (tone := 0.1 * np.sin(2 * np.pi * 440 / rate * np.arange(len(dry))), tone),
            "one": (dry,),
            "left": (dry, 0 * dry),
        }
        write_video(path, frames, np.stack(pairs[kind]).astype(np.float32), sample_rate=rate)
        return path

    return write


@pytest.fixture(scope="session")
def tree():
    """`tree(folder)`: every file's content by its path, to compare two folders byte by byte."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read
