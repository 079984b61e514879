"""Signals: tensors in, tensors out."""

from ccstereo.audio.ambisonics import (
    FOADecoder,
    encode,
    foa_to_binaural,
    harmonics,
    make_decoder,
    rotate_yaw,
    to_acn,
)
from ccstereo.audio.rms import rms, rms_gain
from ccstereo.audio.stereo import apply_mask, mix_and_difference, to_binaural, to_binaural_spec
from ccstereo.audio.stft import STFTConfig, istft, stft
from ccstereo.audio.targets import FOA, LEFT_RIGHT, MID_SIDE, SPECTROGRAM, TARGETS, Target
from ccstereo.audio.windows import clip_indices, context_start, frame_index, overlap_average, window_count

__all__ = [
    "FOA",
    "LEFT_RIGHT",
    "MID_SIDE",
    "SPECTROGRAM",
    "TARGETS",
    "FOADecoder",
    "STFTConfig",
    "Target",
    "apply_mask",
    "clip_indices",
    "context_start",
    "encode",
    "foa_to_binaural",
    "frame_index",
    "harmonics",
    "istft",
    "make_decoder",
    "mix_and_difference",
    "overlap_average",
    "rms",
    "rms_gain",
    "rotate_yaw",
    "stft",
    "to_acn",
    "to_binaural",
    "to_binaural_spec",
    "window_count",
]
