"""Errors of the two cues by which people hear direction: level and time differences between the ears, band by band.

Both are taken over short Hann-windowed segments, half overlapping, so that moving sources count as they move. Papers on
binaural generation agree on no way to print them; bands, segments and gate are this library's choice. Positive is to
the left: the left ear is louder, or earlier.

All take clips (..., 2, T); leading dimensions of the truth broadcast to those of the predictions. `sample_rate` is in
Hz, `edges` are ascending edges of bands in Hz, one more than there are bands, and `segment` is the time in seconds that
a value is taken over; a shorter clip is one segment. ValueError is raised where the shapes do not fit or a band holds
no frequency of the transform.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ccstereo.metrics.functional._pairs import binaural_clips, paired_clips

ILD_EDGES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
"""Octave bands, in Hz, up to the Nyquist frequency of 16 kHz."""
ITD_EDGES = (125.0, 500.0, 1000.0, 1500.0)
"""Bands in Hz below 1.5 kHz, above which the phase of a head's delay is ambiguous (Rayleigh's duplex theory)."""

_FLOOR = 1e-10  # power added to each ear, -100 dB of full scale
_GATE = 40.0  # dB below the clip's loudest band and segment at which the truth counts as silent
_LONGEST = 1e-3  # s; a head's largest delay is about 0.7 ms
_STEP = 1e-5  # s between two trial delays; a parabola through three of them gives the fraction


def interaural_level_difference(
    binaural: Tensor, sample_rate: int, *, edges: Sequence[float] = ILD_EDGES, segment: float = 0.2
) -> Tensor:
    """Interaural level difference (ILD) of each band and segment.

    Clips (..., 2, T) give (..., bands, segments) dB, left minus right. For arguments and errors see the module.

    >>> x = torch.randn(16000)
    >>> ild = interaural_level_difference(torch.stack([x, 0.1 * x]), 16000)
    >>> ild.shape, ild.mean().round().item()
    (torch.Size([6, 9]), 20.0)
    """
    spectra, frequency = _segment_spectra(binaural_clips(binaural), sample_rate, segment)
    return _level_difference(_band_power(spectra, frequency, edges))


def interaural_time_difference(
    binaural: Tensor, sample_rate: int, *, edges: Sequence[float] = ITD_EDGES, segment: float = 0.2
) -> Tensor:
    """Interaural time difference (ITD) of each band and segment: the delay up to 1 ms at which the ears correlate best.

    Clips (..., 2, T) give (..., bands, segments) microseconds, positive where the left ear is earlier; 0 where nothing
    correlates. For arguments and errors see the module.

    >>> x = torch.randn(16000)
    >>> itd = interaural_time_difference(torch.stack([x, x.roll(4)]), 16000)  # 4 samples are 250 microseconds
    >>> itd.shape, round(itd.median().item())
    (torch.Size([3, 9]), 250)
    """
    return _time_difference(*_segment_spectra(binaural_clips(binaural), sample_rate, segment), edges)


def ild_error(
    pred: Tensor, target: Tensor, sample_rate: int, *, edges: Sequence[float] = ILD_EDGES, segment: float = 0.2
) -> Tensor:
    """Mean absolute error of the interaural level difference in each band, over the segments in which the truth sounds.

    Gains that both ears share do not count, so there is nothing to normalise.

    Clips (..., 2, T) give (..., bands) dB; NaN for a band in which the truth never sounds. For arguments and
    errors see the module.
    """
    pred, target = paired_clips(pred, target)
    found, truth = (_band_power(*_segment_spectra(x, sample_rate, segment), edges) for x in (pred, target))
    gap = _level_difference(found) - _level_difference(truth)
    return _mean_where(gap.abs(), _sounds(truth))


def itd_error(
    pred: Tensor, target: Tensor, sample_rate: int, *, edges: Sequence[float] = ITD_EDGES, segment: float = 0.2
) -> Tensor:
    """Mean absolute error of the interaural time difference in each band, over the segments in which the truth sounds.

    Clips (..., 2, T) give (..., bands) microseconds; NaN for a band in which the truth never sounds. For arguments and
    errors see the module.
    """
    pred, target = paired_clips(pred, target)
    found, frequency = _segment_spectra(pred, sample_rate, segment)
    truth, _ = _segment_spectra(target, sample_rate, segment)
    gap = _time_difference(found, frequency, edges) - _time_difference(truth, frequency, edges)
    return _mean_where(gap.abs(), _sounds(_band_power(truth, frequency, edges)))


def _segment_spectra(binaural: Tensor, sample_rate: int, segment: float) -> tuple[Tensor, Tensor]:
    """Spectra (..., 2, segments, frequencies) of power |X|^2 = mean square, and the frequencies in Hz, on the CPU."""
    length = min(max(2, round(segment * sample_rate)), binaural.shape[-1])
    window = torch.hann_window(length, periodic=False, dtype=binaural.dtype, device=binaural.device)
    window = window / window.square().sum().sqrt().clamp_min(1e-9)
    pieces = binaural.unfold(-1, length, max(1, length // 2)) * window
    # Padding by the longest delay keeps one end of a segment from correlating with the other.
    size = 1 << (length + round(_LONGEST * sample_rate)).bit_length()
    frequency = torch.arange(size // 2 + 1, dtype=torch.float64) * sample_rate / size
    return torch.fft.rfft(pieces, n=size) * (2 / size) ** 0.5, frequency


def _bands(frequency: Tensor, edges: Sequence[float]) -> list[slice]:
    """Which frequencies lie in each band; slices, so that taking them copies nothing."""
    bounds: list[int] = torch.searchsorted(frequency, torch.tensor(edges, dtype=frequency.dtype)).tolist()
    bands = [slice(low, high) for low, high in pairwise(bounds)]
    if not bands or not all(band.start < band.stop for band in bands):
        raise ValueError(f"each band of {tuple(edges)} Hz needs a frequency of the transform (0 to {frequency[-1]:g})")
    return bands


def _band_power(spectra: Tensor, frequency: Tensor, edges: Sequence[float]) -> Tensor:
    """Power (..., 2, bands, segments) of the spectra's bands."""
    power = spectra.real.square() + spectra.imag.square()
    return torch.stack([power[..., band].sum(-1) for band in _bands(frequency, edges)], dim=-2)


