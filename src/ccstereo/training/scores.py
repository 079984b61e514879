"""Scores of a validation: sums over windows that several processes can add up before anything is divided."""

import torch
from torch import Tensor

from ccstereo.audio.targets import Target
from ccstereo.metrics import functional as metrics

SUMS = 6  # of `score_sums`


def score_sums(predicted: Tensor, true: Tensor, target: Target) -> Tensor:
    """Sums over a batch of windows, predicted and true (B, C, T) sound as the target has it, for `scores_of`.

    Returns:
        (6,): STFT distances of the prediction and of mono, windows where the louder ear is right and where one is
        louder by 2 dB, signal-to-noise ratios in dB and the windows that have one.
    """
    mixture = target.mixture(true)
    mono = target.decode(mixture, target.silent_prediction(mixture))
    noise = metrics.signal_to_noise_ratio(_halves(predicted), _halves(true))
    right = metrics.louder_ear_correct(predicted, true) if target.has_ears else noise.new_tensor([torch.nan])
    counted = (_distance(predicted, true), _distance(mono, true))
    known = torch.where(noise.isfinite(), noise, torch.zeros_like(noise))
    return torch.stack([*counted, right.nansum(), right.isfinite().sum(), known.sum(), noise.isfinite().sum()])


def scores_of(sums: Tensor, target: Target) -> dict[str, Tensor]:
    """Scores by name: the STFT distance over mono's, the signal-to-noise ratio and, of two ears, the louder one's."""
    ours, mono, right, sided, noise, counted = sums
    scores = {"stft_to_mono": ours / mono.clamp_min(1e-12), "snr": noise / counted.clamp_min(1)}
    if target.has_ears:
        scores["louder_ear"] = right / sided.clamp_min(1)
    return scores


def _distance(predicted: Tensor, true: Tensor) -> Tensor:
    """STFT distance over all channels, two by two as the metric takes them, summed over windows."""
    pairs = (sound.reshape(len(sound), -1, 2, sound.shape[-1]) for sound in (predicted, true))
    return metrics.stft_distance(*pairs).sum()


def _halves(sound: Tensor) -> Tensor:
    """(B, C, T) as (B, 2, C T / 2): a ratio of energies does not depend on their order."""
    return sound.reshape(len(sound), 2, -1)
