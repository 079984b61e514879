"""How many seconds name a sound? A small classifier of log-mel spectrograms, for windows of any length.

python research/scripts/sound_probe.py STAGE --seconds 0.63 1.27 2.55

Two recordings of different classes sound together, one of them at a loud moment in the middle of the window. Trained on
training's recordings, augmented anew every time, it names the two classes of recordings that are held out.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

from ccstereo.audio import stft
from ccstereo.audio.mel import mel_bands
from ccstereo.errors import CCStereoError
from ccstereo.scenes import Material, load_material
from ccstereo.scenes.augmentation import NO_EFFECT, AudioAugmentation, apply_audio_effect, sample_audio_effect
from ccstereo.scenes.placement.stage import loud_offset

RATE = 16_000
MIDDLE = 0.63  # seconds
APART = 2.4  # seconds that the second source may be away from its loud moment
BATCH = 32
AUGMENTATION = AudioAugmentation(speed=(0.8, 1.25), filter=9.0)


class Classifier(nn.Sequential):
    """Four strided convolutions, mean and maximum over all that is left, one linear layer."""

    def __init__(self, classes: int) -> None:
        widths = (1, 24, 48, 96, 128)
        levels = [
            nn.Sequential(nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in pairwise(widths)
        ]
        super().__init__(*levels, Pooled(), nn.Dropout(0.3), nn.Linear(2 * widths[-1], classes))


class Pooled(nn.Module):
    """Mean and maximum over frequency and time."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2 C)."""
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)


def mixtures(
    material: Material, labels: Sequence[str], seconds: float, rng: np.random.Generator, *, vary: bool
) -> tuple[Tensor, Tensor]:
    """Make a batch: sound (BATCH, T), and which two of the labels sound (BATCH, labels)."""
    samples = round(seconds * RATE)
    before = (samples - round(MIDDLE * RATE)) // 2
    sounds, present = np.zeros((BATCH, samples), np.float32), np.zeros((BATCH, len(labels)), np.float32)
    for sound, there in zip(sounds, present, strict=True):
        for apart, label in enumerate(rng.choice(material.labels, 2, replace=False)):
            recordings = material.sounds[str(label)]
            recording = recordings[int(rng.integers(len(recordings)))]
            effect = sample_audio_effect(AUGMENTATION, rng) if vary else NO_EFFECT
            loud = (loud_offset(recording, RATE, rng) - apart * rng.uniform(0, APART)) * RATE
            track = apply_audio_effect(recording, samples, loud - before * effect.speed, effect, RATE)
            rms = float(np.sqrt(np.mean(np.square(track))))
            sound += 0.1 * track / max(rms, 1e-4) * 10 ** (rng.uniform(-3, 3) / 20)
            there[labels.index(label)] = 1
    return torch.from_numpy(sounds), torch.from_numpy(present)


def log_mel(sounds: Tensor, bands: Tensor) -> Tensor:
    """(B, T) to (B, 1, 64, frames)."""
    return (bands @ stft(sounds).square().sum(1) + 1e-4).log()[:, None]


def probe(training: Material, unseen: Material, seconds: float, steps: int, seed: int) -> tuple[float, float]:
    """Train, then give the cross-entropy and the fraction of the two most likely classes that sound, on unseen ones."""
    torch.manual_seed(seed)
    rng, bands = np.random.default_rng(seed), mel_bands(RATE, 257)
    network = Classifier(len(training.labels))
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for _ in trange(steps, desc=f"{seconds:g} s", leave=False, disable=None):
        sounds, present = mixtures(training, training.labels, seconds, rng, vary=True)
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(network(log_mel(sounds, bands)), present).backward()
        optimizer.step()
        schedule.step()
    network.eval()
    rng, losses, right = np.random.default_rng(seed + 1), [], []
    with torch.inference_mode():
        for _ in range(24):
            sounds, present = mixtures(unseen, training.labels, seconds, rng, vary=False)
            said = network(log_mel(sounds, bands))
            losses.append(F.binary_cross_entropy_with_logits(said, present).item())
            right.append(present.gather(1, said.topk(2).indices).mean().item())
    return float(np.mean(losses)), float(np.mean(right))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="STAGE")
    parser.add_argument("--seconds", type=float, nargs="+", default=[0.63, 1.27, 2.55])
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if min(options.seconds) < MIDDLE:
        parser.error(f"--seconds must be {MIDDLE} or more")
    try:
        training, unseen = (load_material(options.folder, split, RATE) for split in ("train", options.split))
    except CCStereoError as error:
        print(error, file=sys.stderr)
        return 1
    print("| seconds given | cross-entropy | of the two classes named, right |\n|---|---|---|")
    for seconds in options.seconds:
        loss, right = probe(training, unseen, seconds, options.steps, options.seed)
        print(f"| {seconds:g} | {loss:.3f} | {100 * right:.1f} % |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
