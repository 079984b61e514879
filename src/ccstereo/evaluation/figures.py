"""Figures of one clip whose truth is known, and of scores on disk: what `ccstereo plot` draws."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ccstereo.audio.stft import stft
from ccstereo.binauralizer import Binauralizer
from ccstereo.errors import DatasetError
from ccstereo.evaluation.scores import SCORES
from ccstereo.inference.maps import Maps, activation_maps
from ccstereo.metrics import functional as metrics
from ccstereo.scenes import HRIRSet, Material, Scene, render_frames, render_sources

if TYPE_CHECKING:
    from ccstereo.viz.intervals import Interval
    from ccstereo.viz.style import Figure

SEGMENT = 0.4  # s over which an azimuth is sought, and half of which two segments lie apart
FULL_SCALE = 0.9  # of the loudest sample of a scene
SHOWN = 5  # moments of a figure of maps


@dataclass(frozen=True)
class Shown:
    """A clip, its truth and a prediction of it.

    Attributes:
        frames: (N, H, W, 3) uint8 at the model's frame rate, in the proportions that the model takes.
        truth, predicted: (2, T), left ear first.
        sample_rate: Hz.
        title: what it is.
        scene: what it was made of, where that is known.
        head: through which it was rendered.
        aspect: width over height of the video itself; None where frames have its proportions.
    """

    frames: NDArray[np.uint8]
    truth: Tensor
    predicted: Tensor
    sample_rate: int
    title: str
    scene: Scene | None = None
    head: HRIRSet | None = None
    aspect: float | None = None

    @property
    def display_frames(self) -> NDArray[np.uint8]:
        """Frames (N, H', W', 3) in the video's own proportions, of as many pixels, H' and W' even."""
        if self.aspect is None:
            return self.frames
        from PIL import Image

        area = self.frames.shape[1] * self.frames.shape[2]
        width, height = (2 * round((area * ratio) ** 0.5 / 2) for ratio in (self.aspect, 1 / self.aspect))
        return np.stack([np.asarray(Image.fromarray(frame).resize((width, height))) for frame in self.frames])

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.truth.shape[-1] / self.sample_rate

    @property
    def sounds(self) -> dict[str, Tensor]:
        """Truth, prediction and mono."""
        return {"truth": self.truth, "prediction": self.predicted, "mono": self.truth.mean(0).expand(2, -1)}


def show_scene(binauralizer: Binauralizer, scene: Scene, material: Material, head: HRIRSet) -> Shown:
    """Render a scene, and predict it from its mono mix."""
    rate, frames = material.sample_rate, render_frames(scene, material)
    truth = render_sources(scene, material, head).sum(0)
    truth *= min(1.0, FULL_SCALE / max(np.abs(truth).max(), 1e-9))
    predicted = binauralizer.binauralize(truth.mean(0), rate, frames, 10.0)
    title = f"a {' and a '.join(source.label for source in scene.sources)}, {head.name}, seed {scene.seed}"
    return Shown(frames, torch.from_numpy(truth), torch.from_numpy(predicted), rate, title, scene, head)


def show_video(binauralizer: Binauralizer, path: Path, seconds: float, *, mono: bool = False) -> Shown:
    """Read the first seconds of a video with two channels, and predict them from their mono mix.

    With `mono` any sound will do; its mix then stands at both ears in the truth's place.

    Raises:
        MediaError: it cannot be read, or its sound has another number of channels.
    """
    from ccstereo.media import AudioChunk, MediaReader

    config = binauralizer.config
    frames, sound = [], []
    channels = None if mono else 2
    with MediaReader(path, frame_rate=config.frame_rate, frame_size=config.resize, channels=channels) as reader:
        rate, length, video = reader.sample_rate, 0, reader.info.video
        for chunk in reader:
            if isinstance(chunk, AudioChunk):
                sound.append(chunk.samples)
                length += len(chunk.samples)
                if length >= seconds * rate:
                    break
            else:
                frames.append(chunk.frame)
    samples = np.concatenate(sound)[: round(seconds * rate)]
    truth = np.stack([samples, samples]) if mono else np.ascontiguousarray(samples.T)
    predicted = binauralizer.binauralize(truth.mean(0), rate, np.stack(frames), config.frame_rate)
    aspect = video.width / video.height if video else None
    sounds = torch.from_numpy(truth), torch.from_numpy(predicted)
    return Shown(np.stack(frames), *sounds, rate, path.name, aspect=aspect)


def spectrograms(shown: Shown, binauralizer: Binauralizer) -> "Figure":
    """Real and imaginary part of the difference's spectrogram: truth, prediction, squared error."""
    from ccstereo.viz import plot_spectrograms

    config = binauralizer.config.stft
    truth, predicted = (stft(sound[0] - sound[1], config).numpy() for sound in (shown.truth, shown.predicted))
    title = f"spectrogram of the difference l - r: {shown.title}"
    return plot_spectrograms(truth, predicted, shown.sample_rate, config.hop_length, title)


