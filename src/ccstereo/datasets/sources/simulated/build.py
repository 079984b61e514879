"""What `ccstereo.datasets.prepared.build.prepare` takes to make a simulated set: which clips, and of which files."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ccstereo.datasets.prepared.build import Folds, Source, Worker
from ccstereo.datasets.prepared.format import SAMPLE_RATE, SPLITS, ClipRow, SetInfo
from ccstereo.datasets.sources.simulated.clip import ClipSource, Files, Recipe, simulate_clip
from ccstereo.datasets.sources.simulated.inputs import Inputs
from ccstereo.errors import DatasetError
from ccstereo.scenes import SceneMix, Split, load_ears
from ccstereo.scenes.placement.pseudobinaural import SOURCES

FOLD = "default"
CYCLE: tuple[Split, ...] = ("train", "val", "test", *("train",) * 7)  # of ten clips in a row


def simulated_set(inputs: Inputs, recipe: Recipe, clips: int) -> tuple[list[Source], Worker, SetInfo]:
    """Return what `prepare` takes to make a set.

    Clip n depends on the recipe, n and the files that there are; a set of more clips begins with the same ones.

    Raises:
        DatasetError: the head cannot be read.
    """
    load_ears(SAMPLE_RATE, recipe.render, recipe.sofa, recipe.legacy_rate)  # its errors are the set's, not each clip's
    if recipe.sofa is not None:
        recipe = replace(recipe, sofa=recipe.sofa.resolve())
    splits = {split: found for split in CYCLE[:3] if (found := inputs.split(split)).labels}
    if "train" not in splits:  # where all the sounds are taken from videos that went to val and test
        raise DatasetError("no class has a photo and a sound for training; give more files")
    sources: list[Source] = [plan_clip(number, splits, recipe) for number in range(clips)]
    options = {
        "recipe": recipe.name,
        "render": recipe.render,
        "head": recipe.sofa.name if recipe.sofa else "spherical head",
        "head_sha256": hashlib.sha256(recipe.sofa.read_bytes()).hexdigest() if recipe.sofa else None,
        "legacy_hrir_rate": recipe.legacy_rate,
        "seconds": recipe.seconds,
        "fps": recipe.fps,
        "seed": recipe.seed,
        "inputs": inputs.describe(),
    }
    about = {"licence": "that of the photos, the sounds and the head"}
    return sources, partial(simulate_clip, recipe=recipe), SetInfo("simulated", options, about)


def plan_clip(number: int, splits: dict[Split, Inputs], recipe: Recipe) -> ClipSource:
    """Choose the split, among those that have files, the classes and the files of clip `number`.

    Sources of a clip are of different classes: neither frame nor sound distinguishes two of one.
    """
    split = CYCLE[number % len(CYCLE)]
    split = split if split in splits else "train"
    inputs = splits[split]
    rng = np.random.default_rng([recipe.seed, number, 0])
    odds = SOURCES if recipe.name == "pseudobinaural" else SceneMix().sources
    count = min(int(rng.choice(3, p=odds)) + 1, len(inputs.labels))
    wanted = tuple(
        Files(label, _one_of(inputs.photos[label], rng), _one_of(inputs.sounds[label], rng))
        for label in rng.choice(inputs.labels, count, replace=False).tolist()
    )
    background = _one_of(inputs.backgrounds, rng) if inputs.backgrounds else None
    paths = [path for files in wanted for path in (files.photo, files.sound)] + ([background] if background else [])
    return ClipSource(f"{number:06d}", tuple(paths), number, split, wanted, background)


def simulated_folds(rows: list[ClipRow]) -> Folds:
    """One fold, "default", by the split whose files a clip is made of."""
    return {FOLD: {split: [row.id for row in rows if row.tags["split"] == split] for split in SPLITS}}


def split_notes(inputs: Inputs) -> list[str]:
    """Lines for people: which classes are too small to be in every split."""
    notes = []
    scored = set(inputs.split("val").labels) & set(inputs.split("test").labels)
    small = [label for label in inputs.labels if label not in scored]
    if len(small) == len(inputs.labels):
        notes.append("no class has three photos and three sounds: all clips are for training, none for val and test")
    elif small:
        notes.append(f"for training alone, as they have less than three photos or sounds: {', '.join(small)}")
    if len(inputs.labels) == 1:
        notes.append(f"there is one class, {inputs.labels[0]}: all clips have one source")
    return notes


def _one_of(files: Sequence[Path], rng: np.random.Generator) -> Path:
    return files[int(rng.integers(len(files)))]
