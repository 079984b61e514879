"""Torchmetrics classes: the functions of `functional`, averaged over clips, batches and processes.

A class takes the arguments of its function after the clips, `normalize=True` for one; all others go to `Metric`.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

from ccstereo.metrics import functional
from ccstereo.metrics.functional.cues import ILD_EDGES, ITD_EDGES


class ClipMean(Metric):
    """Mean of a score over clips; what every class here is.

    NaN, which a score returns where the truth leaves it undefined, is skipped; that of a prediction that is not finite
    is not, so that the mean is NaN, too. The state is a sum and a count, so any division of the clips over batches and
    processes gives the same mean; the mean of no clip is NaN. `count` says over how many clips it is.
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    truth_is_a_clip = True
    function: ClassVar[Callable[..., Tensor]]
    total: Tensor
    count: Tensor

    def __init__(self, *, values: int | None = None, **kwargs: Any) -> None:
        own = signature(type(self).function).parameters
        super().__init__(**{name: value for name, value in kwargs.items() if name not in own})
        self.options = {name: value for name, value in kwargs.items() if name in own}
        zero = torch.zeros(() if values is None else values)
        self.add_state("total", zero, dist_reduce_fx="sum")
        self.add_state("count", zero.clone(), dist_reduce_fx="sum")

    def score(self, pred: Tensor, target: Tensor) -> Tensor:
        """Score clips (..., 2, T): (...), or (..., values) of a class with several values a clip."""
        return type(self).function(pred, target, **self.options)

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add clips.

        Args:
            pred: (..., 2, T) predicted clips.
            target: (..., 2, T) true clips.

        Raises:
            ValueError: the shapes differ or are not (..., 2, T).
        """
        if pred.shape != target.shape and self.truth_is_a_clip:  # a mean over clips that broadcast is a mistake
            raise ValueError(f"prediction and truth differ in shape: {tuple(pred.shape)} and {tuple(target.shape)}")
        values = self.score(pred, target).to(self.total.dtype).reshape(-1, *self.total.shape)
        broken = ~pred.isfinite().all(-1).all(-1).reshape(-1, *[1] * self.total.ndim)  # one a clip
        values = values.masked_fill(broken, torch.nan)
        known = ~values.isnan() | broken
        self.total = self.total + values.where(known, values.new_zeros(())).sum(0)
        self.count = self.count + known.sum(0)

    def compute(self) -> Tensor:
        """Mean over all clips so far, a scalar or one value a band."""
        return self.total / self.count


class STFTDistance(ClipMean):
    """Mean of `stft_distance`.

    >>> metric = STFTDistance(normalize=True)
    >>> metric.update(torch.ones(4, 2, 1600), torch.full((4, 2, 1600), 0.5))  # gain does not count
    >>> metric.compute().item()
    0.0
    """

    function = staticmethod(functional.stft_distance)


class MagnitudeDistance(ClipMean):
    """Mean of `magnitude_distance`."""

    function = staticmethod(functional.magnitude_distance)


class PhaseDistance(ClipMean):
    """Mean of `phase_distance`, in radians."""

    function = staticmethod(functional.phase_distance)


class EnvelopeDistance(ClipMean):
    """Mean of `envelope_distance`."""

    function = staticmethod(functional.envelope_distance)


class WaveformDistance(ClipMean):
    """Mean of `waveform_distance`, in thousandths."""

    function = staticmethod(functional.waveform_distance)


class SignalToNoiseRatio(ClipMean):
    """Mean of `signal_to_noise_ratio`, in dB: clips are averaged after the logarithm, as papers do."""

    function = staticmethod(functional.signal_to_noise_ratio)
    higher_is_better = True


class MultiResolutionSTFT(ClipMean):
    """Mean of `multi_resolution_stft`."""

    function = staticmethod(functional.multi_resolution_stft)


class SPLDistance(ClipMean):
    """Mean of `spl_distance`, in dB."""

    function = staticmethod(functional.spl_distance)

    def __init__(self, sample_rate: int, **kwargs: Any) -> None:
        super().__init__(sample_rate=sample_rate, **kwargs)


class _CueError(ClipMean):
    default_edges: ClassVar[tuple[float, ...]]

    def __init__(self, sample_rate: int, *, edges: Sequence[float] | None = None, **kwargs: Any) -> None:
        edges = tuple(self.default_edges if edges is None else edges)
        super().__init__(values=len(edges) - 1, sample_rate=sample_rate, edges=edges, **kwargs)


class ILDError(_CueError):
    """Mean of `ild_error`: (bands,) dB."""

    function, default_edges = staticmethod(functional.ild_error), ILD_EDGES


class ITDError(_CueError):
    """Mean of `itd_error`: (bands,) microseconds."""

    function, default_edges = staticmethod(functional.itd_error), ITD_EDGES


class LouderEarAccuracy(ClipMean):
    """Fraction of clips whose louder ear is right, of those in which the truth has one beyond `dead_zone` dB."""

    function = staticmethod(functional.louder_ear_correct)
    is_differentiable = False
    higher_is_better = True


class AzimuthError(ClipMean):
    """Mean of `azimuth_error`, in degrees; `update` takes the true azimuths (...) in place of true clips."""

    function = staticmethod(functional.azimuth_error)
    is_differentiable = False
    truth_is_a_clip = False
    hrir_bank: Tensor
    azimuths: Tensor

    def __init__(self, sample_rate: int, hrir_bank: Tensor, azimuths: Tensor, **kwargs: Any) -> None:
        super().__init__(sample_rate=sample_rate, **kwargs)
        self.register_buffer("hrir_bank", hrir_bank, persistent=False)  # goes to a GPU with the metric
        self.register_buffer("azimuths", azimuths, persistent=False)

    def score(self, pred: Tensor, target: Tensor) -> Tensor:
        """Angles between the directions estimated from clips (..., 2, T) and the true ones (...): (...) degrees."""
        return type(self).function(pred, target, hrir_bank=self.hrir_bank, azimuths=self.azimuths, **self.options)
