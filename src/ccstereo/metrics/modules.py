"""Torchmetrics classes: the functions of `functional`, averaged over clips, batches and processes."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from ccstereo.audio import STFTConfig
from ccstereo.metrics import functional
from ccstereo.metrics.functional.cues import ILD_EDGES, ITD_EDGES
from ccstereo.metrics.functional.distances import PAPERS
from ccstereo.metrics.functional.level import SPLConfig
from ccstereo.metrics.functional.multi_resolution import RESOLUTIONS


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
    total: Tensor
    count: Tensor

    def __init__(self, values: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        zero = torch.zeros(() if values is None else values)
        self.add_state("total", zero, dist_reduce_fx="sum")
        self.add_state("count", zero.clone(), dist_reduce_fx="sum")

    def score(self, pred: Tensor, target: Tensor) -> Tensor:
        """Score clips (..., 2, T): (...), or (..., values) of a class with several values a clip."""
        raise NotImplementedError

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


class _PaperScore(ClipMean):
    def __init__(self, *, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.normalize = normalize


class _SpectralScore(_PaperScore):
    def __init__(self, *, normalize: bool = False, config: STFTConfig = PAPERS, **kwargs: Any) -> None:
        super().__init__(normalize=normalize, **kwargs)
        self.config = config


class STFTDistance(_SpectralScore):
    """Mean of `stft_distance`.

    >>> metric = STFTDistance(normalize=True)
    >>> metric.update(torch.ones(4, 2, 1600), torch.full((4, 2, 1600), 0.5))  # gain does not count
    >>> metric.compute().item()
    0.0
    """

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.stft_distance(pred, target, normalize=self.normalize, config=self.config)


class MagnitudeDistance(_SpectralScore):
    """Mean of `magnitude_distance`."""

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.magnitude_distance(pred, target, normalize=self.normalize, config=self.config)


class PhaseDistance(_SpectralScore):
    """Mean of `phase_distance`, in radians."""

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.phase_distance(pred, target, normalize=self.normalize, config=self.config)


class EnvelopeDistance(_PaperScore):
    """Mean of `envelope_distance`."""

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.envelope_distance(pred, target, normalize=self.normalize)


class WaveformDistance(_PaperScore):
    """Mean of `waveform_distance`, in thousandths."""

    def __init__(self, *, normalize: bool = False, reduction: Literal["mean", "sum"] = "mean", **kwargs: Any) -> None:
        super().__init__(normalize=normalize, **kwargs)
        self.reduction = reduction

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.waveform_distance(pred, target, normalize=self.normalize, reduction=self.reduction)


class SignalToNoiseRatio(_PaperScore):
    """Mean of `signal_to_noise_ratio`, in dB: clips are averaged after the logarithm, as papers do."""

    higher_is_better = True

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.signal_to_noise_ratio(pred, target, normalize=self.normalize)


class MultiResolutionSTFT(_PaperScore):
    """Mean of `multi_resolution_stft`."""

    def __init__(
        self, *, normalize: bool = False, resolutions: tuple[tuple[int, int, int], ...] = RESOLUTIONS, **kwargs: Any
    ) -> None:
        super().__init__(normalize=normalize, **kwargs)
        self.resolutions = resolutions

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.multi_resolution_stft(pred, target, normalize=self.normalize, resolutions=self.resolutions)


class SPLDistance(_PaperScore):
    """Mean of `spl_distance`, in dB."""

    def __init__(
        self, sample_rate: int, *, normalize: bool = False, config: SPLConfig | None = None, **kwargs: Any
    ) -> None:
        super().__init__(normalize=normalize, **kwargs)
        self.sample_rate = sample_rate
        self.config = config or SPLConfig()

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.spl_distance(pred, target, self.sample_rate, normalize=self.normalize, config=self.config)


class _CueError(ClipMean):
    """A mean a band; see the function for the arguments."""

    function: ClassVar[Callable[..., Tensor]]
    default_edges: ClassVar[tuple[float, ...]]

    def __init__(
        self,
        sample_rate: int,
        *,
        edges: Sequence[float] | None = None,
        segment: float = 0.2,
        gate: float = 40.0,
        **kwargs: Any,
    ) -> None:
        self.edges: tuple[float, ...] = tuple(self.default_edges if edges is None else edges)
        super().__init__(values=len(self.edges) - 1, **kwargs)
        self.sample_rate, self.segment, self.gate = sample_rate, segment, gate

    def score(self, pred: Tensor, target: Tensor) -> Tensor:
        sizes = {"edges": self.edges, "segment": self.segment, "gate": self.gate}
        return type(self).function(pred, target, self.sample_rate, **sizes)


class ILDError(_CueError):
    """Mean of `ild_error`: (bands,) dB."""

    function, default_edges = staticmethod(functional.ild_error), ILD_EDGES


class ITDError(_CueError):
    """Mean of `itd_error`: (bands,) microseconds."""

    function, default_edges = staticmethod(functional.itd_error), ITD_EDGES


class LouderEarAccuracy(ClipMean):
    """Fraction of clips whose louder ear is right, of those in which the truth has one beyond `dead_zone` dB."""

    is_differentiable = False
    higher_is_better = True

    def __init__(self, *, dead_zone: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dead_zone = dead_zone

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.louder_ear_correct(pred, target, dead_zone=self.dead_zone)


class AzimuthError(ClipMean):
    """Mean of `azimuth_error`, in degrees; `update` takes the true azimuths (...) in place of true clips."""

    is_differentiable = False
    truth_is_a_clip = False
    hrir_bank: Tensor
    azimuths: Tensor

    def __init__(self, sample_rate: int, hrir_bank: Tensor, azimuths: Tensor, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sample_rate = sample_rate
        self.register_buffer("hrir_bank", hrir_bank, persistent=False)
        self.register_buffer("azimuths", azimuths, persistent=False)

    def score(self, pred: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return functional.azimuth_error(pred, target, self.sample_rate, self.hrir_bank, self.azimuths)
