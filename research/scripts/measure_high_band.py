"""Where sound above the model's Nyquist frequency is put: errors of the level difference in two octaves.

python research/scripts/measure_high_band.py --folder STAGE --sofa KEMAR.sofa     without them: synthetic scenes

Sounds of the stage hold nothing above 8 kHz: their highest octave is copied there, moved up by 4 and by 8 kHz, as
spectral band replication does. Scenes are of the test files, at 44.1 kHz; the model runs at 16 kHz.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch

from ccstereo import Binauralizer
from ccstereo.binauralizer import DEFAULT_WEIGHTS
from ccstereo.errors import CCStereoError
from ccstereo.metrics.functional import ild_error
from ccstereo.metrics.functional.cues import ILD_EDGES
from ccstereo.scenes import (
    load_material,
    load_sofa,
    render_frames,
    render_sources,
    sample_scene,
    spherical_head,
    synthetic_material,
)

RATE = 44_100
EDGES = (*ILD_EDGES, 16_000.0)  # a band 40 dB below another counts as silent
KINDS: dict[str, dict[str, Any]] = {"one": {"sources": 1, "min_azimuth": 15.0}, "two": {"sources": 2}}


def with_high_band(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Bring (T,) to `RATE`; copy 4 to 8 kHz to 8 to 12, 0.7 times as loud, and to 12 to 16 kHz, 0.35 times."""
    full = soxr.resample(sound, sample_rate, RATE, quality="VHQ")
    spectrum, step = np.fft.rfft(full), RATE / len(full)
    low, high = round(4_000 / step), round(8_000 / step)
    top, width = spectrum[low:high], high - low
    spectrum[high : high + width] = 0.7 * top
    spectrum[high + width : high + 2 * width] = 0.35 * top
    return np.fft.irfft(spectrum, len(full)).astype(np.float32)


def measure(options: argparse.Namespace) -> None:
    """Print the table."""
    material = load_material(options.folder, "test") if options.folder else synthetic_material("test")
    sounds = {
        label: tuple(with_high_band(sound, material.sample_rate) for sound in some)
        for label, some in material.sounds.items()
    }
    material = replace(material, sounds=sounds, sample_rate=RATE)
    head = load_sofa(options.sofa).resampled(RATE) if options.sofa else spherical_head(RATE)
    binauralizer = Binauralizer.from_pretrained(options.weights)
    print("| scenes | 4 to 8 kHz: centred | predicted | 8 to 16 kHz: centred | panned |\n|---|---|---|---|---|")
    for name, kind in KINDS.items():
        errors = []
        for seed in range(options.scenes):
            scene = sample_scene(material, seed, duration=3.0, **kind)
            truth = render_sources(scene, material, head).sum(0)
            mono = truth.mean(0)
            frames = np.stack(list(render_frames(scene, material)))
            predicted = binauralizer.binauralize(mono, RATE, frames)
            both = torch.from_numpy(np.stack([np.stack([mono, mono]), predicted]))
            errors.append(ild_error(both, torch.from_numpy(truth), RATE, edges=EDGES))
        centred, found = torch.stack(errors).nanmean(0)[:, -2:]
        figures = [centred[0], found[0], centred[1], found[1]]
        print(f"| {name} | " + " | ".join(f"{figure:.1f} dB" for figure in figures) + " |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sofa", type=Path)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--scenes", type=int, default=40)
    options = parser.parse_args()
    try:
        measure(options)
    except CCStereoError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
