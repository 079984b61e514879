"""Frames that wait for their windows, and the visual features of those that were encoded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ccstereo.config import ModelConfig
from ccstereo.vision.tdss import crop_corner, crop_of

Encode = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
BLOCK = 16  # pixels
HARDLY = 3.0  # of 255 levels: mean change of blocks up to which a frame is not encoded again


@dataclass
class _View:
    """What entered the network of a frame, or a clip, and the features that came out."""

    pixels: NDArray[np.uint8]
    blocks: NDArray[np.float32]
    features: NDArray[np.float32] | None = None


class FeatureCache:
    """Keeps frames at the model's size and encodes each once, and not at all where hardly anything has changed.

    A frame is compared with the last one that was encoded through the same crop, so that slow changes add up until they
    count.

    Args:
        config: of the model.
        tdss: test-time dynamic scene simulation, one of five crops in turn; otherwise the whole frame.
        encode: frames (N, 3, h, w), or clips (N, clip_frames, 3, h, w), uint8 to features (N, ...).
        adaptive: whether features stand while blocks of 16x16 pixels change by `HARDLY` levels on average; otherwise
            only while nothing changes at all.

    Attributes:
        pushed: frames that have come, with those between them that were skipped.
        encoded: frames, or clips, that went through the network.
    """

    def __init__(self, config: ModelConfig, tdss: bool, encode: Encode, *, adaptive: bool = False) -> None:
        self.pushed = 0
        self.encoded = 0
        self._config = config
        self._tdss = tdss
        self._encode = encode
        self._adaptive = adaptive
        self._size = config.resize if tdss else config.frame_size
        self._frames: dict[int, NDArray[np.uint8]] = {}
        self._features: dict[tuple[int, ...], NDArray[np.float32]] = {}
        self._views: dict[str, _View] = {}  # the last one through each crop

    def push(self, frame: NDArray[np.uint8], index: int) -> None:
        """Keep a frame that comes after all others, (H, W, 3) of any size, as a copy of the model's size."""
        self._frames[index] = shrunk(frame, self._size)
        self.pushed = index + 1

    def features(self, clips: Sequence[list[int]]) -> NDArray[np.float32]:
        """Features (N, ...) of N clips, each the indices of its frames, one for most models."""
        shown: dict[tuple[int, ...], _View] = {}
        new: list[_View] = []
        for clip in dict.fromkeys(map(tuple, clips)):
            if clip in self._features:
                continue
            middle = clip[len(clip) // 2]
            pixels = self._pixels(clip, middle)
            crop = crop_of(middle + 1) if self._tdss else ""
            view = _View(pixels, block_means(pixels))
            if crop not in self._views or self._has_changed(self._views[crop], view):
                self._views[crop] = view
                new.append(view)
            shown[clip] = self._views[crop]
        if new:
            for view, found in zip(new, self._encode(np.stack([view.pixels for view in new])), strict=True):
                view.features = found
            self.encoded += len(new)
        self._features |= {clip: view.features for clip, view in shown.items() if view.features is not None}
        return np.stack([self._features[tuple(clip)] for clip in clips])

    def forget(self, oldest: int) -> None:
        """Drop frames before `oldest`, but for the last that has come, and features that only they had."""
        oldest = min(oldest, self.pushed - 1)
        self._frames = {index: frame for index, frame in self._frames.items() if index >= oldest}
        self._features = {clip: found for clip, found in self._features.items() if clip[-1] >= oldest}

    def clear(self) -> None:
        """Drop everything."""
        self._frames.clear()
        self._features.clear()
        self._views.clear()

    def _has_changed(self, before: _View, now: _View) -> bool:
        if self._adaptive:
            return bool(np.abs(now.blocks - before.blocks).mean() > HARDLY)
        return not np.array_equal(before.pixels, now.pixels)

    def _pixels(self, clip: tuple[int, ...], middle: int) -> NDArray[np.uint8]:
        """The frames of a clip through one crop: (3, h, w), or (clip_frames, 3, h, w)."""
        height, width = self._config.frame_size
        top, left = 0, 0
        if self._tdss:
            top, left = crop_corner(crop_of(middle + 1), self._config.resize, self._config.frame_size)
        views = [self._frames[i][:, top : top + height, left : left + width] for i in clip]
        return views[0] if self._config.clip_frames == 1 else np.stack(views)


def block_means(pixels: NDArray[np.uint8], side: int = BLOCK) -> NDArray[np.float32]:
    """Means of square blocks of frames, in which noise averages out: (..., h, w) to (..., h // side, w // side).

    >>> block_means(np.arange(16, dtype=np.uint8).reshape(1, 4, 4), side=2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    *others, height, width = pixels.shape
    side = min(side, height, width)
    rows, columns = height // side, width // side
    whole = pixels[..., : rows * side, : columns * side].reshape(*others, rows, side, columns * side)
    across = whole.sum(-2, dtype=np.uint32).reshape(*others, rows, columns, side)
    return np.asarray(across.sum(-1, dtype=np.uint32) / side**2, dtype=np.float32)


def shrunk(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Copy a frame (H, W, 3) as (3, height, width) of `size`, as `ccstereo.vision.transforms.resize` makes it."""
    whole = np.array(frame.transpose(2, 0, 1), order="C")
    if whole.shape[1:] == size:
        return whole
    import torch  # files are decoded at the right size: most streams never come here

    from ccstereo.vision.transforms import resize

    return np.asarray(resize(torch.from_numpy(whole)[None], size)[0])
