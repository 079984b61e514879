"""The backend that is always there: PyTorch, with norms fused, autocast, channels last, and groups that fit a cache."""

import copy
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ccstereo.errors import BackendError
from ccstereo.inference.backends.precision import warn_of_precision
from ccstereo.models.base import SpatialModel, channels_last
from ccstereo.vision.transforms import normalize

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FRAMES_AT_ONCE = 2
Module = TypeVar("Module", bound=nn.Module)


class TorchBackend:
    """Runs a copy of a model on the model's device; later changes of the model change nothing here.

    Where a device's memory runs out, it works in batches of half the size from then on, and says so once.

    Args:
        model: any model, in whatever mode; it stays as it is.
        precision: "float32", "bfloat16" or "float16"; None is float16 on CUDA, else float32.

    Raises:
        ValueError: there is no such precision.
    """

    name = "torch"

    def __init__(self, model: SpatialModel, precision: str | None = None) -> None:
        self.device = str(next(model.parameters()).device)
        if precision is None:
            precision = "float16" if self.device.startswith("cuda") else "float32"
        if precision not in DTYPES:
            raise ValueError(f"no precision {precision!r}; there are {', '.join(DTYPES)}")
        self.config = model.config
        self.precision = precision
        warn_of_precision(precision, self.device)
        self._network = fused_for_inference(model)
        self._at_once: int | None = None  # items of a batch, once memory has run out

    def encode_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Backend`. On a CPU a few frames at a time, see `encoding_groups`."""
        return self._fitting(self._encode_frames, frames)

    @torch.inference_mode()
    def encode_context(self, spec: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See `Backend`."""
        with self._autocast():
            found = self._network.encode_context(torch.from_numpy(spec).to(self.device))
        return None if found is None else _array(found)

    def predict(
        self, spec: NDArray[np.float32], features: NDArray[np.float32], context: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """See `Backend`."""
        return self._fitting(self._predict, spec, features, *([] if context is None else [context]))

    @torch.inference_mode()
    def _encode_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = normalize(torch.from_numpy(frames).to(self.device))
        if pixels.ndim == 4:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        with self._autocast():
            found = torch.cat([self._network.encode_frames(group) for group in encoding_groups(pixels)])
        return _array(found)

    @torch.inference_mode()
    def _predict(self, spec: NDArray[np.float32], *others: NDArray[np.float32]) -> NDArray[np.float32]:
        mix, dtype = torch.from_numpy(spec).to(self.device), self._network.dtype  # the arrays are float32
        conditions = [torch.from_numpy(array).to(self.device, dtype) for array in others]
        with self._autocast():
            return _array(self._network(mix, *conditions).spec)

    def _fitting(self, run: Callable[..., NDArray[np.float32]], *arrays: NDArray[Any]) -> NDArray[np.float32]:
        """Run a batch, in parts that fit the device's memory."""
        count = len(arrays[0])
        while True:
            step = min(count, self._at_once or count)
            try:
                return np.concatenate([run(*(a[i : i + step] for a in arrays)) for i in range(0, count, step)])
            except torch.OutOfMemoryError as error:
                if step == 1:
                    raise BackendError(
                        f"the memory of {self.device} is too small for this network; free some, or take the CPU"
                    ) from error
                if self._at_once is None:
                    warnings.warn(f"the memory of {self.device} ran out: smaller batches are computed", stacklevel=4)
                self._at_once = step // 2
            if self.device.startswith("cuda"):
                torch.cuda.empty_cache()  # outside of the handler, which holds what failed

    def _autocast(self) -> torch.autocast:
        kind = torch.device(self.device).type
        return torch.autocast(kind, DTYPES[self.precision], enabled=self.precision != "float32")


def try_backend(backend: TorchBackend) -> None:
    """Run zeros through a network, to see whether its device can.

    Raises:
        RuntimeError, NotImplementedError: it cannot.
    """
    config = backend.config
    clip = (config.clip_frames,) if config.clip_frames > 1 else ()
    features = backend.encode_frames(np.zeros((1, *clip, 3, *config.frame_size), np.uint8))
    bins, frames = config.spectrogram_size
    context = None
    if config.context:
        context = backend.encode_context(np.zeros((1, 2, bins, config.stft.frames(config.context)), np.float32))
    backend.predict(np.zeros((1, 2, bins, frames), np.float32), features, context)


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
