"""How good a binaural clip is: pure functions in `functional`, torchmetrics classes in `modules`.

Importing this package loads neither torchmetrics nor scipy.
"""

from ccstereo.metrics import functional
from ccstereo.metrics.functional import (
    SPLConfig,
    azimuth_error,
    envelope,
    envelope_distance,
    estimate_azimuth,
    ild_error,
    interaural_level_difference,
    interaural_time_difference,
    itd_error,
    louder_ear,
    louder_ear_correct,
    magnitude_distance,
    multi_resolution_stft,
    peak_normalize,
    phase_distance,
    signal_to_noise_ratio,
    spl_curve,
    spl_distance,
    stft_distance,
    waveform_distance,
)

__all__ = [
    "SPLConfig",
    "azimuth_error",
    "envelope",
    "envelope_distance",
    "estimate_azimuth",
    "functional",
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
