"""Which device runs a network: CUDA, then Apple's, then the processor; torch is not loaded where there is no other."""

import ctypes.util
import platform
from pathlib import Path

from ccstereo.errors import BackendError

# NVIDIA's driver, the same inside of Windows, AMD's.
_DRIVERS = tuple(map(Path, ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")))


def choose_device(name: str = "auto") -> str:
    """The device to run on.

    Args:
        name: torch's name, "cpu", "cuda:1", "mps"; or "auto": CUDA where there is one, then MPS, else the CPU.

    Raises:
        BackendError: there is no such device.

    >>> choose_device("cpu")
    'cpu'
    """
    if name == "cpu" or (name == "auto" and not _may_have_accelerator()):
        return "cpu"
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BackendError(f"device {name}: unknown; there are auto, cpu, cuda, cuda:1 and mps") from error
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].partition(". ")[0]
        raise BackendError(f"device {name}: not available here ({reason}); leave it out to run on what is") from error
    return name


def _may_have_accelerator() -> bool:
    """Whether it is worth asking torch, which takes a second or two to load."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    if platform.system() == "Windows":
        return ctypes.util.find_library("nvcuda") is not None
    return any(driver.exists() for driver in _DRIVERS)
