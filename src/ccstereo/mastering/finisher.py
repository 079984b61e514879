"""What is done to predicted sound before it is written: sides of the input, loudness, gain, peaks."""

import numpy as np
from numpy.typing import NDArray

from ccstereo.mastering.limited import LimitedSound
from ccstereo.mastering.limiter import Limiter
from ccstereo.mastering.loudness import LoudnessMatcher
from ccstereo.mastering.narrower import Narrower


class Finisher(LimitedSound):
    """Gives predicted sound (2, T) the loudness of the input and keeps its peaks below a ceiling, piece by piece.

    In this order: the difference between both ears is scaled, the input's own sides are added, the loudness is matched
    (see `LoudnessMatcher`), the gain is applied, peaks in one ear are narrowed (see `Narrower`), and what is still too
    high is lowered (see `Limiter`).

    Args:
        sample_rate: Hz.
        gain: dB added after the loudness was matched.
        side_gain: factor of the difference between both ears.
        keep_bed: add what the input's sides hold beyond mono: half of left - right to the left, taken from the right.
        true_peak: ceiling in dBTP, at most 0.
    """

    def __init__(self, sample_rate: int, *, gain: float, side_gain: float, keep_bed: bool, true_peak: float) -> None:
        super().__init__(Limiter(sample_rate, true_peak), sample_rate)
        self._factor = np.float32(10 ** (gain / 20))
        self._gain = gain
        self._side_gain = np.float32(side_gain)
        self._keep_bed = keep_bed
        self._ceiling = true_peak
        self._matcher = LoudnessMatcher(sample_rate)
        self._narrower = Narrower(sample_rate, true_peak)
        self._bed: list[NDArray[np.float32]] = []  # of the input, (left - right) / 2 that was not yet added

    def push_input(self, mono: NDArray[np.float32], played: NDArray[np.float32] | None) -> None:
        """Take the next piece of the input, before the sound that was predicted from it.

        Args:
            mono: (T,), what the prediction is made from.
            played: (T, 2), how a player plays the input, whose loudness and sides are kept; None is mono on both ears.
        """
        reference = np.stack([mono, mono]) if played is None else played.T
        self._matcher.push_reference(reference)
        if self._keep_bed:
            self._bed.append((reference[0] - reference[1]) / 2)

    def push(self, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece (2, T) that was predicted; returns what is ready (2, T')."""
        return self._measured(self._lower(self._matcher.push(self._with_sides(predicted))))

    def finish(self) -> NDArray[np.float32]:
        """Return all that was held back."""
        rest = self._lower(self._matcher.finish())
        rest = np.concatenate([rest, self._limiter.push(self._narrower.finish()), self._limiter.finish()], axis=1)
        rest = self._measured(rest)
        self._after.finish()
        return rest

    def _with_sides(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._side_gain != 1:
            stereo = scale_difference(stereo, self._side_gain)
        if self._keep_bed and stereo.shape[1]:
            waiting = np.concatenate(self._bed)
            bed, rest = np.split(waiting, [stereo.shape[1]])
            self._bed = [rest]
            stereo = stereo + np.stack([bed, -bed])
        return stereo

    def _lower(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        loud = stereo * self._factor if self._factor != 1 else stereo
        return self._limiter.push(self._narrower.push(loud))

    @property
    def input_loudness(self) -> float:
        """Integrated loudness of the input as it is played, LUFS; -inf of silence."""
        return self._matcher.reference.integrated

    @property
    def notes(self) -> list[str]:
        """One line where peaks were lowered so far that somebody may notice, one where there is only silence."""
        notes = []
        reduction, ceiling = self._limiter.reduction, f"{self._ceiling:g} dBTP"
        lower = f"--gain {np.floor(10 * (self._gain - reduction)) / 10:g} would leave them as they are"
        softer = self.input_loudness + self._gain - self.output_loudness
        if reduction > 0.5 and np.isfinite(softer) and softer > 0.5:
            notes.append(
                f"the result is {softer:.1f} LU softer than it was to be, as peaks leave no room below {ceiling}: they "
                f"were lowered by up to {reduction:.1f} dB; {lower}"
            )
        elif reduction > 3:
            notes.append(f"peaks were lowered by up to {reduction:.1f} dB to stay below {ceiling}; {lower}")
        if self._matcher.reference.integrated == -np.inf:
            notes.append("its sound is silent, or softer than -70 LUFS throughout")
        return notes


def scale_difference(stereo: NDArray[np.float32], side_gain: float | np.float32) -> NDArray[np.float32]:
    """Scale the difference between both ears (2, T), and leave what they have in common.

    >>> scale_difference(np.array([[1.0], [0.5]]), 0.5).ravel().tolist()
    [0.875, 0.625]
    """
    middle = stereo.mean(0)
    return np.asarray(middle + side_gain * (stereo - middle), dtype=stereo.dtype)
