"""Whether mixed precision pays on this machine."""

import torch

from ccstereo.inference import precision_pays


def affordable_precision(precision: str | int | None, accelerator: str) -> str | int | None:
    """Lightning's precision, but "32-true" in the place of 16 bits that the processor would have to imitate."""
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    if on_cpu and "16" in str(precision) and not precision_pays("bfloat16", "cpu"):
        return "32-true"
    return precision
