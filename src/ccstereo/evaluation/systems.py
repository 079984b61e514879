"""What is scored: a network, files that another program has written, and beside them floor and ceiling."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
import torch
from torch import Tensor

from ccstereo.audio.targets import MID_SIDE, TARGETS
from ccstereo.binauralizer import DEFAULT_WEIGHTS, Binauralizer
from ccstereo.datasets.prepared.format import SAMPLE_RATE
from ccstereo.errors import DatasetError, WeightsError
from ccstereo.evaluation.frames import frame_change
from ccstereo.evaluation.oracle import SIZES, oracle
from ccstereo.evaluation.sets import Item, PreparedItems
from ccstereo.inference.exported import is_exported, read_exported
from ccstereo.locate import weights_sha256
from ccstereo.models.config import ModelConfig
from ccstereo.models.weights import list_faults, name_some

SUFFIXES = (".wav", ".flac")


class System(Protocol):
    """Gives spatial sound; can be pickled, so that any process can ask it."""

    @property
    def name(self) -> str:
        """As tables print it."""

    def identity(self) -> dict[str, Any]:
        """JSON values on which its predictions depend; scores are resumed only with the same ones."""

    def predict(self, item: Item) -> Tensor:
        """Predict (C, T): two ears, or W, Y, Z, X. Of the item's truth only the mono track may be used."""


@dataclass(frozen=True)
class Mono:
    """The mono track without any place: at both ears, or W alone. No side is ever right."""

    name: str = "Mono-Mono"

    def identity(self) -> dict[str, Any]:
        """See `System`."""
        return {"system": "mono"}

    def predict(self, item: Item) -> Tensor:
        """See `System`."""
        target = TARGETS["foa"] if len(item.sound) == 4 else MID_SIDE
        mixture = target.mixture(item.sound)
        return target.decode(mixture, target.silent_prediction(mixture))


@dataclass(frozen=True)
class Oracle:
    """The true masks, as far as the bound lets them, in the place of the network's.

    Attributes:
        bound: of the masks' real and imaginary part.
        hop: seconds between windows.
        target: key of `ccstereo.audio.targets.TARGETS`; where a set does not hold the truth of it, that of "mid-side"
            is scored.
        config: sizes of windows and transform.

    Raises:
        ValueError: hop or bound are out of range.
    """

    bound: float = 1.0
    hop: float = 0.1
    target: str = MID_SIDE.name
    config: ModelConfig = SIZES

    def __post_init__(self) -> None:
        longest = self.config.window / self.config.sample_rate
        if not 0 < self.hop <= longest or not self.bound > 0:
            raise ValueError(
                f"the hop must be more than 0 and at most {longest:g} s, the mask's bound more than 0; "
                f"got {self.hop:g} and {self.bound:g}"
            )

    @property
    def name(self) -> str:
        """See `System`."""
        of = "" if self.target == MID_SIDE.name else f"{self.target}, "
        return f"oracle ({of}{'any mask' if math.isinf(self.bound) else f'mask to {self.bound:g}'})"

    def identity(self) -> dict[str, Any]:
        """See `System`."""
        bound = None if math.isinf(self.bound) else self.bound
        of = {} if self.target == MID_SIDE.name else {"target": self.target}
        return {"system": "oracle", "bound": bound, "hop": self.hop, **of}

    def predict(self, item: Item) -> Tensor:
        """See `System`."""
        target = TARGETS[self.target]
        truth = item.truth(target)
        if truth is None:
            target, truth = MID_SIDE, item.ears
        return oracle(truth, self.config, target=target, hop=self.hop, bound=self.bound)


@dataclass(frozen=True)
class Weights:
    """A network, and how it is run; the arguments of `Binauralizer.from_pretrained`.

    A folder that `ccstereo export` wrote is run by what it was written for, whatever `backend` is.

    Attributes:
        name: as tables print it; by default that of `weights_name`.
        frames: what is done to the frames it is given, such as "h264 33"; see `ccstereo.evaluation.frames`.
        sha256: of the weights' file.

    Raises:
        WeightsError: the weights are not found.
        ValueError: there is no such change of frames.
    """

    weights: str = DEFAULT_WEIGHTS
    hop: float | None = None
    tdss: bool = True
    precision: str = "float32"
    device: str = "cpu"
    batch_size: int = 16
    name: str = ""
    frames: str = ""
    backend: str = "torch"
    adaptive: bool = True
    fast: bool = False
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", weights_sha256(self.weights))
        frame_change(self.frames)  # refuses what is none
        if not self.name:
            name = weights_name(self.weights)
            object.__setattr__(self, "name", f"{name}, {self.frames}" if self.frames else name)

    def binauralizer(self) -> Binauralizer:
        """Load the network, once a process.

        Raises:
            WeightsError: the weights are damaged.
            ValueError: an argument is out of range.
        """
        run = (
            self.hop,
            self.tdss,
            self.precision,
            self.device,
            self.batch_size,
            self.backend,
            self.adaptive,
            self.fast,
        )
        return _load(self.weights, self.sha256, *run)

    def oracle(self, hop: float = 0.1) -> Oracle:
        """Return the ceiling of masks with its bound and target, however it is run."""
        settings = self.settings()
        return Oracle(settings.get("mask_bound", 1.0), hop, settings["target"])

    def settings(self) -> dict[str, Any]:
        """The whole configuration of the network."""
        if is_exported(self.weights):
            return read_exported(self.weights).settings
        return self.binauralizer().model.config.to_dict()

    def identity(self) -> dict[str, Any]:
        """See `System`; of which device and batch size are not, as they change no more than rounding."""
        binauralizer = self.binauralizer()
        return {
            "system": "weights",
            "sha256": self.sha256,
            "model": self._model_name(),
            "hop": binauralizer.hop,
            "tdss": self.tdss,
            "precision": self.precision,
            **({"frames": self.frames} if self.frames else {}),
            **({"backend": self.backend} if self.backend != "torch" else {}),
            "adaptive": self.adaptive,
        }

    def _model_name(self) -> str:
        if is_exported(self.weights):
            return read_exported(self.weights).model
        return self.binauralizer().model.name

    def check_rate(self, sample_rate: int) -> None:
        """Refuse a set at another sample rate than the model's.

        Raises:
            WeightsError: it is.
        """
        rate = self.binauralizer().config.sample_rate
        if rate != sample_rate:
            raise WeightsError(f"{self.weights}: the model takes {rate} Hz, but the set is at {sample_rate} Hz")

    def predict(self, item: Item) -> Tensor:
        """See `System`.

        Raises:
            WeightsError: the model has another sample rate.
        """
        self.check_rate(item.sample_rate)
        binauralizer, rate = self.binauralizer(), item.sample_rate
        mono = item.mono(binauralizer.target).numpy()
        frames = frame_change(self.frames)(item.read_frames())
        return torch.from_numpy(binauralizer.spatialize(mono, rate, frames, item.frame_rate))


