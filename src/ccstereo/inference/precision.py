"""The precisions that networks run in, and whether one pays on a device."""

import torch

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def precision_pays(precision: str, device: str) -> bool:
    """Whether a precision is faster than float32 on a device, or float32 itself.

    A processor without AVX-512 only imitates 16-bit numbers: ccstereo-lite takes about ten times as long in them.

    Args:
        precision: of `PRECISIONS`.
        device: torch's name: "cpu", "cuda:1".
    """
    imitated = torch.device(device).type == "cpu" and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return precision == "float32" or not imitated
