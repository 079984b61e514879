"""Making a benchmark: every scene of every row into a folder, in several processes, resumable."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ccstereo.errors import DatasetError
from ccstereo.evaluation.benchmark.rendering import ROWS, USUAL_ROWS, ears_of, render_scene, scene_id
from ccstereo.evaluation.benchmark.storage import (
    Benchmark,
    content_sha256,
    read_benchmark,
    read_facts,
    write_manifest,
    write_scene,
)
from ccstereo.evaluation.facts import SceneFacts
from ccstereo.files import write_atomic
from ccstereo.jobs import map_items
from ccstereo.journal import check_settings
from ccstereo.scenes import HRIRSet, Material, Split, load_material, load_sofa, spherical_head, synthetic_material
from ccstereo.scenes.material import load_whole

SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class Origin:
    """What scenes are made of, named so that any process finds it.

    Attributes:
        folder: of photos, sounds and backgrounds; None takes synthetic material.
        sofa: measured head; None takes the spherical one.
        split: of the material.
        unknown: folder of classes that no training had, for the row "unknown class"; all of its files are used.
    """

    folder: Path | None = None
    sofa: Path | None = None
    split: Split = "test"
    unknown: Path | None = None

    def load(self) -> tuple[Material, HRIRSet]:
        """Read the material and the head, once a process.

        Raises:
            DatasetError: either is missing or damaged.
        """
        return _load(self)

    def load_unknown(self) -> Material:
        """Read the classes that no training had, on backgrounds of the split.

        Raises:
            DatasetError: there is no such folder, or it has classes of the other one.
        """
        return _load_unknown(self)


def make_benchmark(
    output: str | Path,
    origin: Origin = Origin(),
    *,
    rows: Sequence[str] = USUAL_ROWS,
    scenes: int = 100,
    seconds: float = 3.0,
    seed: int = 0,
    jobs: int | None = 1,
    engine: str = "processes",
    progress: Callable[[int, int], None] | None = None,
) -> Benchmark:
    """Make a benchmark, or go on where an earlier attempt was stopped. It is the same with any number of jobs.

    Args:
        output: its folder.
        origin: what its scenes are made of.
        rows: names of `ROWS`.
        scenes: how many a row.
        seconds: length of each.
        seed: of a row's first scene; the others follow.
        jobs: processes.
        engine: see `ccstereo.jobs.map_items`; on Ray the output is on a disk that all machines share.
        progress: called with scenes done and their number.

    Raises:
        DatasetError: the material, the head or pyroomacoustics is missing, or the folder holds something else or cannot
            be written; or a row needs unknown classes.
    """
    output = Path(output)
    material, head = origin.load()
    settings = {
        "material": {"name": material.name, "split": origin.split, "sha256": _material_sha256(material)},
        "head": {"name": head.name, "sha256": content_sha256(head.responses, head.directions)},
        "sample_rate": material.sample_rate,
        "rows": list(rows),
        "scenes": scenes,
        "seconds": seconds,
        "seed": seed,
    }
    if any(ROWS[row].unknown for row in rows):
        unknown = origin.load_unknown()
        settings["unknown"] = {"name": unknown.name, "sha256": _material_sha256(unknown)}
    try:
        made = _begin(output, settings)
        if made is not None:
            return made
        wanted = [(row, i) for row in rows for i in range(scenes)]
        found = {item: read_facts(output, scene_id(*item)) for item in wanted}
        waiting = [item for item in wanted if found[item] is None]
        task = _Task(output, origin, seconds, seed)
        for number, (item, facts) in enumerate(map_items(task, waiting, jobs, engine)):
            if facts is None:
                raise DatasetError(f"{output}: a process died making {scene_id(*item)}; give the command again")
            found[item] = facts
            if progress is not None:
                progress(len(wanted) - len(waiting) + number + 1, len(wanted))
        whole = [facts for facts in found.values() if facts is not None]
        made = write_manifest(output, settings, whole, ears_of(head))
        (output / "making.json").unlink()
    except OSError as error:
        raise DatasetError(f"{output}: cannot be written ({error}); what is made is kept") from error
    return made


@dataclass(frozen=True)
class _Task:
    output: Path
    origin: Origin
    seconds: float
    seed: int

    def __call__(self, item: tuple[str, int]) -> SceneFacts:
        material, head = self.origin.load()
        if ROWS[item[0]].unknown:
            material = self.origin.load_unknown()
        facts, sound, frames = render_scene(material, head, *item, self.seconds, self.seed)
        return write_scene(self.output, facts, sound, frames, material.sample_rate)


@lru_cache(maxsize=1)
def _load(origin: Origin) -> tuple[Material, HRIRSet]:
    material = (
        load_material(origin.folder, origin.split, SAMPLE_RATE)
        if origin.folder
        else synthetic_material(origin.split, SAMPLE_RATE)
    )
    head = load_sofa(origin.sofa).resampled(SAMPLE_RATE) if origin.sofa else spherical_head(SAMPLE_RATE)
    return material, head


@lru_cache(maxsize=1)
def _load_unknown(origin: Origin) -> Material:
    known, _ = origin.load()
    if origin.unknown is None:
        raise DatasetError('the row "unknown class" needs --unknown, a folder of classes that the weights do not know')
    unknown = load_whole(origin.unknown, SAMPLE_RATE)
    if shared := sorted(set(unknown.labels) & set(known.labels)):
        raise DatasetError(f"{origin.unknown}: {', '.join(shared)} are classes of {known.name}, too")
    return replace(unknown, backgrounds=known.backgrounds)


def _begin(output: Path, settings: dict[str, Any]) -> Benchmark | None:
    """Return the benchmark where it is whole; else see that the folder is empty or was begun with these settings."""
    making, manifest = output / "making.json", output / "manifest.json"
    begun = json.loads(making.read_text(encoding="utf-8")) if making.is_file() else None
    made = read_benchmark(output) if manifest.is_file() and begun is None else None
    before = made.settings if made else begun
    if before is not None:
        check_settings(output, before, settings)
    elif output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise DatasetError(f"{output}: exists and holds no benchmark; choose another folder")
    if made is None:
        (output / "scenes").mkdir(parents=True, exist_ok=True)
        write_atomic(making, json.dumps(settings, indent=1) + "\n")
    return made


def _material_sha256(material: Material) -> str:
    parts = [part for label in material.labels for part in (*material.photos[label], *material.sounds[label])]
    return content_sha256(*parts, *material.backgrounds)