def _level_difference(power: Tensor) -> Tensor:
    left, right = power.unbind(-3)
    return 10 * torch.log10((left + _FLOOR) / (right + _FLOOR))


def _time_difference(spectra: Tensor, frequency: Tensor, edges: Sequence[float]) -> Tensor:
    """Delays (..., bands, segments) in microseconds at which the ears correlate best."""
    delays = torch.linspace(-_LONGEST, _LONGEST, round(2 * _LONGEST / _STEP) + 1, dtype=torch.float64)
    found = []
    for band in _bands(frequency, edges):
        left, right = spectra[..., band].unbind(-3)
        cross = left * right.conj()  # (..., segments, frequencies)
        turn = 2 * torch.pi * frequency[band, None] * delays  # (frequencies, delays)
        cos, sin = turn.cos().to(cross.real), turn.sin().to(cross.real)
        correlation = cross.real @ cos + cross.imag @ sin  # (..., segments, delays)
        found.append(_peak(correlation, delays.to(cross.real)))
    return 1e6 * torch.stack(found, dim=-2)


def _sounds(truth: Tensor) -> Tensor:
    """Whether a band and segment of the power `truth` (..., 2, bands, segments) counts: (..., bands, segments)."""
    power = truth.sum(-3)
    return (power > power.amax((-2, -1), keepdim=True) * 10 ** (-_GATE / 10)) & (power > _FLOOR)


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, torch.zeros_like(values)).sum(-1) / mask.sum(-1)  # 0 / 0 is NaN, as promised


def _peak(correlation: Tensor, delays: Tensor) -> Tensor:
    best = correlation.argmax(-1, keepdim=True)
    middle = best.clamp(1, len(delays) - 2)
    before, here, after = (correlation.gather(-1, middle + step) for step in (-1, 0, 1))
    bend = before - 2 * here + after  # < 0 at a peak
    offset = torch.where(bend < 0, 0.5 * (before - after) / bend.clamp_max(-1e-30), torch.zeros_like(bend)).clamp(-1, 1)
    delay = delays[middle] + offset * (delays[1] - delays[0])
    highest = correlation.gather(-1, best)  # NaN where the clip is
    return torch.where(highest <= 0, torch.zeros_like(delay), delay + 0 * highest.detach()).squeeze(-1)