def weights_name(weights: str | Path) -> str:
    """What weights are called in tables: their run where they lie in a folder "weights", else their folder or name.

    >>> weights_name("ccstereo-lite.stage33"), weights_name("hf-hub:some/one")
    ('ccstereo-lite.stage33', 'hf-hub:some/one')
    """
    path = Path(weights)
    if not path.exists():
        return str(weights)
    path = path.resolve()
    if path.name == "model.safetensors":
        path = path.parent
    if path.name == "weights":
        path = path.parent
    if path.name.isdigit() and path.parent.name:  # runs/mine/3: the third run of "mine"
        return f"{path.parent.name}-{path.name}"
    return path.stem if path.suffix == ".safetensors" else path.name


@lru_cache(maxsize=32)
def _load(
    weights: str,
    sha256: str,
    hop: float | None,
    tdss: bool,
    precision: str,
    device: str,
    batch_size: int,
    backend: str,
    adaptive: bool,
    fast: bool,
) -> Binauralizer:
    """Load a network once a process, and again where its file holds other weights than before."""
    del sha256
    return Binauralizer.from_pretrained(
        weights,
        device=device,
        backend="auto" if is_exported(weights) else backend,
        precision=precision,
        fast=fast,
        hop=hop,
        tdss=tdss,
        adaptive=adaptive,
        batch_size=batch_size,
    )


@dataclass(frozen=True)
class Files:
    """Predictions in a folder, <clip id>.wav or .flac for each clip; made by `read_files`.

    Attributes:
        name: of the folder.
        paths: file of each clip.
        sha256: of all files.
    """

    name: str
    paths: Mapping[str, Path]
    sha256: str

    def identity(self) -> dict[str, Any]:
        """See `System`."""
        return {"predictions": self.name, "sha256": self.sha256}

    def predict(self, item: Item) -> Tensor:
        """See `System`.

        Raises:
            DatasetError: the file cannot be read.
        """
        path = self.paths[item.id]
        try:
            sound, _ = soundfile.read(path, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        return torch.from_numpy(np.ascontiguousarray(sound.T))


def read_files(folder: str | Path, clips: PreparedItems) -> Files:
    """Look at predictions in a folder, all of them before any is scored.

    Args:
        folder: of <clip id>.wav or .flac, two channels, left first, at the set's rate; of a set of first-order
            ambisonics also four, W, Y, Z, X. Files of other kinds are passed over.
        clips: to be scored.

    Raises:
        DatasetError: a clip has no file or two, a file belongs to no clip, or is not as long as its clip; the message
            names the first few.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the folder of the predictions")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    paths = {path.stem: path for path in files}
    faults = {
        "missing": [clip for clip in clips.clips if clip not in paths],
        "of no clip of this split": sorted(paths.keys() - set(clips.clips)),
        "there twice": sorted({path.stem for path in files if paths[path.stem] != path}),
    }
    if found := list_faults(faults):
        wanted = f"expected {len(clips.clips)} files such as {clips.clips[0]}.wav or .flac"
        raise DatasetError(f"{folder}: {wanted}; {found}")
    channels = sorted({2, clips.channels})
    unfit = [_fault(paths[clip], clips.prepared.clips[clip].samples, channels) for clip in sorted(clips.clips)]
    if any(unfit):
        raise DatasetError(f"{folder}: {name_some([fault for fault in unfit if fault])}")
    digest = hashlib.sha256()
    for clip in sorted(clips.clips):
        digest.update(clip.encode() + hashlib.sha256(paths[clip].read_bytes()).digest())
    return Files(folder.resolve().name, paths, digest.hexdigest())


def _fault(path: Path, samples: int, channels: list[int]) -> str:
    """What keeps a file from being compared with a clip of so many samples."""
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        return f"{path.name} cannot be read ({error})"
    if info.channels not in channels:
        wanted = " or ".join(map(str, channels))
        return f"{path.name} has {info.channels} channel{'s' * (info.channels > 1)} instead of {wanted}"
    if info.samplerate != SAMPLE_RATE:
        return f"{path.name} is at {info.samplerate} Hz instead of {SAMPLE_RATE}"
    if info.frames != samples:
        return f"{path.name} has {info.frames} samples instead of {samples}"
    return ""
