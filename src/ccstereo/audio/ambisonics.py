"""First-order ambisonics: encoding, turning, channel orders, and the way to two ears through any head.

Channels are in ACN order with SN3D normalisation (AmbiX; Nachbar et al., "AmbiX - A suggested ambisonics format",
2011): W, Y (left), Z (up), X (front). Sound without heights may leave Z out: W, Y, X. Azimuths are degrees, positive to
the left; elevations degrees, positive upwards.
"""

from dataclasses import dataclass
from math import ceil, cos, log2, pi, radians, sin, sqrt

import torch
from torch import Tensor

from ccstereo.audio.convolve import BlockConvolver
from ccstereo.audio.directions import diffuse_field_equalised, nearest_direction, sphere_weights, unit_vectors

# Which channel of a decoded track is W, Y, Z, X, and by how much it is scaled. "aac-5.1": the 5.1 track of YouTube's
# AAC formats (left, right, centre, low, back left, back right), as spatialaudiogen's scraping/preprocess.py maps it.
CHANNEL_ORDERS: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "acn": ((0, 1, 2, 3), (1.0, 1.0, 1.0, 1.0)),
    "aac-5.1": ((2, 1, 4, 0), (1.0, 1.0, 1.0, 1.0)),
    "fuma": ((0, 2, 3, 1), (sqrt(2), 1.0, 1.0, 1.0)),
}
DECODERS = ("projection", "pseudo-inverse", "magls")
_CUTOFF = 1500.0  # Hz up to which "magls" fits phases, too
_BLOCK = 1 << 16  # samples rendered at once


def harmonics(directions: Tensor) -> Tensor:
    """Real spherical harmonics up to order one, ACN and SN3D: the gains (..., 4) that encode a plane wave.

    Directions (..., 2) are azimuth and elevation in degrees.

    >>> harmonics(torch.tensor([90.0, 0.0])).round(decimals=3).abs().tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    axes = unit_vectors(directions)
    return torch.cat([torch.ones_like(axes[..., :1]), axes], dim=-1)


def encode(signal: Tensor, azimuth: float, elevation: float = 0.0) -> Tensor:
    """Encode a mono signal (..., T) as a plane wave: (..., 4, T) W, Y, Z, X. Angles are in degrees.

    >>> encode(torch.ones(1), 0.0).flatten().tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    gains = harmonics(torch.tensor([azimuth, elevation], dtype=torch.float64, device=signal.device))
    return gains.to(signal.dtype)[:, None] * signal[..., None, :]


