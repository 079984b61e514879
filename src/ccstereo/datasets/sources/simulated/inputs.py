"""What the user has: photos and sounds by class, each read once, so that no clip is planned with a broken file."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccstereo.datasets.prepared.cutting import resample
from ccstereo.datasets.prepared.format import SPLITS, Unused
from ccstereo.datasets.sources.simulated.patches import check_patch
from ccstereo.errors import CCStereoError, DatasetError
from ccstereo.jobs import map_items
from ccstereo.media import read_mono
from ccstereo.media.names import VIDEO_SUFFIXES
from ccstereo.scenes.material import PHOTO_SUFFIXES, SOUND_SUFFIXES, Split, read_photo, split_of

AUDIO_SUFFIXES = SOUND_SUFFIXES | {".m4a", ".aac", ".opus", ".aif", ".aiff", ".wma"} | VIDEO_SUFFIXES
SILENT = 1e-4  # RMS, -80 dB: below which sound is not raised further, see `ccstereo.scenes.rendering`
SHORTEST = 0.1  # seconds of sound
FILES_A_PROCESS = 100  # that are worth the start of one

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Inputs:
    """Usable files.

    Attributes:
        photos: class -> photos, videos and folders of frames, sorted.
        sounds: class -> sound files, sorted; the same classes.
        backgrounds: photos, sorted; none means an empty background.
        twins: sound -> photo that is the same file, as where both are taken from one video.
    """

    photos: dict[str, tuple[Path, ...]]
    sounds: dict[str, tuple[Path, ...]]
    backgrounds: tuple[Path, ...] = ()
    twins: dict[Path, Path] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in alphabetical order."""
        return tuple(sorted(self.photos))

    def split(self, split: Split) -> "Inputs":
        """Return the files of one split, class by class: no file is in two of them, and a file's name decides.

        A class of less than three photos, or sounds, is in train alone (see `ccstereo.scenes.material.split_of`).
        """
        photos = {label: _of_split(files, split) for label, files in self.photos.items()}
        used = {path for files in photos.values() for path in files}
        sounds = {
            label: tuple(path for path in files if self.twins.get(path) in used)
            + _of_split(tuple(path for path in files if path not in self.twins), split)
            for label, files in self.sounds.items()
        }
        labels = [label for label in self.labels if photos[label] and sounds[label]]
        return Inputs(
            {label: photos[label] for label in labels},
            {label: tuple(sorted(sounds[label])) for label in labels},
            _of_split(self.backgrounds, split),
        )

    def describe(self) -> str:
        """Say how many files there are, and a checksum of which ones: other files make other clips."""
        photos, sounds = (sum(map(len, kind.values())) for kind in (self.photos, self.sounds))
        names = [
            f"{kind}/{label}/{path.name}"
            for kind, classes in (("photos", self.photos), ("sounds", self.sounds), ("", {"": self.backgrounds}))
            for label, files in classes.items()
            for path in files
        ]
        digest = hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()[:8]
        return f"{photos} photos, {sounds} sounds, {len(self.backgrounds)} backgrounds, names {digest}"


def survey(
    photos: Path, sounds: Path, backgrounds: Path | None = None, *, jobs: int = 1, progress: Progress | None = None
) -> tuple[Inputs, list[Unused]]:
    """Read every file once.

    Skipped, with the reason: files that cannot be read, silent or very short sounds, files whose name is not that of a
    photo or sound, copies of another file (they could be in two splits), classes without photos or without sounds.

    Args:
        photos: folder of a folder a class, each of photos, videos and folders of frames.
        sounds: folder of a folder a class, each of sound files, or videos whose sound is meant.
        backgrounds: folder of photos.
        jobs: processes.
        progress: called with files read and their number.

    Returns:
        What can be used, and what cannot.

    Raises:
        DatasetError: a folder is missing, or no class has both a usable photo and a usable sound.
    """
    of_photos, of_sounds = _class_folders(photos, "--photos"), _class_folders(sounds, "--sounds")
    shared = sorted(of_photos.keys() & of_sounds.keys())
    if not shared:
        raise DatasetError(
            f"no class in common: {photos} has {_listed(of_photos)}, {sounds} has {_listed(of_sounds)}; "
            "name the folders of a class alike"
        )
    unused = [Unused("photos", 0, label, "is a class without sounds") for label in of_photos.keys() - of_sounds.keys()]
    unused += [Unused("sounds", 0, label, "is a class without photos") for label in of_sounds.keys() - of_photos.keys()]
    wanted = [
        (kind, path)
        for kind, folders in (("photos", of_photos), ("sounds", of_sounds))
        for label in shared
        for path in _entries(folders[label])
    ]
    if backgrounds is not None:
        _require_folder(backgrounds, "--backgrounds")
        wanted += [("backgrounds", path) for path in _entries(backgrounds)]
    usable, faults = _inspect_all(wanted, jobs, progress)
    unused += faults

    by_class = {kind: _by_class(usable[kind]) for kind in ("photos", "sounds")}
    labels = [label for label in shared if all(label in classes for classes in by_class.values())]
    for kind, classes in by_class.items():
        unused += [Unused(kind, 0, label, "holds nothing usable") for label in shared if label not in classes]
    if not labels:
        first = f"{unused[-1].source}/{unused[-1].part} {unused[-1].reason}"
        raise DatasetError(f"no class has both a usable photo and a usable sound; {first}")
    if backgrounds is not None and len(usable["backgrounds"]) < len(SPLITS):
        raise DatasetError(
            f"{backgrounds}: has {len(usable['backgrounds'])} usable photos; give three at least, so that each of "
            "train, val and test has its own, or leave --backgrounds out"
        )
    photo_of = {usable["photos"][path]: path for label in labels for path in by_class["photos"][label]}
    twins = {path: photo_of[digest] for path, digest in usable["sounds"].items() if digest in photo_of}
    photos_of, sounds_of = ({label: classes[label] for label in labels} for classes in by_class.values())
    return Inputs(photos_of, sounds_of, tuple(usable["backgrounds"]), twins), unused


