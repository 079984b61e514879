"""A simulated scene: sources on a background, with the truth of where each one sounds from.

On the stage of DESIGN what sounds is in view: every sound has its photo, but a photo may be silent. Films have more:
sources out of view, and noise.
"""

from dataclasses import dataclass

import numpy as np

from ccstereo.scenes.augmentation import NO_EFFECT, AudioEffect
from ccstereo.scenes.geometry import azimuth_of

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Source:
    """One source.

    Attributes:
        label: class.
        photo: index of its photo in the material's class.
        sound: index of its sound, or None when it is silent.
        height: of the patch, in frame heights.
        width: of the patch, in frame widths.
        path: horizontal positions of the patch's centre in frame widths, evenly spaced over the scene;
            one value stands still.
        y: vertical position of the centre in frame heights.
        view: left, top, right, bottom of the part of the photo that is shown, in its widths and heights.
        mirrored: whether the photo is flipped left to right.
        offset: seconds into the sound at which the scene begins.
        gain: linear factor on `rendering.SOURCE_RMS`.
        effect: on its sound.
        elevation: degrees, positive upwards, from which it sounds; the stage's sources sound from ear height.
    """

    label: str
    photo: int
    sound: int | None
    height: float
    width: float
    path: tuple[float, ...]
    y: float
    view: Box
    mirrored: bool
    offset: float
    gain: float
    effect: AudioEffect = NO_EFFECT
    elevation: float = 0.0

    def x(self, phase: float) -> float:
        """Centre in frame widths at a moment, `phase` going from 0 to 1 over the scene."""
        return float(np.interp(phase, np.linspace(0.0, 1.0, len(self.path)), self.path))

    @property
    def azimuths(self) -> np.ndarray:
        """(M,) azimuth in degrees along the path, positive to the left."""
        return np.array([azimuth_of(x) for x in self.path])


@dataclass(frozen=True)
class Noise:
    """Steady noise: of air, of a street, of a microphone.

    Attributes:
        seed: of its samples.
        gain: linear factor on `rendering.SOURCE_RMS`.
        slope: dB an octave by which its power falls; 0 is white, 3 pink, 6 brown.
    """

    seed: int
    gain: float
    slope: float


@dataclass(frozen=True)
class Scene:
    """A scene that its seed makes again from the same material.

    Attributes:
        seed: of the placement.
        duration: seconds.
        background: index in the material.
        view: left, top, right, bottom of the part of the background that is shown, in its widths and heights.
        sources: in view, from left to right at the start.
        offscreen: sources out of view; their photos are not shown.
        noise: if there is any.
    """

    seed: int
    duration: float
    background: int
    view: Box
    sources: tuple[Source, ...]
    offscreen: tuple[Source, ...] = ()
    noise: Noise | None = None

    @property
    def sounding(self) -> tuple[Source, ...]:
        """The sources in view that are not silent."""
        return tuple(source for source in self.sources if source.sound is not None)

    @property
    def still(self) -> bool:
        """Whether no source in view changes its place."""
        return all(len(source.path) == 1 for source in self.sources)