def rotate_yaw(foa: Tensor, degrees: float) -> Tensor:
    """Turn the scene around the vertical axis: every source's azimuth grows by `degrees`, to the left.

    Turning the listener's head to the left is the same with the sign reversed.

    Args:
        foa: (..., 4, T) W, Y, Z, X or (..., 3, T) W, Y, X.
        degrees: any angle.

    Returns:
        Same shape.

    Raises:
        ValueError: neither three nor four channels.

    >>> rotate_yaw(encode(torch.ones(1), 0.0), 90.0).round(decimals=3).flatten().abs().tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    _check_channels(foa)
    c, s = cos(radians(degrees)), sin(radians(degrees))
    y, x = foa[..., 1, :], foa[..., -1, :]
    return torch.cat([foa[..., :1, :], (c * y + s * x)[..., None, :], *_height(foa), (c * x - s * y)[..., None, :]], -2)


def to_acn(channels: Tensor, order: str) -> Tensor:
    """Bring the channels of a decoded track into ACN order with SN3D normalisation.

    Args:
        channels: (..., C, T) in the file's order. What comes after the ambisonic channels (such as YouTube's
            head-locked stereo) is dropped.
        order: a key of `CHANNEL_ORDERS`: "acn" (YouTube's Opus and Vorbis; three channels are W, Y, X), "aac-5.1"
            (YouTube's AAC), "fuma" (W at -3 dB, X, Y, Z; three channels are W, X, Y).

    Returns:
        (..., 4, T) W, Y, Z, X, or (..., 3, T) W, Y, X where the track has three channels.

    Raises:
        ValueError: unknown order, or too few channels for it.

    >>> to_acn(torch.tensor([[0.5], [2.0], [3.0], [4.0]]), "fuma").flatten()[1:].tolist()
    [3.0, 4.0, 2.0]
    """
    if order not in CHANNEL_ORDERS:
        raise ValueError(f"unknown channel order {order!r}; use one of {', '.join(CHANNEL_ORDERS)}")
    index, gains = CHANNEL_ORDERS[order]
    count = channels.shape[-2]
    if count == 3 and order != "aac-5.1":
        # Without its Z a track keeps the order of the rest: drop Z and count again.
        kept = [(i, g) for c, (i, g) in enumerate(zip(index, gains, strict=True)) if c != 2]
        index, gains = tuple(sum(j < i for j, _ in kept) for i, _ in kept), tuple(g for _, g in kept)
    if count <= max(index):
        raise ValueError(f"channel order {order!r} needs {max(index) + 1} channels, got {count}")
    return channels[..., list(index), :] * torch.tensor(gains, dtype=channels.dtype, device=channels.device)[:, None]


def with_height(foa: Tensor) -> Tensor:
    """Give W, Y, X (..., 3, T) a silent Z: (..., 4, T). Four channels stay as they are.

    Raises:
        ValueError: neither three nor four channels.
    """
    _check_channels(foa)
    if foa.shape[-2] == 4:
        return foa
    return torch.cat([foa[..., :2, :], torch.zeros_like(foa[..., :1, :]), foa[..., 2:, :]], dim=-2)


@dataclass(frozen=True)
class FOADecoder:
    """Filters from first-order ambisonics to two ears, computed once for a head.

    Attributes:
        method: one of `DECODERS`.
        filters: (2, 4, K) impulse responses from W, Y, Z, X to the left and the right ear.
        lead: samples of the filters that come before the head's own time zero; `foa_to_binaural` takes them back.
        sample_rate: Hz of the sound it is for.
    """

    method: str
    filters: Tensor
    lead: int
    sample_rate: int


def horizontal_speakers() -> Tensor:
    """Directions (8, 2) of eight loudspeakers on a horizontal circle, the first behind.

    Those of PseudoBinaural (Xu et al., CVPR 2021) and spatialaudiogen (Morgado et al., NeurIPS 2018).
    """
    azimuths = 45 * torch.arange(8, dtype=torch.float64) - 180
    return torch.stack([azimuths, torch.zeros_like(azimuths)], dim=-1)


def make_decoder(
    method: str, directions: Tensor, responses: Tensor, sample_rate: int, *, even: bool = True
) -> FOADecoder:
    """Compute the filters that take first-order ambisonics to two ears.

    "projection" plays each of eight virtual loudspeakers the field's value in its direction (a cardioid) and sums the
    nearest head-related impulse responses: the way of the published YouTube scores. "pseudo-inverse" gives the
    loudspeakers the least-squares solution instead (sharper, with a back lobe). "magls" needs no loudspeakers: up to
    1.5 kHz it fits the responses themselves in the least-squares sense, above it their magnitudes alone (Schoerkhuber,
    Zaunschirm, Hoeldrich, DAGA 2018), since there the ear hardly follows phase and the first order cannot.

    Responses must be at the sound's rate. PseudoBinaural's released code applies 44.1 kHz responses unresampled to
    16 kHz sound, so that delays come out 2.76 times too long; to repeat that, pass such responses with
    `sample_rate=16_000`.

    Args:
        method: one of `DECODERS`.
        directions: (N, 2) degrees of the head's responses.
        responses: (N, 2, K) left ear first.
        sample_rate: Hz, of responses and sound.
        even: "pseudo-inverse" only. The bare solution (False, as spatialaudiogen's helper has it) cancels where its
            loudspeakers reach the ear out of step, most of all in the ear canal's resonance, so that measured heads
            render sources up to 6 dB too softly from behind. Its directional part is made smaller (max-rE: Daniel,
            Rault, Polack, "Ambisonics encoding of other audio formats", AES 105, 1998) and the resonance taken out of
            the head, which keeps all azimuths within 3 dB.

    Raises:
        ValueError: unknown method, shapes that do not fit, or a loudspeaker without a response nearby.
    """
    if method not in DECODERS:
        raise ValueError(f"unknown decoder {method!r}; use one of {', '.join(DECODERS)}")
    if directions.ndim != 2 or directions.shape[1] != 2 or responses.shape[:2] != (len(directions), 2):
        shapes = f"{tuple(directions.shape)} and {tuple(responses.shape)}"
        raise ValueError(f"expected directions (N, 2) and responses (N, 2, K), got {shapes}")
    directions, responses = directions.double(), responses.double()
    if method == "magls":
        filters, lead = _magnitude_least_squares(directions, responses, sample_rate)
        return FOADecoder(method, filters.float(), lead, sample_rate)
    speakers = horizontal_speakers()
    gains = harmonics(speakers)  # (M, 4)
    if method == "projection":  # the released code leaves out 1 / M, a factor that RMS normalisation takes away again
        matrix = gains / len(speakers)
    else:
        matrix = torch.linalg.pinv(gains.T, rtol=1e-6)
        if even:
            in_a_plane = torch.linalg.matrix_rank(gains, rtol=1e-6) < 4
            matrix[:, 1:] *= sqrt(1 / 2 if in_a_plane else 1 / 3)
            responses = diffuse_field_equalised(directions, responses)
    filters = torch.einsum("mc,mek->eck", matrix, responses[nearest_direction(speakers, directions)])
    return FOADecoder(method, filters.float(), 0, sample_rate)


def foa_to_binaural(foa: Tensor, decoder: FOADecoder) -> Tensor:
    """Decode first-order ambisonics for two ears.

    Args:
        foa: (..., 4, T) W, Y, Z, X or (..., 3, T) W, Y, X (as if Z were silent), at the decoder's rate.
        decoder: from `make_decoder`.

    Returns:
        (..., 2, T), left first; in time as the head's own responses are. The tail past the end is cut.

    Raises:
        ValueError: neither three nor four channels.
    """
    foa = with_height(foa)
    length = foa.shape[-1]
    convolve = BlockConvolver(decoder.filters.to(foa))
    blocks = [convolve(block) for block in torch.split(foa, _BLOCK, dim=-1)] if length else [foa[..., :2, :]]
    wet = torch.cat([*blocks, *([convolve.finish()] if length else [])], dim=-1)
    return wet[..., decoder.lead : decoder.lead + length]


def _check_channels(foa: Tensor) -> None:
    if foa.ndim < 2 or foa.shape[-2] not in (3, 4):
        raise ValueError(f"expected (..., 4, T) W, Y, Z, X or (..., 3, T) W, Y, X, got {tuple(foa.shape)}")


def _height(foa: Tensor) -> list[Tensor]:
    return [foa[..., 2:3, :]] if foa.shape[-2] == 4 else []


def _magnitude_least_squares(directions: Tensor, responses: Tensor, sample_rate: int) -> tuple[Tensor, int]:
    taps = responses.shape[-1]
    size = 1 << ceil(log2(max(2 * taps, 256)))
    bins = torch.arange(size // 2 + 1, dtype=torch.float64)
    spectrum = torch.fft.rfft(responses, size).permute(2, 0, 1)  # (F, N, 2)
    weights = sphere_weights(directions)
    # Time zero goes to the middle of the head, or following the phase upwards would smear the sound by the head's own
    # delay (Hold, Meyer-Kahlen, Pulkki, DAGA 2023).
    energy = responses.square().sum(1)  # (N, K)
    centre = float((weights @ (energy / energy.sum(-1, keepdim=True))) @ torch.arange(taps, dtype=torch.float64))
    advance = torch.polar(torch.ones_like(bins), 2 * pi * bins * centre / size)
    spectrum = spectrum * advance[:, None, None]
    gains = harmonics(directions)  # (N, 4)
    normal = gains.T @ (weights[:, None] * gains)
    ridge = 1e-6 * torch.eye(4, dtype=torch.float64)  # a head measured in one plane does not determine Z
    solve = torch.linalg.solve(normal + ridge, gains.T * weights).to(spectrum.dtype)  # (4, N)
    field = gains.to(spectrum.dtype)
    first = min(int(_CUTOFF * size / sample_rate), len(bins) - 1) + 1
    fitted = [solve @ target for target in spectrum[:first]]
    for target in spectrum[first:]:
        fitted.append(solve @ torch.polar(target.abs(), (field @ fitted[-1]).angle()))
    lead = size // 4
    delay = torch.polar(torch.ones_like(bins), -2 * pi * bins * (centre + lead) / size)
    found = torch.stack(fitted) * delay[:, None, None]  # (F, 4, 2)
    found[-1] = found[-1].real.to(found.dtype)  # a real response has a real Nyquist bin
    return torch.fft.irfft(found.permute(2, 1, 0), size), lead
