"""Runs an exported network in ONNX Runtime, on the processor."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import BackendError
from ccstereo.inference.backends.threads import thread_count
from ccstereo.inference.exported import CONTEXT, FRAMES, SUFFIXES, WINDOWS, read_exported


class ONNXBackend:
    """Runs the graphs of a folder, see `ccstereo.inference.exported`.

    Args:
        folder: that `export_network` wrote for ONNX.
        precision: "float32".

    Raises:
        WeightsError: the folder is damaged.
        BackendError: ONNX Runtime is not installed, cannot run the network, or not in this precision.
    """

    name = "onnx"
    device = "cpu"

    def __init__(self, folder: str | Path, precision: str = "float32") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise BackendError("the backend onnx needs its package: pip install 'ccstereo[onnx]'") from error
        if precision != "float32":
            raise BackendError(f"the backend onnx has no {precision}; it has float32")
        network = read_exported(folder)
        self.config = network.config
        self.precision = network.precision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count()
        options.log_severity_level = 3  # errors
        # Threads that wait for one another by spinning make a busy machine four times as slow.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._sessions = {
                part: onnxruntime.InferenceSession(
                    str(Path(folder) / (part + SUFFIXES[self.name])), options, providers=["CPUExecutionProvider"]
                )
                for part in network.parts
            }
        except Exception as error:  # its errors share no base
            raise BackendError(f"{folder}: ONNX Runtime cannot run it here ({str(error).splitlines()[0]})") from error

    def encode_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Backend`. One by one: the maps of one frame stay in the cache."""
        return np.concatenate([self._run(FRAMES, frame[None]) for frame in frames])

    def encode_context(self, spec: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See `Backend`."""
        return self._run(CONTEXT, spec) if CONTEXT in self._sessions else None

    def predict(
        self, spec: NDArray[np.float32], features: NDArray[np.float32], context: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """See `Backend`."""
        return self._run(WINDOWS, spec, features, *([] if context is None else [context]))

    def _run(self, part: str, *arrays: NDArray[Any]) -> NDArray[np.float32]:
        session = self._sessions[part]
        names, batch = [node.name for node in session.get_inputs()], session.get_inputs()[0].shape[0]
        step = batch if isinstance(batch, int) else len(arrays[0])  # a number where only that many are taken at once
        pieces = [[array[i : i + step] for array in arrays] for i in range(0, len(arrays[0]), step)]
        found = [session.run(None, dict(zip(names, piece, strict=True)))[0] for piece in pieces]
        return np.concatenate(found)
