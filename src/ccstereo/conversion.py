"""What a conversion of a file is asked to do, and what it reports."""

import math
from dataclasses import dataclass
from pathlib import Path

LARGEST_GAIN = 60.0  # dB, either way
LOWEST_CEILING = -40.0  # dBTP
FORMATS = ("binaural", "foa")
MIXDOWNS = ("auto", "mean", "left", "right", "louder")


@dataclass(frozen=True)
class ConversionOptions:
    """How a file is converted; the same for the command line, a folder of files, and Python.

    Attributes:
        codec: sound codec of the output: "aac", "opus", "flac", "alac" or "pcm" (24 bits); None takes the container's
            default.
        bitrate: bits a second for AAC and Opus; None for the codec's default.
        gain: dB added to the sound, -60 to 60.
        side_gain: factor of the difference between both ears, 0 to 2: 0 is mono, 1 as predicted.
        audio_track: which sound is used: a number, counted from 1 among the sound tracks; "all" for their sum; a
            language such as "deu"; None for the default track, or both where a camera recorded two mono tracks.
        mixdown: how sound of several channels becomes mono: "mean", "left", "right" or "louder" of the stereo downmix;
            "auto" is the mean, but the louder channel where the other one is silent or the mean nearly is.
        keep_bed: add what the input's own sides hold beyond the mono mix to the result.
        start: seconds into the file at which the conversion begins; with video, at the key frame at or before it.
        duration: seconds from `start` at which it ends; None is the end of the file.
        preview: convert 30 s from the loudest part, instead of `start` and `duration`.
        allow_truncated: convert what is there of a file that is cut off, with a note.
        reencode: encode the video anew, as H.264, instead of copying it: for containers that cannot hold its codec.
        format: "binaural", or "foa" for the ambisonics that some models predict (AmbiX: W, Y, Z, X, SN3D).
        sofa: measured head (SOFA) to whose ears ambisonics are rendered; None is a spherical head.
        true_peak: dBTP that no peak of the output exceeds, -40 to 0.

    Raises:
        ValueError: a value is out of range.
    """

    codec: str | None = None
    bitrate: int | None = None
    gain: float = 0.0
    side_gain: float = 1.0
    audio_track: int | str | None = None
    mixdown: str = "auto"
    keep_bed: bool = False
    start: float = 0.0
    duration: float | None = None
    preview: bool = False
    allow_truncated: bool = False
    true_peak: float = -1.0
    reencode: bool = False
    format: str = "binaural"
    sofa: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.side_gain <= 2:
            raise ValueError(f"the side gain must be from 0 (mono) to 2, got {self.side_gain:g}")
        if not abs(self.gain) <= LARGEST_GAIN:
            raise ValueError(f"the gain must be from -{LARGEST_GAIN:g} to {LARGEST_GAIN:g} dB, got {self.gain:g}")
        if not LOWEST_CEILING <= self.true_peak <= 0:
            raise ValueError(f"the true peak must be from {LOWEST_CEILING:g} to 0 dBTP, got {self.true_peak:g}")
        if self.mixdown not in MIXDOWNS:
            raise ValueError(f"the mixdown must be one of {', '.join(MIXDOWNS)}, got {self.mixdown!r}")
        if not 0 <= self.start < math.inf:
            raise ValueError(f"the start must be 0 s or more, got {self.start:g}")
        if self.duration is not None and not 0 < self.duration < math.inf:
            raise ValueError(f"the duration must be more than 0 s, got {self.duration:g}")
        if self.preview and (self.start or self.duration is not None):
            raise ValueError("a preview chooses its part itself; leave start and duration out")
        if self.format not in FORMATS:
            raise ValueError(f"the format must be one of {', '.join(FORMATS)}, got {self.format!r}")
        if self.format == "foa" and (self.sofa or self.keep_bed or self.side_gain != 1):
            raise ValueError("ambisonics have no ears: the side gain, the bed and a head are for binaural sound")
        track = self.audio_track
        if track is not None and (isinstance(track, bool) or track == "" or (isinstance(track, int) and track < 1)):
            raise ValueError(f"an audio track is a number from 1 on, 'all' or a language, got {track!r}")


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion did.

    Attributes:
        input, output: the files.
        duration: seconds of sound.
        start: seconds into the file at which it begins.
        sample_rate: Hz of the sound that came in.
        elapsed: seconds it took.
        windows: how many windows were predicted.
        frames: how many frames were encoded.
        peak: largest sample of the result, full scale 1.
        true_peak: largest magnitude of the result between its samples too, in dBTP, before it is encoded.
        input_loudness: integrated loudness of the input as a player plays it in stereo, in LUFS (ITU-R BS.1770-4);
            mono counts as played on both ears; -inf of silence.
        output_loudness: that of the result.
        side_to_mid: RMS of the difference l - r over that of the mixture l + r; 0 is mono.
        notes: what could not be kept, one line each.
        runs_on: device, what ran the network, and precision.
    """

    input: Path
    output: Path
    duration: float
    sample_rate: int
    elapsed: float
    windows: int
    frames: int
    peak: float
    true_peak: float
    input_loudness: float
    output_loudness: float
    side_to_mid: float
    start: float = 0.0
    notes: tuple[str, ...] = ()
    runs_on: str = ""

    @property
    def speed(self) -> float:
        """Seconds of video converted in a second."""
        return self.duration / max(self.elapsed, 1e-9)
