"""Runs an exported network in OpenVINO, on the processor."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import BackendError
from ccstereo.inference.backends.threads import thread_count
from ccstereo.inference.exported import CONTEXT, FRAMES, SUFFIXES, WINDOWS, read_exported

HINTS = {"float32": "f32", "bfloat16": "bf16"}


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which would tell its makers of every start.

    Raises:
        BackendError: it is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise BackendError("the backend openvino needs its package: pip install 'ccstereo[fast]'") from error
    return openvino


class OpenVINOBackend:
    """Runs the graphs of a folder, see `ccstereo.inference.exported`.

    A batch is split over as many streams of one thread as there are processors: none waits for another in the middle of
    a layer, so that a busy machine costs its share and no more.

    Args:
        folder: that `export_network` wrote for OpenVINO.
        precision: "float32", or "bfloat16" where the processor computes it.

    Raises:
        WeightsError: the folder is damaged.
        BackendError: OpenVINO is not installed, cannot run the network, or not in this precision.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, folder: str | Path, precision: str = "float32") -> None:
        openvino = import_openvino()
        network = read_exported(folder)
        if precision not in HINTS:
            raise BackendError(f"the backend openvino has no {precision}; it has {', '.join(HINTS)}")
        self.config = network.config
        self.precision = network.precision if precision == "float32" else precision
        core, count = openvino.Core(), thread_count()
        if precision == "bfloat16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise BackendError("this processor does not compute bfloat16; leave the precision out")
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": count,
            "NUM_STREAMS": count,
        }

        def queue(part: str) -> Any:
            path = Path(folder) / (part + SUFFIXES[self.name])
            return openvino.AsyncInferQueue(core.compile_model(path, "CPU", options), count)

        try:
            with ThreadPoolExecutor() as pool:
                self._queues = dict(zip(network.parts, pool.map(queue, network.parts), strict=True))
        except RuntimeError as error:
            raise BackendError(f"{folder}: OpenVINO cannot run it here ({str(error).splitlines()[-1]})") from error
        self._streams = count

    def encode_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Backend`. One by one: the maps of one frame stay in the cache."""
        return self._run(FRAMES, [(frame[None],) for frame in frames])

    def encode_context(self, spec: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See `Backend`."""
        if CONTEXT not in self._queues:
            return None
        return self._run(CONTEXT, [(piece,) for piece in self._split(spec)])

    def predict(
        self, spec: NDArray[np.float32], features: NDArray[np.float32], context: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """See `Backend`."""
        arrays = [spec, features] if context is None else [spec, features, context]
        return self._run(WINDOWS, list(zip(*map(self._split, arrays), strict=True)))

    def _split(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        return np.array_split(array, min(len(array), self._streams))

    def _run(self, part: str, pieces: list[tuple[NDArray[Any], ...]]) -> NDArray[np.float32]:
        """Run all pieces, several at once, and join what they give in their order."""
        queue, found = self._queues[part], [np.empty(0, np.float32)] * len(pieces)

        def keep(request: Any, place: int) -> None:
            found[place] = request.get_output_tensor(0).data.copy()

        queue.set_callback(keep)
        for place, piece in enumerate(pieces):
            queue.start_async([np.ascontiguousarray(array) for array in piece], place)
        queue.wait_all()
        return np.concatenate(found)
