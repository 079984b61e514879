"""The scores of one scene."""

from dataclasses import dataclass, fields
from math import nan

import numpy as np
import torch
from torch import Tensor

from ccstereo.benchmark.rendering import SceneFacts
from ccstereo.metrics import functional as metrics

SIDED = 15.0  # degrees off the middle from which a source has a side
DEAD_ZONE = 2.0  # dB of the truth below which neither ear is called the louder one


@dataclass(frozen=True)
class SceneScore:
    """Scores of one scene; nan where a score has no meaning there.

    Attributes:
        stft: STFT distance of the prediction to the truth.
        stft_mono: of the mono mix to the truth.
        snr: signal-to-noise ratio in dB.
        louder_ear: 1 where the louder ear is right, else 0; nan where the truth's ears differ by less than 2 dB.
        own_side: share of the sounding sources beyond 15 degrees that are heard on their own side.
        azimuth_error: degrees, of one still source that sounds alone, dry: the estimator knows no walls.
    """

    stft: float
    stft_mono: float
    snr: float
    louder_ear: float
    own_side: float
    azimuth_error: float


NAMES = tuple(field.name for field in fields(SceneScore))


def score_scene(
    predicted: Tensor, sources: Tensor, facts: SceneFacts, sample_rate: int, ears: tuple[Tensor, Tensor]
) -> SceneScore:
    """Compare a prediction with the truth.

    Args:
        predicted: (2, T) both ears.
        sources: (S, 2, T) each source alone at both ears.
        facts: what is known of the scene.
        sample_rate: Hz.
        ears: (A, 2, K) responses and (A,) azimuths in degrees, from which a heard azimuth is chosen.
    """
    truth = sources.sum(0)
    mono = truth.mean(0).expand(2, -1)
    sounding = [i for i, source in enumerate(facts.sources) if not source.silent]
    tracks = [np.array(facts.sources[i].azimuths) for i in sounding]
    error = nan
    if len(sounding) == 1 and facts.still and facts.room is None:
        azimuth = torch.tensor(float(tracks[0][0]))
        error = metrics.azimuth_error(predicted, azimuth, sample_rate, *ears).item()
    return SceneScore(
        stft=metrics.stft_distance(predicted, truth).item(),
        stft_mono=metrics.stft_distance(mono, truth).item(),
        snr=metrics.signal_to_noise_ratio(predicted, truth).item(),
        louder_ear=metrics.louder_ear_correct(predicted, truth, dead_zone=DEAD_ZONE).item(),
        own_side=own_side(predicted, sources[sounding], tracks),
        azimuth_error=error,
    )


def own_side(predicted: Tensor, sources: Tensor, azimuths: list[np.ndarray]) -> float:
    """Share of the sources beyond 15 degrees whose own difference signal the prediction holds with the right sign.

    The predicted difference is explained by the sources' true ones, all at once, by least squares. In a room the true
    ones hold the reverberation, too, which has no side: a source is on its own side there when the difference that
    it really makes is found in the prediction, not its negative.

    Args:
        predicted: (2, T) both ears.
        sources: (S, 2, T) each sounding source alone at both ears.
        azimuths: of each source (M,) degrees along its way; one that changes sides is not counted.

    Returns:
        In [0, 1]; nan where no source has a side.
    """
    differences = (sources[:, 0] - sources[:, 1]).double()  # (S, T)
    gram = differences @ differences.T
    ridge = 1e-6 * gram.diagonal().max().clamp_min(1e-12)
    found = differences @ (predicted[0] - predicted[1]).double()
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), found)
    sided = [bool((np.sign(a) == np.sign(a[0])).all() and np.abs(a).min() > SIDED) for a in azimuths]
    right = [weight.item() > 0 for weight, counts in zip(weights, sided, strict=True) if counts]
    return float(np.mean(right)) if right else nan
