"""Where predictions come from: a network, or files that another program has written."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
import torch
from torch import Tensor

from ccstereo.binauralizer import Binauralizer
from ccstereo.datasets.prepared.format import FRAME_RATE, SAMPLE_RATE
from ccstereo.datasets.prepared.reader import PreparedSet, decode_jpeg
from ccstereo.errors import DatasetError
from ccstereo.models.weights import name_some

SUFFIXES = (".wav", ".flac")


class Predictor(Protocol):
    """Gives the predicted sound of a clip.

    Attributes:
        name: for people.
        identity: JSON values on which its predictions depend; a run goes on only with the same ones.
    """

    name: str
    identity: dict[str, Any]

    def __call__(self, clip: str, truth: Tensor) -> Tensor:
        """Predict a clip (2, T), given its true sound (2, T), of which only the mono mix may be heard."""


class ModelPredictor:
    """Predictions of a model: sliding windows over the mono mix (l + r) / 2 and the stored pictures of a clip.

    Args:
        prepared: the set.
        binauralizer: the model, and how it is run.
        name: of the weights.
        sha256: of the weights, for the record.

    Raises:
        DatasetError: the model hears another sample rate.
    """

    def __init__(self, prepared: PreparedSet, binauralizer: Binauralizer, name: str, sha256: str = "") -> None:
        rate = binauralizer.model.config.sample_rate
        if rate != SAMPLE_RATE:
            raise DatasetError(f"{prepared.folder}: is at {SAMPLE_RATE} Hz, but the model hears {rate} Hz")
        self.prepared = prepared
        self.binauralizer = binauralizer
        self.name = name
        self.identity = {
            "weights": name,
            "sha256": sha256,
            "model": binauralizer.model.name,
            "hop": binauralizer.hop,
            "tdss": binauralizer.tdss,
            "precision": binauralizer.precision,
        }

    def __call__(self, clip: str, truth: Tensor) -> Tensor:
        """Predict; see `Predictor`."""
        frames = np.stack([decode_jpeg(jpeg) for jpeg in self.prepared.jpegs(clip)])
        mono = truth.mean(0).numpy()
        return torch.from_numpy(self.binauralizer.binauralize(mono, SAMPLE_RATE, frames, FRAME_RATE))


class FolderPredictor:
    """Predictions in a folder: <clip id>.wav or .flac for each clip, two channels, left first, at the set's rate.

    All files are looked at before any is scored.

    Args:
        prepared: the set.
        clips: ids of the clips to be scored.
        folder: of the files; files of other kinds in it are passed over.

    Raises:
        DatasetError: a clip has no file or two, a file belongs to no clip, or is not as long as its clip; the message
            names the first few.
    """

    def __init__(self, prepared: PreparedSet, clips: Sequence[str], folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DatasetError(f"{folder}: no such folder; give the folder of the predictions")
        files = sorted(p for p in self.folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        self.files = {path.stem: path for path in files}
        faults = {
            "missing": [clip for clip in clips if clip not in self.files],
            "of no clip of this part": sorted(self.files.keys() - set(clips)),
            "there twice": sorted({path.stem for path in files if self.files[path.stem] != path}),
        }
        found = [f"{len(ids)} {fault} ({name_some(ids)})" for fault, ids in faults.items() if ids]
        if found:
            wanted = f"expected {len(clips)} files such as {next(iter(clips), 'ID')}.wav or .flac"
            raise DatasetError(f"{folder}: {wanted}; {'; '.join(found)}")
        digest = hashlib.sha256()
        unfit = []
        for clip in sorted(clips):
            unfit += [fault for fault in [_fault(self.files[clip], prepared.clips[clip].samples)] if fault]
            digest.update(clip.encode() + hashlib.sha256(self.files[clip].read_bytes()).digest())
        if unfit:
            raise DatasetError(f"{folder}: {name_some(unfit)}")
        self.name = self.folder.resolve().name
        self.identity = {"predictions": self.name, "sha256": digest.hexdigest()}

    def __call__(self, clip: str, truth: Tensor) -> Tensor:  # noqa: ARG002 - files know what was heard
        """Read the prediction.

        Raises:
            DatasetError: it cannot be read, or holds samples that are no numbers.
        """
        try:
            sound, _ = soundfile.read(self.files[clip], dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            raise DatasetError(f"{self.files[clip]}: cannot be read ({error})") from error
        if not np.isfinite(sound).all():
            raise DatasetError(f"{self.files[clip]}: holds samples that are no finite numbers")
        return torch.from_numpy(np.ascontiguousarray(sound.T))


def _fault(path: Path, samples: int) -> str:
    """What keeps a file from being compared with a clip of so many samples."""
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        return f"{path.name} cannot be read ({error})"
    if info.channels != 2:
        return f"{path.name} has {info.channels} channel{'s' * (info.channels > 1)} instead of 2"
    if info.samplerate != SAMPLE_RATE:
        return f"{path.name} is at {info.samplerate} Hz instead of {SAMPLE_RATE}"
    if info.frames != samples:
        return f"{path.name} has {info.frames} samples instead of {samples}"
    return ""
