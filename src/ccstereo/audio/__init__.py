"""Signals: tensors in, tensors out."""

from ccstereo.audio.ambisonics import FOADecoder, encode, foa_to_binaural, make_decoder
from ccstereo.audio.rms import rms, rms_gain
from ccstereo.audio.stft import STFTConfig, apply_mask, istft, stft
from ccstereo.audio.targets import FOA, LEFT_RIGHT, MID_SIDE, SPECTROGRAM, TARGETS, Target
from ccstereo.audio.windows import context_start, frame_index, overlap_average, window_count

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
    "context_start",
    "encode",
    "foa_to_binaural",
    "frame_index",
    "istft",
    "make_decoder",
    "overlap_average",
    "rms",
    "rms_gain",
    "stft",
    "window_count",
]
