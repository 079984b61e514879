"""Splits the files of the stage folders into train, val, test and final, once, and checks that list later.

    python research/scripts/make_splits.py STAGE STAGE2 -o research/splits/stage33.csv
    python research/scripts/make_splits.py STAGE STAGE2 --check research/splits/stage33.csv

The list was written before anything was trained on it. "final" is for one last look. What belongs together is a group,
and no group stands on two sides: photos that look alike, recordings in which the same sound is found, a speaker, a
tenth of the numbers of a recording that was cut into pieces.

Of STAGE, whose test files older weights were chosen by, what that split has for training trains here, too, and its
test files are divided between test and final: old weights and new ones can be compared on either. Its voices are split
by speaker, though.
"""

import argparse
import csv
import hashlib
import sys
from collections import Counter, defaultdict
from pathlib import Path
from zlib import crc32

import numpy as np
import soundfile
from PIL import Image

from ccstereo.scenes.material import PHOTO_SUFFIXES, SOUND_SUFFIXES, Split, split_of

PATTERN: tuple[Split, ...] = ("train", "val", "train", "test", "train", "train", "train", "final", "train", "train")
SPEAKERS: dict[str, Split] = {  # of the four voices of "speaker", and of EMO-DB's that are not in training
    "lucas": "train",
    "theo": "train",
    "nicolas": "test",
    "yweweler": "final",
    "speaker 08": "val",
    "speaker 10": "test",
    "speaker 12": "final",
}
ALIKE = 4  # bits of 64 in which two photos' hashes differ at most
CORRELATED = 0.5  # of two recordings, normalised, at some shift
HEAD = ("file", "sha256", "group", "split")


