"""Opening an exported network by the backend that it was written for."""

from pathlib import Path

from ccstereo.inference.backends.base import Backend
from ccstereo.inference.exported import read_exported


def open_exported(folder: str | Path, precision: str = "float32", *, keep: bool = False) -> Backend:
    """Run a folder that `ccstereo export` wrote.

    Args:
        folder: which.
        precision: "float32", or "bfloat16" in OpenVINO on a processor that computes it.
        keep: what the backend compiles in that folder, for the next start.

    Raises:
        WeightsError: the folder is damaged.
        BackendError: the package that runs it is not installed, or cannot.
    """
    if read_exported(folder).backend == "onnx":
        from ccstereo.inference.backends.onnxruntime import ONNXBackend

        return ONNXBackend(folder, precision)
    from ccstereo.inference.backends.openvino import OpenVINOBackend

    return OpenVINOBackend(folder, precision, keep=keep)
