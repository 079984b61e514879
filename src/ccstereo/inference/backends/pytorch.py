"""The backend that is always there: PyTorch, with norms fused, autocast, channels last, and groups that fit a cache."""

import copy
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ccstereo.inference.backends.precision import warn_of_precision
from ccstereo.models.base import SpatialModel, channels_last
from ccstereo.vision.transforms import normalize

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FRAMES_AT_ONCE = 2
Module = TypeVar("Module", bound=nn.Module)


class TorchBackend:
    """Runs a copy of a model on the model's device; later changes of the model change nothing here.

    Args:
        model: any model, in whatever mode; it stays as it is.
        precision: "float32", "bfloat16" or "float16".

    Raises:
        ValueError: there is no such precision.
    """

    name = "torch"

    def __init__(self, model: SpatialModel, precision: str = "float32") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
        self.config = model.config
        self.precision = precision
        self.device = str(next(model.parameters()).device)
        warn_of_precision(precision, self.device)
        self._network = fused_for_inference(model)

    @torch.inference_mode()
    def encode_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Backend`. On a CPU a few frames at a time, see `encoding_groups`."""
        pixels = normalize(torch.from_numpy(frames).to(self.device))
        if pixels.ndim == 4:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        with self._autocast():
            found = torch.cat([self._network.encode_frames(group) for group in encoding_groups(pixels)])
        return _array(found)

    @torch.inference_mode()
    def encode_context(self, spec: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See `Backend`."""
        with self._autocast():
            found = self._network.encode_context(torch.from_numpy(spec).to(self.device))
        return None if found is None else _array(found)

    @torch.inference_mode()
    def predict(
        self, spec: NDArray[np.float32], features: NDArray[np.float32], context: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """See `Backend`."""
        mix, dtype = torch.from_numpy(spec).to(self.device), self._network.dtype  # the arrays are float32
        visual = torch.from_numpy(features).to(self.device, dtype)
        around = None if context is None else torch.from_numpy(context).to(self.device, dtype)
        with self._autocast():
            return _array(self._network(mix, visual, around).spec)

    def _autocast(self) -> torch.autocast:
        kind = torch.device(self.device).type
        return torch.autocast(kind, PRECISIONS[self.precision], enabled=self.precision != "float32")


def fused_for_inference(module: Module) -> Module:
    """Copy a network for inference: eval mode, channels last, norms fused wherever a sequence has them after a layer.

    Image trunks of plain sequences (`EfficientNetLiteTrunk`, `SlimTrunk`) take about half the time so on a CPU.

    Args:
        module: any network; it stays as it is.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    >>> x = torch.randn(1, 3, 8, 8)
    >>> torch.allclose(fused_for_inference(network)(x), network(x), atol=1e-6)
    True
    """
    fused = copy.deepcopy(module).eval().requires_grad_(False)
    for sequence in [part for part in fused.modules() if isinstance(part, nn.Sequential)]:
        for i in range(len(sequence) - 1):
            conv, norm = sequence[i], sequence[i + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[i], sequence[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return channels_last(fused)


def encoding_groups(frames: Tensor) -> tuple[Tensor, ...]:
    """Split frames (B, ...) into groups to be encoded one after the other: all at once but on a CPU.

    There a map of more than 32 MB, which is what four frames of 224x448 have in EfficientNet-Lite0, comes from the
    system anew every time, page by page (glibc's largest `M_MMAP_THRESHOLD`): that takes a sixth to two thirds
    longer, and the maps leave the cache.
    """
    group = FRAMES_AT_ONCE if frames.device.type == "cpu" else len(frames)
    return torch.split(frames, group)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = tensor.float().cpu().numpy()
    return found
