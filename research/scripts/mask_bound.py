"""What a bound on the mask costs: the true mask, held within it, on validation scenes of the stage.

python research/scripts/mask_bound.py --folder STAGE --sofa KEMAR.sofa     without them: synthetic scenes
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from ccstereo.evaluation import oracle
from ccstereo.metrics import functional as metrics
from ccstereo.scenes import load_material, load_sofa, render_sources, sample_scene, spherical_head, synthetic_material

BOUNDS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
KINDS: dict[str, dict[str, Any]] = {"one": {"sources": 1, "min_azimuth": 15.0}, "two": {"sources": 2}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sofa", type=Path)
    parser.add_argument("--scenes", type=int, default=150)
    options = parser.parse_args()
    material = load_material(options.folder, "val") if options.folder else synthetic_material("val")
    rate = material.sample_rate
    head = load_sofa(options.sofa).resampled(rate) if options.sofa else spherical_head(rate)
    print("| bound | " + " | ".join(f"{bound:g}" for bound in BOUNDS) + " |")
    print("|---" * (len(BOUNDS) + 1) + "|")
    for name, kind in KINDS.items():
        left, whole = torch.zeros(len(BOUNDS)), torch.zeros(())
        for seed in range(options.scenes):
            scene = sample_scene(material, seed, duration=1.0, **kind)
            truth = torch.from_numpy(render_sources(scene, material, head).sum(0))
            mono = truth.mean(0).expand(2, -1)
            whole += metrics.stft_distance(mono, truth)
            left += torch.stack([metrics.stft_distance(oracle(truth, bound=bound), truth) for bound in BOUNDS])
        print(f"| {name} | " + " | ".join(f"{fraction:.3f}" for fraction in (left / whole).tolist()) + " |")


if __name__ == "__main__":
    main()
