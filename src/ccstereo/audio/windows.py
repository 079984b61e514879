"""How overlapping predictions become one signal; where windows stand lies one folder up, without torch."""

import torch
from torch import Tensor

from ccstereo.windows import clip_indices as clip_indices
from ccstereo.windows import context_start as context_start
from ccstereo.windows import frame_index as frame_index
from ccstereo.windows import window_count as window_count


def overlap_average(windows: Tensor, hop: int, length: int) -> Tensor:
    """Add overlapping windows and divide each sample by the number of windows over it.

    Args:
        windows: (N, ..., W), window i starting at sample i * hop.
        hop: samples between two window starts.
        length: samples of the result; what the last window holds past it is dropped.

    Returns:
        (..., length).

    >>> overlap_average(torch.tensor([[1.0, 1.0], [3.0, 3.0]]), hop=1, length=3).tolist()
    [1.0, 2.0, 3.0]
    """
    count, *middle, width = windows.shape
    total = torch.zeros(*middle, max(length, (count - 1) * hop + width), dtype=windows.dtype, device=windows.device)
    cover = torch.zeros(total.shape[-1], dtype=windows.dtype, device=windows.device)
    for i, piece in enumerate(windows):
        total[..., i * hop : i * hop + width] += piece
        cover[i * hop : i * hop + width] += 1
    return total[..., :length] / cover[:length].clamp_min(1)
