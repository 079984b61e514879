"""Spectral convergence and log magnitude at several resolutions, by auraloss; the only place that knows it."""

from itertools import product
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ccstereo.metrics.functional._pairs import paired_clips

if TYPE_CHECKING:
    from auraloss.freq import STFTLoss

_AT_ONCE = 2**16  # samples of frames transformed together; their spectra stay in a processor's cache


def multi_resolution_stft(pred: Tensor, target: Tensor, *, normalize: bool = False, **sizes: Any) -> Tensor:
    """Multi-resolution STFT distance: "MRSTFT" (Yamamoto et al. 2020; used for binaural sound by SAGM).

    Args:
        pred: (..., 2, T) predicted clips.
        target: (..., 2, T) true clips; leading dimensions broadcast to those of `pred`.
        normalize: divide each side by its own peak first.
        sizes: arguments of `auraloss.freq.MultiResolutionSTFTLoss`, whose defaults (FFT 1024, 2048, 512) are used
            otherwise; no binaural paper prints its sizes.

    Returns:
        (...) distances >= 0, float32. Each clip is measured by itself, both ears together.

    Raises:
        ValueError: the shapes do not fit or are not (..., 2, T).
        ImportError: auraloss is not installed.
    """
    from auraloss.freq import MultiResolutionSTFTLoss

    pred, target = paired_clips(pred, target, normalize)
    distance = MultiResolutionSTFTLoss(**sizes)
    for resolution in distance.stft_losses:
        if not resolution.w_phs:
            resolution.stft = _Magnitude(resolution)
    pred, target = pred.float(), target.float().expand(pred.shape)
    clips = product(*map(range, pred.shape[:-2]))  # one by one, since its norms run over all it is given
    values: list[Tensor] = [distance(pred[clip][None], target[clip][None]) for clip in clips]
    return torch.stack(values).reshape(pred.shape[:-2])


class _Magnitude:
    """What `STFTLoss.stft` of auraloss 0.4 does, but for the phase: it takes half of the time and is not used.

    The two last are kept, and known again by their place in memory: a truth may come with several predictions.
    """

    def __init__(self, resolution: "STFTLoss") -> None:
        self.fft_size, self.hop, self.eps = resolution.fft_size, resolution.hop_size, resolution.eps
        missing = resolution.fft_size - resolution.win_length
        self.window = pad(resolution.window, (missing // 2, missing - missing // 2))
        self.known: list[tuple[Tensor, Tensor]] = []

    def __call__(self, x: Tensor) -> tuple[Tensor, None]:
        """Magnitudes (ears, F, frames) of clips (ears, T), and no phases."""
        found = [magnitude for seen, magnitude in self.known if seen.data_ptr() == x.data_ptr()]
        magnitude = found[0] if found else self.transform(x)
        self.known = [(x, magnitude), *self.known][:2]
        return magnitude, None

    def transform(self, x: Tensor) -> Tensor:
        """The magnitudes of `torch.stft`, with less memory to wait for."""
        window, reflected = self.window.to(x), pad(x, (self.fft_size // 2, self.fft_size // 2), mode="reflect")
        frames = reflected.unfold(-1, self.fft_size, self.hop)  # (ears, frames, samples)
        found = []
        for some in torch.split(frames, max(1, _AT_ONCE // self.fft_size), dim=1):
            spec = torch.fft.rfft(some * window)
            found.append((spec.real.square() + spec.imag.square()).clamp_min(self.eps).sqrt())
        return torch.cat(found, dim=1).mT
