"""From what a stream gives to two ears: as it is, or by a decoder of first-order ambisonics."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ccstereo.audio.ambisonics import FOADecoder


class EarRenderer:
    """Renders sound to ears piece by piece; the pieces together are as long as what came in.

    Args:
        decoder: of ambisonics (4, T); None passes two ears on.
    """

    def __init__(self, decoder: "FOADecoder | None" = None) -> None:
        self._decoder = decoder
        self._held: NDArray[np.float32] | None = None  # input that later output still depends on
        self._given = 0  # samples of it whose output has been given

    def render(self, sound: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Render the next piece (C, T), T >= 0, to (2, T'); the last one gives all that was held back."""
        if self._decoder is None:
            return sound
        from ccstereo.audio.ambisonics import foa_to_binaural

        held = sound if self._held is None else np.concatenate([self._held, sound], axis=1)
        taps, lead = self._decoder.filters.shape[-1], self._decoder.lead
        ready = held.shape[1] if last else max(self._given, held.shape[1] - lead)
        ears: NDArray[np.float32] = foa_to_binaural(torch.from_numpy(held), self._decoder).numpy()
        out = ears[:, self._given : ready]
        drop = max(0, ready - taps)
        self._held, self._given = held[:, drop:], ready - drop
        return out
