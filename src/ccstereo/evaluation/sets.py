"""What is scored on: a prepared set's clips, or the scenes of a stage benchmark; one protocol for both."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ccstereo.audio.ambisonics import DECODERS, foa_to_binaural
from ccstereo.audio.targets import Target
from ccstereo.datasets.prepared.format import FRAME_RATE, SAMPLE_RATE
from ccstereo.datasets.prepared.reader import PreparedSet, decode_jpeg
from ccstereo.errors import DatasetError
from ccstereo.evaluation.facts import SceneFacts
from ccstereo.scenes.acoustics.decoders import load_decoder

CLIP_SCORES = ("stft", "env", "wav", "mag", "phs", "snr", "mrstft", "spl", "ild", "itd", "louder_ear")
"""Scores that the true sound of both ears defines."""


@dataclass(frozen=True)
class Ears:
    """How first-order ambisonics are rendered to two ears: truth and predictions alike, when they are scored.

    Attributes:
        decoder: one of `ccstereo.audio.ambisonics.DECODERS`.
        sofa: measured head; None takes the spherical one.

    Raises:
        DatasetError: there is no such decoder or file.
    """

    decoder: str = "projection"
    sofa: Path | None = None

    def __post_init__(self) -> None:
        if self.decoder not in DECODERS:
            raise DatasetError(f"unknown decoder {self.decoder!r}; use one of {', '.join(DECODERS)}")
        if self.sofa is not None and not self.sofa.is_file():  # read when ambisonics are rendered, and only then
            raise DatasetError(f"{self.sofa}: no such SOFA file")

    def render(self, sound: Tensor, sample_rate: int) -> Tensor:
        """Render sound (C, T) to (2, T); two channels are ears already.

        Raises:
            DatasetError: the head cannot be read, or lacks a direction that the decoder needs.
        """
        return sound if len(sound) == 2 else foa_to_binaural(sound, load_decoder(self.decoder, self.sofa, sample_rate))

    def identity(self) -> dict[str, Any]:
        """JSON values on which scores of ambisonics depend."""
        head = "spherical head" if self.sofa is None else hashlib.sha256(self.sofa.read_bytes()).hexdigest()
        return {"decoder": self.decoder, "head": head}


@dataclass(frozen=True)
class Item:
    """A clip or scene whose true sound is known.

    Attributes:
        id: names it in its set.
        sound: (C, T) true sound as the set holds it: two ears, or W, Y, Z, X.
        ears: (2, T) the same at two ears.
        sample_rate: Hz.
        frame_rate: frames a second.
        read_frames: gives the frames (N, H, W, 3) uint8, one where nothing moves.
        sources: (S, 2, T) each source alone at both ears, where it is known.
        facts: what else is known of a simulated scene.
        responses, azimuths: (A, 2, K) and (A,) degrees, among which the azimuth of a prediction is sought.
    """

    id: str
    sound: Tensor
    ears: Tensor
    sample_rate: int
    frame_rate: float
    read_frames: Callable[[], np.ndarray]
    sources: Tensor | None = None
    facts: SceneFacts | None = None
    responses: Tensor | None = field(default=None, repr=False)
    azimuths: Tensor | None = field(default=None, repr=False)

    def truth(self, target: Target) -> Tensor | None:
        """The true sound in a target's channels; None where the set does not hold it."""
        if target.has_ears:
            return self.ears
        return self.sound if len(self.sound) == len(target.channels) else None

    def mono(self, target: Target) -> Tensor:
        """The mono track (T,) that a model of this target is given: W, or (l + r) / 2."""
        truth = self.truth(target)
        return self.ears.mean(0) if truth is None else target.mono(truth)


class EvaluationSet(Protocol):
    """Items to be scored; can be pickled, so that any process can read them."""

    @property
    def items(self) -> Mapping[str, str]:
        """Row of every item by id, in the order of tables."""

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores that are taken here; see `ccstereo.evaluation.scores`."""

    def identity(self) -> dict[str, Any]:
        """JSON values on which scores depend."""

    def read(self, item: str, ears: Ears) -> Item:
        """Read an item.

        Raises:
            DatasetError: it is missing or damaged.
        """


@dataclass(frozen=True)
class PreparedItems:
    """Clips of a prepared set, as an `EvaluationSet`.

    Attributes:
        prepared: the set.
        split: name of what the clips are, such as "default/test".
        clips: ids.

    Raises:
        DatasetError: there are no clips.
    """

    prepared: PreparedSet
    split: str
    clips: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.clips:
            raise DatasetError(f"{self.prepared.folder}: {self.split} names no clip of the set")

    @property
    def items(self) -> dict[str, str]:
        """See `EvaluationSet`."""
        return dict.fromkeys(self.clips, self.split)

    @property
    def scores(self) -> tuple[str, ...]:
        """See `EvaluationSet`."""
        return CLIP_SCORES

    @property
    def channels(self) -> int:
        """Of the sound: 2 ears, or 4 of first-order ambisonics."""
        return len(self.prepared.clips[self.clips[0]].rms)

    def identity(self) -> dict[str, Any]:
        """See `EvaluationSet`."""
        table = (self.prepared.folder / "clips.jsonl").read_bytes()  # which holds the checksums of all files
        listed = "".join(f"{clip}\n" for clip in self.clips)
        return {
            "dataset": {"name": self.prepared.info.name, "sha256": hashlib.sha256(table).hexdigest()},
            "split": {
                "name": self.split,
                "clips": len(self.clips),
                "sha256": hashlib.sha256(listed.encode()).hexdigest(),
            },
        }

    def read(self, item: str, ears: Ears) -> Item:
        """See `EvaluationSet`."""
        sound = torch.from_numpy(self.prepared.sound(item))
        return Item(
            id=item,
            sound=sound,
            ears=ears.render(sound, SAMPLE_RATE),
            sample_rate=SAMPLE_RATE,
            frame_rate=FRAME_RATE,
            read_frames=lambda: np.stack([decode_jpeg(jpeg) for jpeg in self.prepared.jpegs(item)]),
        )