def _inspect_all(
    wanted: list[tuple[str, Path]], jobs: int, progress: Progress | None
) -> tuple[dict[str, dict[Path, str]], list[Unused]]:
    """Usable files with their checksums by kind, in order; and why the others are not."""
    found: dict[tuple[str, Path], tuple[str, str]] = {}
    for item, result in map_items(inspect, wanted, min(jobs, len(wanted) // FILES_A_PROCESS + 1)):
        found[item] = result or ("", "the process that read it died; it may crash the decoder")
        if progress:
            progress(len(found), len(wanted))
    usable: dict[str, dict[Path, str]] = {kind: {} for kind in ("photos", "sounds", "backgrounds")}
    first: dict[tuple[str, str], Path] = {}
    unused = []
    for kind, path in wanted:
        digest, reason = found[kind, path]
        if not reason and first.setdefault((kind, digest), path) != path:
            reason = f"is a copy of {_name(first[kind, digest])}"
        if reason:
            unused.append(Unused(kind, 0, _name(path), reason))
        else:
            usable[kind][path] = digest
    return usable, unused


def inspect(item: tuple[str, Path]) -> tuple[str, str]:
    """Read a file of a kind: a checksum of its content, and why it cannot be used, empty where it can."""
    kind, path = item
    try:
        if kind == "sounds":
            _check_sound(path)
        elif path.suffix.lower() in PHOTO_SUFFIXES:
            read_photo(path)
        elif kind == "photos" and (path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES):
            check_patch(path)
        else:
            return "", f"{path.suffix or 'a name without a suffix'} is no {'sound' if kind == 'sounds' else 'photo'}"
        return _digest(path), ""
    except Exception as error:  # any library may raise anything on a broken file, and one must not stop the rest
        reason = str(error) if isinstance(error, CCStereoError) else f"cannot be read ({error})"
        return "", " ".join(reason.removeprefix(f"{path}: ").replace(str(path), path.name).split())


def read_sound(path: Path) -> NDArray[np.float32]:
    """Read a sound as (T,) mono at 16 kHz.

    Raises:
        MediaError: it cannot be read.
    """
    sound, rate = read_mono(path)
    return resample(sound[:, None], rate)[:, 0]


def _check_sound(path: Path) -> None:
    if path.suffix.lower() not in AUDIO_SUFFIXES:
        raise DatasetError(f"{path.suffix or 'a name without a suffix'} is no sound")
    sound, rate = read_mono(path)
    if len(sound) < SHORTEST * rate:
        raise DatasetError(f"is {len(sound) / rate:.3f} s long; {SHORTEST} s are needed")
    rms = float(np.sqrt(np.square(sound, dtype=np.float64).mean()))
    if not rms >= SILENT:  # which NaN is not, either
        raise DatasetError("is silent" if rms < SILENT else "holds samples that are no numbers")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _class_folders(folder: Path, option: str) -> dict[str, Path]:
    _require_folder(folder, option)
    classes = {p.name: p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")}
    if not classes:
        raise DatasetError(f"{folder}: holds no folders; put the files of each class in a folder named after it")
    return classes


def _require_folder(folder: Path, option: str) -> None:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; {option} takes a folder")


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _by_class(files: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    classes: dict[str, list[Path]] = {}
    for path in files:
        classes.setdefault(path.parent.name, []).append(path)
    return {label: tuple(paths) for label, paths in classes.items()}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _listed(names: Iterable[str]) -> str:
    chosen = list(names)
    return ", ".join(chosen[:5]) + (", ..." if len(chosen) > 5 else "")


def _of_split(files: tuple[Path, ...], split: Split) -> tuple[Path, ...]:
    chosen = set(split_of([path.name for path in files], split))
    return tuple(path for path in files if path.name in chosen)
