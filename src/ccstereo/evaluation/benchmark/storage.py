"""A benchmark on disk: scenes as sound and frames that any program reads, what is known of them, a checksum.

DIR/manifest.json             settings, what is known of every scene, checksum; written last
DIR/ears.npz                  responses (A, 2, K) and azimuths (A,) among which an azimuth is sought
DIR/scenes/ID/sound.flac      24 bits, channels 2 s and 2 s + 1: source s alone at the left and the right ear
DIR/scenes/ID/000.png ...     the frames: one where nothing moves, else 10 a second
DIR/scenes/ID/facts.json      what is known of the scene, the same as in the manifest

Checksums are of samples and pixels, not of files, whose encoding depends on the versions of libraries.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Container
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image

from ccstereo.errors import DatasetError
from ccstereo.evaluation.benchmark.rendering import FRAME_RATE
from ccstereo.evaluation.facts import SceneFacts
from ccstereo.evaluation.sets import Ears, Item
from ccstereo.files import write_atomic
from ccstereo.scenes import HRIRSet

FORMAT = 1


@dataclass(frozen=True)
class Benchmark:
    """A benchmark that has been made; an `EvaluationSet`.

    Attributes:
        folder: where it is.
        settings: what it was made with, JSON values.
        scenes: what is known of each.
        sha256: checksum over settings, ears and all scenes' sounds and frames.
    """

    folder: Path
    settings: dict[str, Any]
    scenes: tuple[SceneFacts, ...]
    sha256: str

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self.settings["sample_rate"])

    @property
    def rows(self) -> dict[str, int]:
        """Number of scenes by row, in the order of the table."""
        return dict(Counter(scene.row for scene in self.scenes))

    @property
    def split(self) -> str:
        """Split of the material that the scenes are made of: train, val or test."""
        return str(self.settings["material"]["split"])

    @property
    def items(self) -> dict[str, str]:
        """See `EvaluationSet`."""
        return {scene.id: scene.row for scene in self.scenes}

    @property
    def scores(self) -> tuple[str, ...]:
        """See `EvaluationSet`."""
        return ("stft", "stft_mono", "snr", "louder_ear", "own_side", "azimuth_error")

    def only(self, rows: Container[str]) -> "Benchmark":
        """Return some of its rows, with the checksum of the whole."""
        return replace(self, scenes=tuple(scene for scene in self.scenes if scene.row in rows))

    def identity(self) -> dict[str, Any]:
        """See `EvaluationSet`."""
        return {"benchmark": self.sha256}

    def read(self, item: str, ears: Ears) -> Item:
        """See `EvaluationSet`; the scene's checksum is checked."""
        (facts,) = (scene for scene in self.scenes if scene.id == item)
        sound, frames = read_scene(self.folder, facts)
        sources = torch.from_numpy(sound)
        responses, azimuths = (torch.from_numpy(array).float() for array in read_ears(self.folder))
        truth = sources.sum(0)
        return Item(
            id=item,
            sound=truth,
            ears=ears.render(truth, self.sample_rate),
            sample_rate=self.sample_rate,
            frame_rate=FRAME_RATE,
            read_frames=lambda: frames,
            sources=sources,
            facts=facts,
            responses=responses,
            azimuths=azimuths,
        )


def write_scene(folder: Path, facts: SceneFacts, sound: np.ndarray, frames: np.ndarray, sample_rate: int) -> SceneFacts:
    """Write a scene beside its folder, then rename: a scene that is there is whole.

    Of sound (S, 2, T) float32 in steps of 24 bits and frames (N, H, W, 3) uint8; returns the facts with their checksum.
    """
    facts = replace(facts, sha256=content_sha256(sound, frames))
    target = folder / "scenes" / facts.id
    partial = target.with_name(f".{facts.id}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    soundfile.write(partial / "sound.flac", sound.reshape(-1, sound.shape[-1]).T, sample_rate, subtype="PCM_24")
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(partial / f"{number:03d}.png")
    (partial / "facts.json").write_text(json.dumps(asdict(facts), indent=1) + "\n", encoding="utf-8")
    partial.rename(target)
    return facts


def read_scene(folder: Path, facts: SceneFacts) -> tuple[np.ndarray, np.ndarray]:
    """Read a scene: its sound (S, 2, T) float32 and its frames (N, H, W, 3) uint8.

    Raises:
        DatasetError: a file is missing or damaged, or the content is not what the checksum was taken of.
    """
    place = folder / "scenes" / facts.id
    try:
        samples, _ = soundfile.read(place / "sound.flac", dtype="float32", always_2d=True)
        frames = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in sorted(place.glob("*.png"))])
    except (OSError, RuntimeError, ValueError) as error:  # soundfile's errors are RuntimeErrors
        raise DatasetError(f"{place}: cannot be read ({error}); make the benchmark again") from error
    sound = np.ascontiguousarray(samples.T).reshape(-1, 2, len(samples))
    if content_sha256(sound, frames) != facts.sha256:
        raise DatasetError(f"{place}: is not what was made (its checksum differs); make the benchmark again")
    return sound, frames


def read_facts(folder: Path, name: str) -> SceneFacts | None:
    """What is known of a scene that has been written whole."""
    path = folder / "scenes" / name / "facts.json"
    return SceneFacts.from_dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def content_sha256(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' types, shapes and values."""
    digest = hashlib.sha256()
    for array in arrays:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{array.dtype.name} {array.shape};".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def write_manifest(folder: Path, settings: dict[str, Any], scenes: list[SceneFacts], ears: HRIRSet) -> Benchmark:
    """Write the ears and, last of all, the manifest."""
    np.savez(folder / "ears.npz", responses=ears.responses, azimuths=ears.directions[:, 0])
    content = {
        "format": FORMAT,
        "settings": settings,
        "ears": content_sha256(ears.responses, ears.directions[:, 0]),
        "scenes": [asdict(scene) for scene in scenes],
    }
    checksum = _checksum(content)
    write_atomic(folder / "manifest.json", json.dumps({"sha256": checksum, **content}, indent=1) + "\n")
    return Benchmark(folder, settings, tuple(scenes), checksum)


def read_benchmark(folder: str | Path) -> Benchmark:
    """Read a benchmark's manifest; scenes are checked as they are read.

    Raises:
        DatasetError: there is none, or its manifest or ears are damaged or changed.
    """
    folder = Path(folder)
    path = folder / "manifest.json"
    if not path.is_file():
        raise DatasetError(f"{folder}: holds no benchmark; make one with ccstereo bench make -o {folder}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum, form = content.pop("sha256"), content["format"]
        if form != FORMAT:
            raise DatasetError(f"{path}: has format {form}, this version reads {FORMAT}")
        scenes = tuple(SceneFacts.from_dict(scene) for scene in content["scenes"])
        settings = content["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: is damaged ({error!r}); make the benchmark again") from error
    if _checksum(content) != checksum:
        raise DatasetError(f"{path}: is not what was made (its checksum differs); make the benchmark again")
    if content_sha256(*read_ears(folder)) != content["ears"]:
        raise DatasetError(f"{folder / 'ears.npz'}: is not what was made (its checksum differs)")
    return Benchmark(folder, settings, scenes, checksum)


def read_ears(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(A, 2, K) responses and (A,) azimuths in degrees, among which an azimuth is sought.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    path = folder / "ears.npz"
    try:
        with np.load(path) as file:
            return file["responses"], file["azimuths"]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); make the benchmark again") from error


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