def main() -> int:
    """Write the list, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path, help="folder of eight classes and backgrounds")
    parser.add_argument("stage2", type=Path, help="folder of 25 more classes, with sources.csv")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("-o", "--output", type=Path, metavar="FILE")
    action.add_argument("--check", type=Path, metavar="FILE", help="compare the list with the files")
    options = parser.parse_args()
    folders = [options.stage, options.stage2]
    if options.check:
        faults = check(options.check, folders)
        print("\n".join(faults) or f"{options.check}: every file is there, with its checksum")
        return bool(faults)
    rows = split_stage(options.stage) + split_stage2(options.stage2)
    with options.output.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *sorted(rows)])
    counts = Counter((row[0].split("/")[0], row[3]) for row in rows)
    print(", ".join(f"{count} {kind} of {split}" for (kind, split), count in sorted(counts.items())))
    return 0


def check(listed: Path, folders: list[Path]) -> list[str]:
    """Files that differ from the list, that it lacks or that are not there."""
    with listed.open(newline="", encoding="utf-8") as file:
        wanted = {row["file"]: row["sha256"] for row in csv.DictReader(file)}
    there = {name: path for folder in folders for name, path in files(folder).items()}
    faults = [f"{name}: is not in any of the folders" for name in sorted(wanted.keys() - there.keys())]
    faults += [f"{there[name]}: is not in the list" for name in sorted(there.keys() - wanted.keys())]
    both = sorted(there.keys() & wanted.keys())
    return faults + [f"{there[name]}: has another checksum" for name in both if sha256(there[name]) != wanted[name]]


def split_stage(stage: Path) -> list[tuple[str, ...]]:
    """Rows of the folder with eight classes: by its old split, voices by speaker."""
    rows = []
    for folder, names in by_folder(stage).items():
        old: dict[str, Split] = {name: side for side in ("train", "val", "test") for name in split_of(names, side)}
        groups = groups_of(stage / folder, names)
        held = sorted({groups[name] for name in names if old[name] == "test"}, key=shuffled)
        sides = {group: ("test", "final")[number % 2] for number, group in enumerate(held)}
        for name in names:
            group, side = groups[name], sides.get(groups[name])
            if folder == "sounds/speaker":
                group = name.rpartition("_")[2].partition(".")[0]
                side = SPEAKERS[group]
            elif side is None:
                side = "val" if any(old[other] == "val" for other in names if groups[other] == group) else "train"
            rows.append(row_of(stage, folder, name, group, side))
    return rows


def split_stage2(stage: Path) -> list[tuple[str, ...]]:
    """Rows of the folder with 25 classes: every origin, a sound font or a collection, in each split."""
    with (stage / "sources.csv").open(newline="", encoding="utf-8") as file:
        origins = {row["file"]: row["source"] for row in csv.DictReader(file)}
    rows = []
    for folder, names in by_folder(stage).items():
        groups = groups_of(stage / folder, names)
        for name in names:
            origin = origins[f"{folder}/{name}"]
            if folder == "sounds/person":
                groups[name] = f"speaker {Path(origin).name[:2]}"
            elif "Balsas" in origin:  # pieces of longer recordings, numbered
                groups[name] = "Balsas " + Path(origin).stem.split()[1][:-1]
        strata = {groups[name]: origins[f"{folder}/{name}"].split(":")[0] for name in names}
        sides = {
            group: SPEAKERS.get(group, "train") if folder == "sounds/person" else PATTERN[number % len(PATTERN)]
            for number, group in enumerate(sorted(strata, key=lambda group: (strata[group], shuffled(group))))
        }
        rows += [row_of(stage, folder, name, groups[name], sides[groups[name]]) for name in names]
    return rows


def row_of(stage: Path, folder: str, name: str, group: str, side: str) -> tuple[str, ...]:
    """A line of the list."""
    return f"{folder}/{name}", sha256(stage / folder / name), f"{folder}: {group}", side


def files(stage: Path) -> dict[str, Path]:
    """Photos, sounds and backgrounds by their place in the folder."""
    kinds = {"photos/*": PHOTO_SUFFIXES, "sounds/*": SOUND_SUFFIXES, "backgrounds": PHOTO_SUFFIXES}
    paths = [p for kind, suffixes in kinds.items() for p in stage.glob(f"{kind}/*") if p.suffix.lower() in suffixes]
    return {path.relative_to(stage).as_posix(): path for path in sorted(paths)}


def by_folder(stage: Path) -> dict[str, list[str]]:
    """Names of files by folder."""
    found = defaultdict(list)
    for name in files(stage):
        found[name.rpartition("/")[0]].append(name.rpartition("/")[2])
    return dict(found)


def groups_of(folder: Path, names: list[str]) -> dict[str, str]:
    """Name of the first of all files that are alike, by file."""
    sound = folder.parent.name == "sounds"
    alike = same_recording([folder / n for n in names]) if sound else same_photo([folder / n for n in names])
    first = list(range(len(names)))
    for i, j in np.argwhere(np.triu(alike, 1)):
        old, new = max(first[i], first[j]), min(first[i], first[j])
        first = [new if value == old else value for value in first]
    return {name: names[group] for name, group in zip(names, first, strict=True)}


def same_photo(paths: list[Path]) -> np.ndarray:
    """(N, N): whether the brightness of two photos, mirrored or not, rises and falls at the same places."""

    def bits(photo: Image.Image) -> np.ndarray:
        small = np.asarray(photo.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
        return (np.diff(small, axis=1) > 0).ravel()

    photos = [Image.open(path) for path in paths]
    plain = np.stack([bits(photo) for photo in photos])
    flipped = np.stack([bits(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) for photo in photos])
    return np.minimum(*((plain[:, None] != other[None]).sum(-1) for other in (plain, flipped))) <= ALIKE


def same_recording(paths: list[Path]) -> np.ndarray:
    """(N, N): whether two recordings hold the same sound: their greatest normalised correlation."""
    sounds = [soundfile.read(path, dtype="float32", always_2d=True)[0].mean(1) for path in paths]
    size = 2 ** int(np.ceil(np.log2(2 * max(map(len, sounds)))))
    spectra = [np.fft.rfft(sound, size) for sound in sounds]
    norms = [max(float(np.linalg.norm(sound)), 1e-9) for sound in sounds]
    alike = np.eye(len(paths), dtype=bool)
    for i in range(len(paths)):
        for j in range(i):
            peak = np.abs(np.fft.irfft(spectra[i] * spectra[j].conj(), size)).max()
            alike[i, j] = alike[j, i] = peak > CORRELATED * norms[i] * norms[j]
    return alike


def shuffled(name: str) -> tuple[int, str]:
    """An order that has nothing to do with the names."""
    return crc32(name.encode()), name


def sha256(path: Path) -> str:
    """Checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
