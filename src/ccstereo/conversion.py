"""What a conversion of a file is asked to do, and what it reports."""

from dataclasses import dataclass
from pathlib import Path

LARGEST_GAIN = 60.0  # dB, either way


@dataclass(frozen=True)
class ConversionOptions:
    """How a file is converted; the same for the command line, a folder of files, and Python.

    Attributes:
        codec: sound codec of the output: "aac", "opus", "flac" or "alac"; None takes the container's default.
        bitrate: bits a second for AAC and Opus; None for the codec's default.
        gain: dB added to the sound, -60 to 60.
        side_gain: factor of the difference between both ears, 0 to 2: 0 is mono, 1 as predicted.

    Raises:
        ValueError: a value is out of range.
    """

    codec: str | None = None
    bitrate: int | None = None
    gain: float = 0.0
    side_gain: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.side_gain <= 2:
            raise ValueError(f"the side gain must be from 0 (mono) to 2, got {self.side_gain:g}")
        if not abs(self.gain) <= LARGEST_GAIN:
            raise ValueError(f"the gain must be from -{LARGEST_GAIN:g} to {LARGEST_GAIN:g} dB, got {self.gain:g}")


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion did.

    Attributes:
        input, output: the files.
        duration: seconds of sound.
        sample_rate: Hz of the sound that came in.
        elapsed: seconds it took.
        windows: how many windows were predicted.
        frames: how many frames were encoded.
        peak: largest magnitude of the result; above 1 a player may clip.
        side_to_mid: RMS of the difference l - r over that of the mixture l + r; 0 is mono.
        notes: what could not be kept, one line each.
    """

    input: Path
    output: Path
    duration: float
    sample_rate: int
    elapsed: float
    windows: int
    frames: int
    peak: float
    side_to_mid: float
    notes: tuple[str, ...] = ()

    @property
    def speed(self) -> float:
        """Seconds of video converted in a second."""
        return self.duration / max(self.elapsed, 1e-9)
