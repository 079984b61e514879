"""Scores as pure functions: clips in, one number a clip out."""

from ccstereo.metrics.functional._pairs import peak_normalize
from ccstereo.metrics.functional.cues import (
    ild_error,
    interaural_level_difference,
    interaural_time_difference,
    itd_error,
)
from ccstereo.metrics.functional.direction import azimuth_error, estimate_azimuth
from ccstereo.metrics.functional.distances import (
    envelope,
    envelope_distance,
    magnitude_distance,
    phase_distance,
    signal_to_noise_ratio,
    stft_distance,
    waveform_distance,
)
from ccstereo.metrics.functional.level import louder_ear, louder_ear_correct, spl_curve, spl_distance
from ccstereo.metrics.functional.multi_resolution import multi_resolution_stft

__all__ = [
    "azimuth_error",
    "envelope",
    "envelope_distance",
    "estimate_azimuth",
    "ild_error",
    "interaural_level_difference",
    "interaural_time_difference",
    "itd_error",
    "louder_ear",
    "louder_ear_correct",
    "magnitude_distance",
    "multi_resolution_stft",
    "peak_normalize",
    "phase_distance",
    "signal_to_noise_ratio",
    "spl_curve",
    "spl_distance",
    "stft_distance",
    "waveform_distance",
]
