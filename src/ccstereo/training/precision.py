"""Whether mixed precision pays on this machine."""

import torch

from ccstereo.inference import precision_pays


def affordable_precision(precision: str | int | None, accelerator: str) -> str | int | None:
    """Choose float32 in the place of a 16-bit precision that the processor would have to imitate.

    Args:
        precision: of Lightning's trainer.
        accelerator: of Lightning's trainer.

    Returns:
        "32-true" for a 16-bit precision on such a processor; else what came in.
    """
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    if on_cpu and "16" in str(precision) and not precision_pays("bfloat16", "cpu"):
        return "32-true"
    return precision
