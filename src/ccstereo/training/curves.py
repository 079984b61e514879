"""What a training has logged for TensorBoard, as arrays."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import DatasetError

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
UNITS = {
    "snr": "dB",
    "louder_ear": "fraction right",
    "stft_to_mono": "STFT distance over mono's",
    "waiting": "fraction of the time",
}
"""Units of what is logged, by the last word of its name; losses have none."""


def read_curves(folder: str | Path) -> dict[str, Curve]:
    """Read the scalars of a run: name -> (M,) steps and (M,) values.

    Args:
        folder: of the run; its log may lie in folders inside.

    Raises:
        DatasetError: there is no log in it.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    files = sorted(Path(folder).rglob("events.out.tfevents.*"))
    if not files:
        raise DatasetError(f"{folder}: holds no log of a training; give a run's folder, such as runs/lite-stage/1")
    curves: dict[str, Curve] = {}
    for file in files:
        log = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
        for name in log.Tags()["scalars"]:
            events = log.Scalars(name)
            steps, values = np.array([e.step for e in events], float), np.array([e.value for e in events], float)
            before = curves.get(name)
            curves[name] = (steps, values) if before is None else (
                np.concatenate([before[0], steps]), np.concatenate([before[1], values])
            )  # fmt: skip
    return curves


def heading(name: str) -> str:
    """A quantity's name with its unit.

    >>> heading("val/two/snr"), heading("train/loss")
    ('val/two/snr, dB', 'train/loss')
    """
    unit = UNITS.get(name.rsplit("/", 1)[-1])
    return f"{name}, {unit}" if unit else name
