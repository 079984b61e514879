"""Where the analysis windows of a signal stand, and which frames and contexts belong to them: numbers alone."""

from math import ceil


def window_count(length: int, window: int, hop: int) -> int:
    """Number of windows that cover `length` samples; the last may reach past the end and is zero-padded there.

    Args:
        length: samples of the signal, >= 0.
        window: samples of a window, > 0.
        hop: samples between two window starts, 0 < hop <= window.

    Raises:
        ValueError: hop or window is out of range.

    >>> window_count(160_000, 10_080, 1_008), window_count(1, 10_080, 1_600), window_count(0, 10_080, 1_600)
    (150, 1, 0)
    """
    if window <= 0 or not 0 < hop <= window:
        raise ValueError(f"need 0 < hop <= window, got hop {hop} and window {window} samples")
    if length <= 0:
        return 0
    return max(0, -(-(length - window) // hop)) + 1


def context_start(start: int, window: int, context: int, length: int) -> int:
    """Where a window's context begins: around its middle, or as near to that as a signal's ends allow.

    Args:
        start: first sample of the window.
        window: samples of a window.
        context: samples around it, its own included, >= window.
        length: samples of the signal; from 0 on if it has fewer than `context`.

    >>> [context_start(start, 10, 30, 100) for start in (0, 50, 85)], context_start(5, 10, 30, 20)
    ([0, 40, 70], 0)
    """
    return min(max(0, start - (context - window + 1) // 2), max(0, length - context))


def frame_index(start: int, window: int, sample_rate: int, frame_rate: float) -> int:
    """Index of the frame nearest the centre of the window that starts at sample `start`.

    Frame k is the one shown at time k / frame_rate. Of two that are equally near the earlier one is taken, as
    the released code does.

    >>> [frame_index(1008 * i, 10_080, 16_000, 10.0) for i in range(5)]
    [3, 4, 4, 5, 6]
    """
    centre = (start + window / 2) / sample_rate
    return max(0, ceil(centre * frame_rate - 0.5 - 1e-9))  # the margin makes ties ties again after rounding


def clip_indices(middle: int, clip_frames: int, clip_stride: int) -> list[int]:
    """Indices of the frames that a model is given together, around the one nearest a window's centre.

    They may lie before the first frame or behind the last: callers take the nearest that is there.

    >>> clip_indices(4, 1, 1), clip_indices(4, 3, 2)
    ([4], [2, 4, 6])
    """
    return [middle + clip_stride * (j - clip_frames // 2) for j in range(clip_frames)]
