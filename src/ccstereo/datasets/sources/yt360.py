"""YT-MUSIC, YT-CLEAN, YT-ALL and REC-STREET: 360 degree videos with first-order ambisonics, by their YouTube ids.

The lists are those of spatialaudiogen (Morgado et al., "Self-Supervised Generation of Spatial Audio for 360 Video",
NeurIPS 2018; see `yt360_lists.py`); the files are brought by the user. See docs/data/yt360.md.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import parent_process
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ccstereo.audio.ambisonics import (
    CHANNEL_ORDERS,
    DECODERS,
    FOADecoder,
    foa_to_binaural,
    rotate_yaw,
    to_acn,
    with_height,
)
from ccstereo.datasets.prepared.build import Rejected, Source, Worker
from ccstereo.datasets.prepared.cutting import FrameEncoder, at_layout_rates, fit_frames
from ccstereo.datasets.prepared.format import (
    CHANNELS,
    FRAME_RATE,
    FRAME_SIZE,
    SAMPLE_RATE,
    Clip,
    SetInfo,
    Unused,
    clip_id,
)
from ccstereo.datasets.sources.yt360_lists import SETS, find_sources, read_list, read_projections
from ccstereo.errors import DatasetError
from ccstereo.media import (
    Detection,
    MediaReader,
    Projection,
    ToEquirectangular,
    detect_projection,
    probe,
)
from ccstereo.scenes.acoustics.decoders import load_decoder

_SILENT = 1e-4  # RMS of W up to which a clip counts as silent (-80 dB)
_DIFFUSE = 1e-3  # RMS of Y and X over that of W up to which a clip has no direction
_LEAST = 1.0  # seconds of the last clip of a video


@dataclass(frozen=True)
class Rendering:
    """What becomes of ambisonics, and how 360 degrees become a frame.

    Attributes:
        sound: "binaural" renders for two ears, "foa" keeps W, Y, Z, X, to be rendered in training and scoring.
        decoder: see `ccstereo.audio.ambisonics.make_decoder`; "projection" is that of the published scores.
        sofa: measured head; None is the spherical one.
        resample_head: bring the head to 16 kHz; False repeats PseudoBinaural's slip (delays 2.76 times too long).
        yaw: degrees by which sound and frames are turned to the left.
        channel_order: of the files, a key of `CHANNEL_ORDERS`; None goes by codec and number of channels.
        seconds: of a clip.
        projections: list of those videos whose projection is known better than it can be detected.
    """

    sound: str = "binaural"
    decoder: str = "projection"
    sofa: Path | None = None
    resample_head: bool = True
    yaw: float = 0.0
    channel_order: str | None = None
    seconds: int = 10
    projections: Path | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist."""
        known = self.sound in CHANNELS and self.decoder in DECODERS
        if not known or self.channel_order not in (None, *CHANNEL_ORDERS) or self.seconds < 1:
            raise ValueError(f"no such rendering: {self}")

    def load_decoder(self) -> FOADecoder | None:
        """What renders for two ears; None where ambisonics are kept."""
        if self.sound == "foa":
            return None
        return load_decoder(self.decoder, self.sofa, SAMPLE_RATE, self.resample_head)


def yt360_set(
    raw: str | Path, lists: str | Path, names: Sequence[str] = tuple(SETS), rendering: Rendering = Rendering()
) -> tuple[list[Source], list[Unused], Worker, SetInfo]:
    """Return what `prepare` takes, the listed videos that are not there, and files in no list.

    Args:
        raw: folder, searched with those in it, of videos with ambisonic sound named after their YouTube id,
            `<id>.webm` or yt-dlp's `title [<id>].webm`, or in two files; see `find_sources`.
        lists: spatialaudiogen's `meta/subsets`, or the folder above it.
        names: keys of `SETS`.
        rendering: of sound and frames.

    Raises:
        DatasetError: a folder or list is missing, no listed video is there, or the SOFA file cannot be read.
    """
    raw = Path(raw)
    if not raw.is_dir():
        raise DatasetError(f"{raw}: no such folder; give the folder that holds the downloaded videos")
    wanted = sorted({video for name in names for video in read_list(lists, name)})
    sources, unused = find_sources(raw, wanted)
    if not sources:
        raise DatasetError(f"{raw}: holds none of the {len(wanted)} listed videos; name files after their YouTube id")
    rendering.load_decoder()  # a bad SOFA file is reported at once
    _projections(rendering.projections)  # a bad list, too
    head = {
        "decoder": rendering.decoder,
        "head": "spherical head" if rendering.sofa is None else _fingerprint(rendering.sofa),
        "head_resampled": rendering.resample_head,
    }
    options = {
        **(head if rendering.sound == "binaural" else {}),
        "yaw": rendering.yaw,
        "channel_order": rendering.channel_order or "by codec",
        "seconds": rendering.seconds,
        "projections": "detected" if rendering.projections is None else _fingerprint(rendering.projections),
    }
    about = {"licence": "that of each video", "source": "https://github.com/pedro-morgado/spatialaudiogen"}
    return sources, unused, partial(yt360_clips, rendering=rendering), SetInfo("yt360", options, about, rendering.sound)


