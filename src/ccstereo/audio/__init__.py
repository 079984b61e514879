"""Signals: tensors in, tensors out."""

from ccstereo.audio.level import level_gain, rms
from ccstereo.audio.stereo import apply_mask, mix_and_difference, to_binaural
from ccstereo.audio.stft import STFTConfig, istft, stft
from ccstereo.audio.windows import frame_index, overlap_average, window_count

__all__ = [
    "STFTConfig",
    "apply_mask",
    "frame_index",
    "istft",
    "level_gain",
    "mix_and_difference",
    "overlap_average",
    "rms",
    "stft",
    "to_binaural",
    "window_count",
]
