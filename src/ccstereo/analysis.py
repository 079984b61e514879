"""A quick look at a file's sound before it is converted: which channels sound, and where it is loudest."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ccstereo.conversion import ConversionOptions
from ccstereo.mastering import BLOCK, BlockPowers
from ccstereo.media import Mixdown, Selection, describe_sound, find_cut, open_played, probe

PREVIEW = 30.0  # seconds
_ALONE = 10 ** (-30 / 10)  # power of a channel beside the other one below which it counts as silent
_CANCELS = 0.05  # power of the mean beside that of the channels, below which it is nearly silent: correlation of -0.9


@dataclass(frozen=True)
class SoundAnalysis:
    """What was found in sound as it is played in stereo.

    Attributes:
        powers: K-weighted powers of left and right, and the mean of their product, of each tenth of a second.
        start: time of the first one in seconds from the file's start.
    """

    powers: Sequence[tuple[float, float, float]]
    start: float

    @property
    def is_mono(self) -> bool:
        """Both channels hold the same."""
        left, right, product = self.totals
        return left + right - 2 * product <= 1e-9 * (left + right)

    @property
    def totals(self) -> tuple[float, float, float]:
        """Sums of the powers."""
        left, right, product = np.array([(0.0, 0.0, 0.0), *self.powers]).sum(0).tolist()
        return left, right, product

    @property
    def loudest(self) -> float:
        """Begin of the loudest 30 s, in seconds from the file's start."""
        total = np.array([left + right for left, right, _ in self.powers])
        width = min(len(total), round(PREVIEW / BLOCK))
        sums = np.concatenate([[0.0], np.cumsum(total)])
        return max(0.0, self.start + BLOCK * int(np.argmax(sums[width:] - sums[: len(sums) - width])))


def analyse(path: Path | str, selection: Selection) -> SoundAnalysis:
    """Decode the selected sound once.

    Raises:
        MediaError: the file cannot be read, or has no such sound.
    """
    opened = open_played(path, selection, find_cut(path, selection))
    with closing(opened.sound):
        meter = BlockPowers(opened.sound.sample_rate)
        for block in opened.sound.blocks():
            meter.push(block.T)
        meter.finish()
        return SoundAnalysis(meter.products, float(opened.sound.start - opened.file_start))


def choose_mixdown(analysis: SoundAnalysis, wanted: str) -> tuple[Mixdown, list[str]]:
    """How the sound becomes mono, and what to say about it.

    Args:
        analysis: of the sound.
        wanted: "auto", "mean", "left", "right" or "louder", see `ConversionOptions`.

    >>> choose_mixdown(SoundAnalysis([(1.0, 0.0, 0.0)], 0.0), "auto")
    (Mixdown(left=1.0, right=0.0, alone=True), ['only the left channel of the input sounds; it is taken at its level'])
    """
    left, right, product = analysis.totals
    louder = "left" if left >= right else "right"
    if wanted in ("left", "right", "louder"):
        side = louder if wanted == "louder" else wanted
        return _only(side, alone=True), [f"the {side} channel of the input is taken"] if wanted == "louder" else []
    if wanted == "auto" and min(left, right) <= _ALONE * max(left, right) and max(left, right) > 0:
        return _only(louder, alone=True), [f"only the {louder} channel of the input sounds; it is taken at its level"]
    if wanted == "auto" and (left + right + 2 * product) / 2 < _CANCELS * (left + right):
        cancelled = "the channels of the input cancel each other when mixed to mono (one is upside down)"
        return _only(louder, alone=False), [f"{cancelled}; the {louder} one is taken; see --mixdown"]
    return Mixdown(), []


def _only(side: str, *, alone: bool) -> Mixdown:
    return Mixdown(1.0, 0.0, alone) if side == "left" else Mixdown(0.0, 1.0, alone)


@dataclass(frozen=True)
class ReadingPlan:
    """What is read of a file, how it becomes mono, and what to say about it."""

    selection: Selection
    mixdown: Mixdown
    notes: tuple[str, ...] = ()


def plan_reading(path: Path | str, options: ConversionOptions, *, copies_video: bool) -> ReadingPlan:
    """Find out what the options mean for a file. Its sound is decoded only where something depends on it.

    Args:
        path: of the file, or its address.
        options: of the conversion.
        copies_video: the output has the input's video, and so must begin at a key frame.

    Raises:
        MediaError: the file cannot be read, has no such sound, or ends before the start.
    """
    selection = Selection(
        options.audio_track, options.start, options.duration, snap=copies_video, allow_truncated=options.allow_truncated
    )
    channels, name = describe_sound(path, selection)
    found = None
    if options.preview:
        found = analyse(path, selection)
        cut = find_cut(path, replace(selection, start=found.loudest))
        begin = 0.0 if cut is None else float(cut[0] - probe(path, allow_truncated=options.allow_truncated).start)
        selection = replace(selection, start=begin, duration=PREVIEW)
    if channels == 1:
        return ReadingPlan(selection, Mixdown())
    if found is None and options.mixdown in ("auto", "louder"):
        found = analyse(path, selection)
    mixdown, notes = choose_mixdown(found or SoundAnalysis([], 0.0), options.mixdown)
    if mixdown == Mixdown() and not options.keep_bed and not (found and found.is_mono):
        notes.append(f"its {name} is mixed to mono first; --keep-bed adds its own sides back in")
    return ReadingPlan(selection, mixdown, tuple(notes))
