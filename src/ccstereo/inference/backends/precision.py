"""Whether a precision pays on a device."""

import platform
import warnings

import torch

X86 = ("x86_64", "amd64", "i386", "i686")


def precision_pays(precision: str, device: str) -> bool:
    """Whether a precision is no slower than float32 on a device.

    An x86 processor without AVX-512 only imitates 16-bit numbers: ccstereo-lite takes about ten times as long in them.
    ARM's and Apple's processors compute them.

    Args:
        precision: "float32", "bfloat16" or "float16".
        device: torch's name: "cpu", "cuda:1".
    """
    if precision == "float32" or torch.device(device).type != "cpu" or platform.machine().lower() not in X86:
        return True
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def warn_of_precision(precision: str, device: str) -> None:
    """Warn, before long work, where float32 would be faster."""
    if not precision_pays(precision, device):
        warnings.warn(
            f"this processor has no AVX-512 and is many times slower in {precision} than in float32", stacklevel=3
        )
