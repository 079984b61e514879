"""Runs an exported network in OpenVINO, on the processor."""

import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import BackendError
from ccstereo.files import atomic_path
from ccstereo.inference.backends.threads import thread_count
from ccstereo.inference.exported import CONTEXT, FRAMES, SUFFIXES, WINDOWS, read_exported

ISA = "ONEDNN_MAX_CPU_ISA"  # holds OpenVINO to older instructions
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


def compiled(core: Any, path: Path, sha256: str, options: dict[str, Any]) -> Any:
    """Take what a graph was compiled to before, which is three times as quick as compiling it, or compile and keep it.

    It is kept beside the graph, where that folder can be written. A damaged one is compiled again.

    Args:
        core: OpenVINO's.
        path: of the graph.
        sha256: of its files.
        options: of the compilation.
    """
    import openvino

    machine = [openvino.__version__, core.get_property("CPU", "FULL_DEVICE_NAME"), os.environ.get(ISA, "")]
    key = hashlib.sha256(json.dumps([sha256, machine, options], sort_keys=True).encode()).hexdigest()[:16]
    kept = path.with_name(f"{path.stem}.{key}.blob")
    with suppress(OSError, RuntimeError):
        content = kept.read_bytes()
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            return core.import_model(content[32:], "CPU", options)
    found = core.compile_model(path, "CPU", options)
    with suppress(OSError, RuntimeError), atomic_path(kept) as temporary:
        blob = found.export_model().getvalue()
        temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
    return found


class OpenVINOBackend:
    """Runs the graphs of a folder, see `ccstereo.inference.exported`.

    A batch is split over as many streams of one thread as there are processors: none waits for another in the middle of
    a layer, so that a busy machine costs its share and no more.

    Args:
        folder: that `export_network` wrote for OpenVINO.
        precision: "float32", or "bfloat16" where the processor computes it.
        keep: what is compiled beside the graphs, for the next start.

    Raises:
        WeightsError: the folder is damaged.
        BackendError: OpenVINO is not installed, cannot run the network, or not in this precision.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, folder: str | Path, precision: str = "float32", *, keep: bool = False) -> None:
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
            sha256 = "".join(network.files[path.with_suffix(suffix).name] for suffix in (".xml", ".bin"))
            model = compiled(core, path, sha256, options) if keep else core.compile_model(path, "CPU", options)
            return openvino.AsyncInferQueue(model, count)

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
