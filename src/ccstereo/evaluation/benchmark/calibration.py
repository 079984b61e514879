"""Whether predictions shrink where they are unsure: the predicted side-to-mid ratio against the true one.

Of calibrated predictions the true difference, as far as it lies along the predicted one, is as large as predicted,
however large that is. Where it is smaller, the network is too sure: a wrong side counts as negative there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import DatasetError
from ccstereo.evaluation.benchmark.storage import Benchmark
from ccstereo.evaluation.sets import Ears
from ccstereo.evaluation.systems import System
from ccstereo.jobs import map_items

SECONDS = 0.63  # of a window, a model's
QUIET = 0.05  # of the scene's RMS, below which a window's mid says nothing
COLUMNS = ("predicted", "true", "agreed")


@dataclass(frozen=True)
class CalibrationBin:
    """Windows of about the same predicted side-to-mid ratio.

    Attributes:
        windows: their number.
        predicted: RMS of the predicted difference over that of the mixture.
        true: the same of the true difference.
        agreed: RMS of the true difference along the predicted one over that of the mixture, negative where it is
            mostly on the other side; of calibrated predictions it is `predicted`.
    """

    windows: int
    predicted: float
    true: float
    agreed: float


def side_to_mid(predicted: NDArray[np.float32], true: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Energies of windows of two ears (2, T), predicted and true.

    Returns:
        (N, 4): of the mixture, the predicted difference, the true difference, and the inner product of the two.
    """
    size = round(SECONDS * sample_rate)
    count = true.shape[-1] // size
    mid = (true[0] + true[1])[: count * size].reshape(count, size).astype(np.float64)
    ours, theirs = ((ears[0] - ears[1])[: count * size].reshape(count, size) for ears in (predicted, true))
    products = ((mid, mid), (ours, ours), (theirs, theirs), (ours, theirs))
    energies = np.stack([np.einsum("nt,nt->n", a, b, dtype=np.float64) for a, b in products], axis=-1)
    audible: NDArray[np.float64] = energies[energies[:, 0] > QUIET**2 * energies[:, 0].mean()]
    return audible


def calibration(energies: NDArray[np.float64], bins: int = 8) -> list[CalibrationBin]:
    """Windows (N, 4) of `side_to_mid` in bins of as many each, the least predicted ratio first.

    Raises:
        ValueError: there are fewer windows than bins.
    """
    if len(energies) < bins:
        raise ValueError(f"{len(energies)} windows are too few for {bins} bins")
    ordered = energies[np.argsort(energies[:, 1] / energies[:, 0], kind="stable")]
    found = []
    for part in np.array_split(ordered, bins):
        mid, ours, theirs, along = part.sum(0)
        agreed = along / np.sqrt(ours * mid) if ours > 0 else 0.0
        found.append(CalibrationBin(len(part), float(np.sqrt(ours / mid)), float(np.sqrt(theirs / mid)), float(agreed)))
    return found


def calibrate(
    system: System,
    benchmark: Benchmark,
    *,
    rows: Sequence[str] | None = None,
    bins: int = 8,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[CalibrationBin]:
    """Calibration of a system on scenes of a benchmark, all rows by default.

    Raises:
        DatasetError: a scene cannot be read, there are too few, or a process died.
    """
    scenes = [scene.id for scene in benchmark.scenes if rows is None or scene.row in rows]
    found = []
    for number, (scene, energies) in enumerate(map_items(partial(_energies, system, benchmark), scenes, jobs), start=1):
        if energies is None:
            raise DatasetError(f"{benchmark.folder}: a process died predicting {scene}; give the command again")
        found.append(energies)
        if progress:
            progress(number, len(scenes))
    try:
        return calibration(np.concatenate(found), bins)
    except ValueError as error:
        raise DatasetError(f"{benchmark.folder}: {error}; make a benchmark with more scenes") from error


def _energies(system: System, benchmark: Benchmark, scene: str) -> NDArray[np.float64]:
    item = benchmark.read(scene, Ears())
    return side_to_mid(system.predict(item).numpy(), item.ears.numpy(), item.sample_rate)