def yt360_clips(source: Source, rendering: Rendering) -> Iterator[Clip | Rejected]:
    """Cut one video into clips: turned, and rendered for two ears unless ambisonics are kept.

    Raises:
        DatasetError: its sound is not ambisonic.
        MediaError: it cannot be read, or breaks off.
    """
    if parent_process() is not None:  # one of several: they share the cores
        torch.set_num_threads(1)
    video, track = source.paths[0], source.paths[-1]
    audio = probe(track, require_audio=True).audio
    assert audio is not None
    order = rendering.channel_order or channel_order(track, audio.codec, audio.channels)
    detection = detect_projection(video)
    known = _projections(rendering.projections).get(source.key)
    if known is not None:
        detection = Detection(known, detection.tagged, "list")
    decoder = rendering.load_decoder()
    length, taps = rendering.seconds * SAMPLE_RATE, decoder.filters.shape[-1] if decoder else 0
    sound = np.zeros((0, audio.channels), np.float32)
    begin = number = 0  # sample of the video at which `sound` begins; clip
    frames: list[bytes] = []
    for block, jpegs, last in _stretches(video, track, audio.channels, detection, rendering.yaw):
        sound = np.concatenate([sound, block])
        frames += jpegs
        while True:
            start = number * length
            ready = len(sound) + begin - start
            if ready < length + taps and not (last and ready >= _LEAST * SAMPLE_RATE):
                break
            count = min(length, ready)
            # The filters reach over the ends of the clip into its neighbours.
            around = torch.from_numpy(sound[: start - begin + count + taps].T.copy())
            foa = rotate_yaw(to_acn(around, order), rendering.yaw)
            inside = slice(start - begin, start - begin + count)
            own, frames = frames[: rendering.seconds * FRAME_RATE], frames[rendering.seconds * FRAME_RATE :]
            fault, tags = _inspect(foa[:, inside].numpy(), detection)
            if fault or not own:
                stretch = f"{start / SAMPLE_RATE:g} s to {(start + count) / SAMPLE_RATE:g} s"
                yield Rejected(stretch, fault or "no frame")
            else:
                out = foa_to_binaural(foa, decoder) if decoder else with_height(foa)
                kept = out[:, inside].numpy()
                yield Clip(clip_id(source.key, number), kept, fit_frames(own, count), start / SAMPLE_RATE, tags)
            number += 1
            drop = max(0, number * length - taps - begin)
            sound, begin = sound[drop:], begin + drop


def _stretches(
    video: Path, track: Path, channels: int, detection: Detection, yaw: float
) -> Iterator[tuple[NDArray[np.float32], list[bytes], bool]]:
    """Stretches of sound (T, C) at 16 kHz with the equirectangular frames before their ends; see `at_layout_rates`."""
    remap = ToEquirectangular(detection.projection, FRAME_SIZE)
    turn = -round(yaw / 360 * FRAME_SIZE[1])
    size = remap.source_size
    reader = MediaReader(video, frame_rate=FRAME_RATE, frame_size=size, channels=channels, threads=1, sound=track)
    return at_layout_rates(reader, channels, FrameEncoder(lambda frame: np.roll(remap(frame), turn, axis=1)))


def channel_order(path: Path, codec: str, channels: int) -> str:
    """The order in which a file's ambisonic channels stand.

    YouTube's AAC is a 5.1 track with the ambisonic channels in four of its places; its Opus and Vorbis, and AAC of
    three or four channels as FFmpeg writes it, are in ACN order.

    Raises:
        DatasetError: too few channels.
    """
    if channels < 3:
        plural = "s" if channels > 1 else ""
        raise DatasetError(f"{path}: its sound has {channels} channel{plural}, where ambisonics has 4, or 3 without Z")
    return "aac-5.1" if codec == "aac" and channels >= 5 else "acn"


def _inspect(foa: NDArray[np.float32], detection: Detection) -> tuple[str, dict[str, object]]:
    """What speaks against a clip, and what is to be remembered of it."""
    rms = np.sqrt(np.square(foa, dtype=np.float64).mean(1))
    w, y, x = rms[0], rms[1], rms[-1]
    tagged = detection.tagged
    tags: dict[str, object] = {
        "projection": detection.projection.kind,
        "stereo": detection.projection.stereo,
        "projection_from": detection.source,
        "projection_tagged": None if tagged is None else tagged.kind,
        "height": bool(len(foa) == 4 and rms[2] > _SILENT * w),
    }
    if w <= _SILENT:
        return "its sound is silent there", tags
    return ("its sound has no direction there" if max(y, x) <= _DIFFUSE * w else ""), tags


@lru_cache(maxsize=2)
def _projections(path: Path | None) -> dict[str, Projection]:
    return {} if path is None else read_projections(path)


def _fingerprint(path: Path) -> str:
    return f"{path.stem} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
