"""From what a stream gives to two ears: as it is, or by a decoder of first-order ambisonics."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ccstereo.audio.ambisonics import FOADecoder
    from ccstereo.audio.convolve import BlockConvolver


class EarRenderer:
    """Renders sound to ears piece by piece; the pieces together are as long as what came in.

    Args:
        decoder: of ambisonics (4, T); None passes two ears on.
    """

    def __init__(self, decoder: "FOADecoder | None" = None) -> None:
        self._convolver = None if decoder is None else _convolver(decoder)
        self._delay = 0 if decoder is None else decoder.lead  # samples by which the filters are late
        self._late = self._delay  # of them, those still to be taken off

    def render(self, sound: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Render the next piece (C, T), T >= 0, to (2, T'); the last one gives all that was held back."""
        if self._convolver is None:
            return sound
        ears = self._convolver(sound) if sound.shape[1] else np.zeros((2, 0), np.float32)
        if last and (tail := self._convolver.finish()) is not None:
            ears = np.concatenate([ears, tail[:, : self._delay]], axis=1)
        skipped = min(self._late, ears.shape[1])
        self._late -= skipped
        return np.asarray(ears[:, skipped:], dtype=np.float32)


def _convolver(decoder: "FOADecoder") -> "BlockConvolver":
    from ccstereo.audio.convolve import BlockConvolver

    return BlockConvolver(decoder.filters.numpy())
