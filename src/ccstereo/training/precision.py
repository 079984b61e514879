"""Whether mixed precision pays on this machine."""

import torch


def affordable_precision(precision: str | int | None, accelerator: str) -> str | int | None:
    """Choose float32 in the place of a 16-bit precision that the processor would have to imitate.

    Without AVX-512 a step of ccstereo-lite takes ten times as long in bfloat16 as in float32.

    Args:
        precision: of Lightning's trainer.
        accelerator: of Lightning's trainer.

    Returns:
        "32-true" for a 16-bit precision on such a processor; else what came in.
    """
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    imitated = on_cpu and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return "32-true" if imitated and "16" in str(precision) else precision
