"""Post-training quantisation of an exported network to 8 bits, by NNCF, on frames and sounds that it is shown."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import BackendError
from ccstereo.inference.backends.base import Backend
from ccstereo.inference.exported import CONTEXT, FRAMES, WINDOWS, ExportedNetwork, read_exported, write_exported

# Spectrograms span too wide a range for 8 bits: with windows in them, errors are four times as large.
QUANTISED = (FRAMES,)


class Recorder:
    """A backend that keeps what it is asked: calibration material, one item each.

    Args:
        backend: that answers.

    Attributes:
        asked: inputs of each part.
    """

    def __init__(self, backend: Backend) -> None:
        self.name, self.config = backend.name, backend.config
        self.precision, self.device = backend.precision, backend.device
        self.asked: dict[str, list[tuple[NDArray[Any], ...]]] = {FRAMES: [], CONTEXT: [], WINDOWS: []}
        self._backend = backend

    def encode_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Backend`."""
        self._keep(FRAMES, frames)
        return self._backend.encode_frames(frames)

    def encode_context(self, spec: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See `Backend`."""
        self._keep(CONTEXT, spec)
        return self._backend.encode_context(spec)

    def predict(
        self, spec: NDArray[np.float32], features: NDArray[np.float32], context: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """See `Backend`."""
        self._keep(WINDOWS, spec, features, *([] if context is None else [context]))
        return self._backend.predict(spec, features, context)

    def _keep(self, part: str, *arrays: NDArray[Any]) -> None:
        self.asked[part] += [tuple(array[i : i + 1] for array in arrays) for i in range(len(arrays[0]))]


def quantize_network(folder: Path, asked: dict[str, list[tuple[NDArray[Any], ...]]], most: int = 200) -> None:
    """Turn the graphs of an exported folder to 8 bits, in place.

    Args:
        folder: that `export_network` wrote for OpenVINO.
        asked: inputs of each part, as `Recorder` keeps them.
        most: how many items of each, evenly spread, ranges are measured on.

    Raises:
        BackendError: NNCF is not installed, or the folder is of another backend.
    """
    network = read_exported(folder)
    if network.backend != "openvino":
        raise BackendError("8 bits are for OpenVINO: leave out --int8, or take --format openvino")
    from ccstereo.inference.backends.openvino import import_openvino

    openvino = import_openvino()
    try:
        import nncf
    except ImportError as error:
        raise BackendError("--int8 needs the nncf package: pip install 'ccstereo[int8]'") from error
    nncf.set_log_level(logging.ERROR)
    core = openvino.Core()
    for part in network.parts:
        if part not in QUANTISED:
            continue
        path = folder / f"{part}.xml"
        chosen = _evenly(asked[part], most)
        names = [node.any_name for node in core.read_model(path).inputs]
        graph = nncf.quantize(
            _owned(core, path),
            nncf.Dataset([dict(zip(names, item, strict=True)) for item in chosen]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(chosen),
        )
        openvino.save_model(graph, path, compress_to_fp16=False)
    write_exported(_int8(network), folder)


def _owned(core: Any, path: Path) -> Any:
    """A graph whose weights are in memory, not mapped from the file that is about to be written."""
    return core.read_model(path.read_bytes(), path.with_suffix(".bin").read_bytes())


def _int8(network: ExportedNetwork) -> ExportedNetwork:
    return replace(network, precision="int8")


def _evenly(items: Iterable[Any], most: int) -> list[Any]:
    """At most so many items, evenly spread.

    >>> _evenly(range(10), 5)
    [0, 2, 4, 6, 8]
    """
    found = list(items)
    if not found:
        raise BackendError("nothing to measure the ranges of 8 bits on")
    return [found[len(found) * k // min(most, len(found))] for k in range(min(most, len(found)))]
