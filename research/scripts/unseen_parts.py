"""What of unseen scenes a network does not know: their photos, their recordings or their backgrounds.

python research/scripts/unseen_parts.py STAGE --sofa KEMAR.sofa

Scores windows of two sources whose photos, recordings and backgrounds are all held out, then with one of the three from
training, then with all. What is gained where recordings are training's is what unseen recordings cost.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.audio import istft, stft
from ccstereo.datasets.stage import Stage, StageWindows, collate_windows
from ccstereo.errors import CCStereoError
from ccstereo.evaluation.report import cell
from ccstereo.metrics import functional as metrics
from ccstereo.metrics.statistics import estimate, ratio_of_means
from ccstereo.models import load_model
from ccstereo.models.base import SpatialModel
from ccstereo.scenes import Material, SceneMix, load_material, load_sofa, spherical_head
from ccstereo.vision.transforms import normalize

TWO = SceneMix(sources=(0, 1, 0), silent=0, moving=0)
WINDOWS = 4  # of sound for a frame
RANDOM_OFFSET = 2.4  # seconds


def mixtures(training: Material, unseen: Material) -> Iterator[tuple[str, Material]]:
    """Materials of which one part after the other is training's, each with its name."""
    parts = ("photos", "sounds", "backgrounds")
    for name, known in (("nothing", ()), *((part, (part,)) for part in parts), ("everything", parts)):
        yield name, replace(unseen, name=name, **{part: getattr(training, part) for part in known})


@torch.inference_mode()
def scores(model: SpatialModel, windows: StageWindows) -> Tensor:
    """STFT distances of the prediction and of mono, and whether the louder ear is right: (N, R, 3), a row a frame."""
    found = []
    for batch in tqdm(DataLoader(windows, 5, collate_fn=collate_windows), leave=False, disable=None):
        truth = batch["sound"]
        mix = model.target.mixture(truth)
        features = model.encode_frames(normalize(batch["frame"])).repeat_interleave(WINDOWS, 0)
        context = model.encode_context(stft(batch["context"], model.config.stft)) if model.config.context else None
        prediction = model(stft(mix, model.config.stft), features, context)
        channels = istft(prediction.spec, mix.shape[-1], model.config.stft)
        predicted, mono = model.target.decode(mix, channels), truth.mean(1, keepdim=True).expand_as(truth)
        pairs = [metrics.stft_distance(sound, truth) for sound in (predicted, mono)]
        found.append(torch.stack([*pairs, metrics.louder_ear_correct(predicted, truth)], -1))
    return torch.cat(found).unflatten(0, (-1, WINDOWS))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="STAGE")
    parser.add_argument("--sofa")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    try:
        model = load_model(options.weights).eval()
        rate = model.config.sample_rate
        head = load_sofa(options.sofa).resampled(rate) if options.sofa else spherical_head(rate)
        training, unseen = (load_material(options.folder, split, rate) for split in ("train", options.split))
    except CCStereoError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"| known, the rest {options.split}'s | STFT / mono's | louder ear right, % |\n|---|---|---|")
    for name, material in mixtures(training, unseen):
        stage = Stage(material, [head], random_offset=RANDOM_OFFSET)
        windows = StageWindows([stage], model.config, options.frames, 0, TWO, vary=False, windows_per_frame=WINDOWS)
        left = scores(model, windows)
        ours, mono, right = left.unbind(-1)
        of_mono = estimate(ratio_of_means, ours.sum(1).numpy(), mono.sum(1).numpy())
        ear = estimate(np.mean, right.nanmean(1).numpy())
        print(f"| {name} | {cell(of_mono, 3)} | {cell(ear, 1, 100)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
