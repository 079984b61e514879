"""Sound of any layout and sample format as floats: mono, stereo as a player plays it, or its channels."""

from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from numpy.typing import NDArray

from ccstereo.errors import MediaError

# What a channel weighs in left + right of the stereo downmix of ITU-R BS.775: the centre and each surround enter a
# side at -3 dB, the centre enters both. The low-frequency channels (LFE, LFE2) are skipped there, too.
_HALF = 0.5**0.5
_WEIGHTS = {
    **dict.fromkeys(("FL", "FR", "DL", "DR", "FLC", "FRC", "WL", "WR"), 1.0),
    "FC": 2 * _HALF,
    **dict.fromkeys(("BL", "BR", "SL", "SR", "SDL", "SDR", "SSL", "SSR"), _HALF),
    "BC": 1.0,
    **dict.fromkeys(("TFL", "TFR", "TBL", "TBR", "TSL", "TSR", "BFL", "BFR"), 0.5),
    **dict.fromkeys(("TFC", "TBC", "TC", "BFC"), _HALF),
    **dict.fromkeys(("LFE", "LFE2"), 0.0),
}
_PLANES = 8  # pointers to planes that a frame itself holds
_FORMATS = {
    name + planar for name in ("u8", "s16", "s32", "flt", "dbl") for planar in ("", "p")
}  # PyAV hands these out
_USUAL = {6: "5.1", 8: "7.1"}  # what that many channels nearly always are where the file does not say
# What FFmpeg takes that many for, and players after it.
_ASSUMED = {3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_LEFT = ("FL", "BL", "SL", "DL", "FLC", "WL", "SDL", "SSL", "TFL", "TBL", "TSL", "BFL")
_RIGHT = tuple(name.replace("L", "R") for name in _LEFT)
LARGEST = 1e6  # times full scale: what lies beyond is no sound, and its square is beyond single precision


def mono_weights(names: tuple[str, ...]) -> NDArray[np.float32]:
    """Weight of each channel in the mono downmix; they sum to 1, so that the mix never exceeds full scale.

    Args:
        names: FFmpeg's channel names, such as ("FL", "FR", "FC", "LFE", "BL", "BR"). Names that say nothing of the
            place weigh the same; of an ambisonic sound only W, the sound from everywhere, is taken.

    Returns:
        (C,).

    >>> mono_weights(("FL", "FR")).tolist()
    [0.5, 0.5]
    >>> [round(float(weight), 3) for weight in mono_weights(("FL", "FR", "FC", "LFE", "BL", "BR"))]
    [0.207, 0.207, 0.293, 0.0, 0.146, 0.146]
    """
    if "AMBI0" in names:
        weights = np.array([float(name == "AMBI0") for name in names])
    elif any(name not in _WEIGHTS for name in names):
        known = AudioLayout(_USUAL[len(names)]) if len(names) in _USUAL else None
        return mono_weights(channel_names(known)) if known else np.full(len(names), 1 / len(names), np.float32)
    else:
        weights = np.array([_WEIGHTS[name] for name in names])
    if weights.sum() == 0:  # low-frequency channels alone
        weights = np.ones(len(names))
    return np.asarray(weights / weights.sum(), np.float32)


def stereo_weights(names: tuple[str, ...]) -> NDArray[np.float32]:
    """Weights of the stereo downmix, as FFmpeg and the players built on it do it, without scaling it down.

    That is ITU-R BS.775: the centre enters both sides, the surrounds their own, each at -3 dB, one behind both at
    -6 dB. It may exceed full scale. Mono is played on both sides at its full level, and so is W of ambisonics.

    Args:
        names: as `mono_weights` takes them.

    Returns:
        (2, C), left first.

    >>> stereo_weights(("FL", "FR", "FC", "LFE", "BL", "BR")).astype(float).round(3).tolist()
    [[1.0, 0.0, 0.707, 0.0, 0.707, 0.0], [0.0, 1.0, 0.707, 0.0, 0.0, 0.707]]
    """
    if len(names) == 1:
        return np.ones((2, 1), np.float32)
    if "AMBI0" in names:
        return np.array([[float(name == "AMBI0") for name in names]] * 2, np.float32)
    if len(names) == 2 and not set(names) <= set(_WEIGHTS):
        return np.eye(2, dtype=np.float32)
    if not set(names) <= set(_WEIGHTS):
        if len(names) in _ASSUMED:
            return stereo_weights(channel_names(AudioLayout(_ASSUMED[len(names)])))
        return np.full((2, len(names)), 1 / len(names), np.float32)
    weights = np.zeros((2, len(names)))
    for channel, name in enumerate(names):
        weight = _WEIGHTS[name]
        if name in _LEFT:
            weights[0, channel] = weight
        elif name in _RIGHT:
            weights[1, channel] = weight
        else:
            weights[:, channel] = weight / 2  # of left + right, as the table has it
    if not weights.any():  # low-frequency channels alone
        weights[:] = 1
    return np.asarray(weights, np.float32)


def channel_names(layout: AudioLayout) -> tuple[str, ...]:
    """FFmpeg's names of the channels of a layout, in order."""
    return tuple(channel.name for channel in layout.channels)


class Remix:
    """Turns decoded frames of any layout and sample format into floats.

    Args:
        path: of the file, for messages.
        channels: that every frame must have, to be kept; None mixes them to mono, "played" to the stereo downmix.
    """

    def __init__(self, path: Path | str, channels: int | Literal["played"] | None = None) -> None:
        self._path = path
        self._channels = channels
        self._odd = 0
        self._packer = av.AudioResampler(format="flt")
        self._kind: tuple[str, str, int] | None = None

    def __call__(self, frame: AudioFrame) -> NDArray[np.float32]:
        """Samples of a frame: (T,) mono, or (T, channels); full scale +-1, finite.

        Raises:
            MediaError: the frame has another number of channels than is to be kept, or samples far beyond full scale.
        """
        found = frame.layout.nb_channels
        if self._channels not in (None, "played", found):
            raise MediaError(f"{self._path}: its sound has {found} channel{'s' * (found != 1)}, not {self._channels}")
        many = frame.format.is_planar and found >= _PLANES
        samples = self._sane(_to_float(self._pack(frame) if many or frame.format.name not in _FORMATS else frame))
        if self._channels == "played":
            return np.ascontiguousarray((stereo_weights(channel_names(frame.layout)) @ samples).T)
        if self._channels is not None:
            return np.ascontiguousarray(samples.T)
        if len(samples) == 1:
            return np.asarray(samples[0])
        return np.asarray(mono_weights(channel_names(frame.layout)) @ samples, np.float32)

    @property
    def notes(self) -> list[str]:
        """One line where samples were no numbers."""
        return (
            [f"{self._odd} samples of its sound are no finite numbers and were taken for silence"] if self._odd else []
        )

    def _sane(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        largest = float(np.abs(samples).max(initial=0))
        if not np.isfinite(largest):
            self._odd += int(np.count_nonzero(~np.isfinite(samples)))
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            largest = float(np.abs(samples).max(initial=0))
        if largest > LARGEST:
            raise MediaError(
                f"{self._path}: its sound reaches {largest:.1e} times full scale, which is no sound; convert it again"
            )
        return samples

    def _pack(self, frame: AudioFrame) -> AudioFrame:
        """The frame as floats in one plane: where channels are many, PyAV reads past the list of planes."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            self._packer, self._kind = av.AudioResampler(format="flt"), kind
        (packed,) = self._packer.resample(frame)
        return packed


def _to_float(frame: AudioFrame) -> NDArray[np.float32]:
    """Samples of a decoded frame: (C, T), full scale +-1."""
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return np.asarray((samples.astype(np.float32) - 128) / 128, np.float32)
    if samples.dtype.kind == "i":
        return (samples / float(2 ** (8 * samples.dtype.itemsize - 1))).astype(np.float32)
    return samples.astype(np.float32, copy=False)