def difference(shown: Shown, binauralizer: Binauralizer) -> "Figure":
    """Level of the difference's spectrogram: before, where there is none, after, and in truth."""
    from ccstereo.viz import plot_levels

    config = binauralizer.config.stft
    names = {"before: mono": "mono", "after: prediction": "prediction", "truth": "truth"}
    spectra = {
        title: stft(shown.sounds[name][0] - shown.sounds[name][1], config).numpy() for title, name in names.items()
    }
    title = f"spectrogram of the difference l - r: {shown.title}"
    return plot_levels(spectra, shown.sample_rate, config.hop_length, title)


def relevance(shown: Shown, binauralizer: Binauralizer) -> "Figure":
    """Maps over some frames."""
    from ccstereo.viz import plot_maps

    times = (np.arange(SHOWN) + 0.5) * shown.duration / SHOWN
    places = np.minimum((times * binauralizer.config.frame_rate).round().astype(int), len(shown.frames) - 1)
    return plot_maps(shown.display_frames[places], maps_at(shown, binauralizer, times.tolist()), times, shown.title)


def maps_at(shown: Shown, binauralizer: Binauralizer, times: Sequence[float]) -> Maps:
    """Maps at some moments.

    Raises:
        DatasetError: the network has none.
    """
    import soxr

    rate = binauralizer.config.sample_rate
    mono = torch.from_numpy(soxr.resample(shown.truth.mean(0).numpy(), shown.sample_rate, rate))
    maps = activation_maps(binauralizer.model, mono, shown.frames, times)
    if not maps:
        raise DatasetError(f"{binauralizer.model.name} has no maps over the frame; use a network of CCStereo's parts")
    return maps


def relevance_video(shown: Shown, binauralizer: Binauralizer, path: Path, name: str = "relevance") -> None:
    """Write the clip with one of its maps over every frame, and the predicted sound.

    Raises:
        DatasetError: the network has no such map.
        MediaError: the file cannot be written.
    """
    from ccstereo.media import write_video
    from ccstereo.viz import overlay

    rate = binauralizer.config.frame_rate
    maps = maps_at(shown, binauralizer, [index / rate for index in range(len(shown.frames))])
    name = name if name in maps else next(iter(maps))
    frames = np.stack([overlay(frame, each) for frame, each in zip(shown.display_frames, maps[name], strict=True)])
    write_video(path, frames, shown.predicted.numpy(), frame_rate=rate, sample_rate=shown.sample_rate)


def cues(shown: Shown, _: Binauralizer) -> "Figure":
    """Level and time differences between the ears over time, means over bands weighted by the truth's power there."""
    from ccstereo.viz import plot_over_time

    ild, itd = metrics.interaural_level_difference, metrics.interaural_time_difference
    rate = shown.sample_rate
    pair = {name: sound for name, sound in shown.sounds.items() if name != "mono"}
    panels = {
        f"ILD, dB\n{low:g} to {high:g} Hz": {
            name: ild(sound, rate, edges=(low, high))[0].numpy() for name, sound in pair.items()
        }
        for low, high in ((250.0, 1000.0), (1000.0, 4000.0), (4000.0, min(8000.0, rate / 2)))
    }
    panels["ITD, µs\n125 to 1500 Hz"] = {
        name: itd(sound, rate, edges=(125.0, 1500.0))[0].numpy() for name, sound in pair.items()
    }
    return plot_over_time(panels, shown.duration, f"cues, above 0 to the left: {shown.title}")


def azimuth(shown: Shown, _: Binauralizer) -> "Figure":
    """Where the sound seems to come from, and where the source is.

    Raises:
        DatasetError: the clip is no scene of one source.
    """
    from ccstereo.viz import plot_over_time

    if shown.scene is None or shown.head is None or len(shown.scene.sources) != 1:
        raise DatasetError("the azimuth is sought of one source whose place is known: a scene with --sources 1")
    directions = shown.head.directions
    front = (np.abs(directions[:, 0]) <= 90) & (np.abs(directions[:, 1]) < 1)
    bank = torch.from_numpy(shown.head.responses[front]).float()
    offered = torch.from_numpy(directions[front, 0]).float()
    length = min(round(SEGMENT * shown.sample_rate), shown.truth.shape[-1])
    segments = {
        name: sound.unfold(-1, length, max(1, length // 2)).transpose(0, 1)
        for name, sound in shown.sounds.items()
        if name != "mono"
    }
    estimates = {
        name: metrics.estimate_azimuth(pieces, shown.sample_rate, bank, offered).numpy()
        for name, pieces in segments.items()
    }
    count = len(next(iter(estimates.values())))
    path = shown.scene.sources[0].azimuths
    true = np.interp((np.arange(count) + 0.5) / count, np.linspace(0, 1, len(path)), path)
    curves = {"truth": true, "sought in the truth": estimates["truth"], "prediction": estimates["prediction"]}
    title = f"azimuth, sought among the head's measured ones: {shown.title}"
    return plot_over_time({"azimuth, degrees\n(above 0: left)": curves}, shown.duration, title)


def level(shown: Shown, _: Binauralizer) -> "Figure":
    """SAGM's curve of the level difference, below frames."""
    from ccstereo.viz import plot_scene

    names = {"truth": "true", "prediction": "predicted", "mono": "mono"}
    curves = {names[name]: metrics.spl_curve(sound, shown.sample_rate).numpy() for name, sound in shown.sounds.items()}
    return plot_scene(shown.display_frames, curves, shown.duration, shown.title)


OF_A_CLIP = {
    "spectrograms": spectrograms,
    "difference": difference,
    "relevance": relevance,
    "cues": cues,
    "azimuth": azimuth,
    "level": level,
}


def read_table(path: Path, score: str) -> "dict[str, dict[str, Interval | None]]":
    """Row -> system -> mean and interval, of a score in a file of `bench score --json` or a folder of `evaluate`.

    Raises:
        DatasetError: it is neither, or does not hold the score.
    """
    record = _record(path / "record.json" if path.is_dir() else path)
    table: dict[str, dict[str, Interval | None]] = {}
    try:
        if "rows" in record:
            for row in record["rows"]:
                found = row[score]
                of = table.setdefault(row["row"], {})
                of[row["system"]] = found and (found["value"], found["low"], found["high"])
        else:
            row, name = record["settings"]["split"]["name"], record["settings"]["prediction"]["name"]
            for system, scores in record["summary"].items():
                found = scores[score]
                of = table.setdefault(row, {})
                of[name if system == "prediction" else system] = (found["mean"], found["low"], found["high"])
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{path}: holds no score {score!r}; give one that it has with --score") from error
    return table


def ablation(paths: Sequence[Path], score: str) -> "Figure":
    """Means and intervals of all rows and systems in some files.

    A system that two files score differently is drawn as two, each with its file's name, or path where names agree.
    """
    from ccstereo.viz import plot_intervals

    tables = {path: read_table(path, score) for path in paths}
    found: dict[tuple[str, str], set[Interval | None]] = {}
    for table in tables.values():
        for row, systems in table.items():
            for system, interval in systems.items():
                found.setdefault((row, system), set()).add(interval)
    twice = {system for (_, system), intervals in found.items() if len(intervals) > 1}
    groups: dict[str, dict[str, Interval | None]] = {}
    alike = len({path.stem for path in tables}) < len(tables)
    for path, table in tables.items():
        file = str(path) if alike else path.stem
        for row, systems in table.items():
            named = {f"{name}, {file}" if name in twice else name: value for name, value in systems.items()}
            groups.setdefault(row, {}).update(named)
    for row, systems in groups.items():  # the ceiling stands last, whichever file it was in
        groups[row] = dict(sorted(systems.items(), key=lambda system: system[0].startswith("oracle")))
    return plot_intervals(groups, heading(score), "means with 95 % intervals")


def sweep(paths: Sequence[Path], scores: Sequence[str]) -> "Figure":
    """Scores of runs of `evaluate` over the value in their folders' names, NAME=VALUE.

    Raises:
        DatasetError: a folder is named otherwise, or holds no such score.
    """
    from ccstereo.viz import plot_sweep

    points: dict[str, Path] = {}
    names = set()
    for path in paths:
        name, equals, value = path.name.partition("=")
        if not equals or not value:
            raise DatasetError(f"{path}: the folders of a sweep are named NAME=VALUE, such as scores/zeta=0.005")
        names.add(name)
        points[value] = path
    values = sorted(points, key=_number)
    found = {}
    for score in scores:
        lines = []
        for value in values:
            ((systems),) = read_table(points[value], score).values()
            (kept,) = [each for system, each in systems.items() if system not in ("mono", "oracle")]
            lines.append(kept or (np.nan, np.nan, np.nan))
        found[heading(score)] = lines
    return plot_sweep(values, found, " / ".join(sorted(names)), "means with 95 % intervals")


def heading(score: str) -> str:
    """A score with its unit, as tables and axes print it."""
    return (
        "STFT distance over mono's" if score == "stft_to_mono" else SCORES[score].heading if score in SCORES else score
    )


def _record(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path}: cannot be read as scores ({error}); give a folder of ccstereo evaluate, or a file of "
            "ccstereo bench score --json"
        ) from error
    return found


def _number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return np.inf, text
