"""The kinds of scenes the benchmark is made of, each a row, and one such scene in sound and frames."""

from dataclasses import dataclass, replace

import numpy as np

from ccstereo.evaluation.facts import SceneFacts, SourceFacts
from ccstereo.scenes import (
    HRIRSet,
    Material,
    Room,
    Scene,
    render_frame,
    render_frames,
    render_sources,
    room_responses,
    sample_room,
    sample_scene,
)
from ccstereo.scenes.acoustics.rooms import DISTANCES
from ccstereo.scenes.placement.stage import with_offscreen

FRAME_RATE = 10.0  # frames a second of scenes that move
FIRST_ROOM = 20_000  # seed of the benchmark's first room: training's and validation's are below
_DEEP = 2**23  # steps of 24-bit samples
_LOUDEST = 0.99
_BED_DECIBELS = (-12.0, -6.0)


@dataclass(frozen=True)
class Row:
    """What the scenes of a row are like; see `sample_scene`.

    Attributes:
        sources: in view.
        silent: of them.
        moving: whether they wander.
        min_azimuth: degrees that sounding sources keep from the middle.
        room: whether scenes are in rooms, each its own.
        same_class: whether all sources in view are of one class.
        offscreen: sources of other classes that sound out of view, on either side or behind.
        bed: sources of other classes that sound at both ears alike, quieter than those in view, as music does.
        unknown: whether scenes are made of classes that no training had.
    """

    sources: int
    silent: int = 0
    moving: bool = False
    min_azimuth: float = 0.0
    room: bool = False
    same_class: bool = False
    offscreen: int = 0
    bed: int = 0
    unknown: bool = False


ROWS: dict[str, Row] = {
    "one": Row(1, min_azimuth=15.0),
    "two": Row(2),
    "two, one silent": Row(2, silent=1, min_azimuth=15.0),
    "two, moving": Row(2, moving=True),
    "one, room": Row(1, min_azimuth=15.0, room=True),
    "two, room": Row(2, room=True),
    "two alike, one silent": Row(2, silent=1, min_azimuth=15.0, same_class=True),
    "one, music": Row(1, min_azimuth=15.0, bed=2),
    "off screen": Row(2, silent=2, offscreen=1),
    "unknown class": Row(1, min_azimuth=15.0, unknown=True),
}
USUAL_ROWS = ("one", "two", "two, one silent", "two, moving", "one, room", "two, room")
"""Rows of a benchmark that asks for none."""


def scene_id(row: str, index: int) -> str:
    """Name a scene's folder.

    >>> scene_id("two, one silent", 7)
    'two-one-silent-0007'
    """
    return f"{row.replace(', ', '-').replace(' ', '-')}-{index:04d}"


def render_scene(
    material: Material, head: HRIRSet, row: str, index: int, seconds: float, seed: int = 0
) -> tuple[SceneFacts, np.ndarray, np.ndarray]:
    """Make one scene of the benchmark.

    Scenes of one index have one seed: those of "one" and "one, room" differ by the room alone. Sources out of view come
    last in sound and facts.

    Args:
        material: held-out photos, sounds and backgrounds.
        head: ears of the truth, at the material's rate.
        row: one of `ROWS`.
        index: of the scene in its row.
        seconds: length.
        seed: of the scene with index 0; the others follow.

    Returns:
        What is known of it; its sound (S, 2, T) float32, each source alone at both ears, in steps of 24 bits; its
        frames (N, H, W, 3) uint8, `FRAME_RATE` a second, one where nothing moves.

    Raises:
        DatasetError: pyroomacoustics is missing for a row in rooms, or the material has too few classes.
    """
    kind = ROWS[row]
    scene = sample_scene(
        material,
        seed + index,
        duration=seconds,
        sources=kind.sources,
        silent=kind.silent,
        moving=kind.moving,
        min_azimuth=kind.min_azimuth,
        same_class=kind.same_class,
    )
    scene = _with_unseen(scene, material, kind)
    room = sample_room(FIRST_ROOM + seed + index) if kind.room else None
    every = (*scene.sources, *scene.offscreen)
    distances = _distances(room, scene) if room else [None] * len(every)
    facts = SceneFacts(
        scene_id(row, index),
        row,
        seed + index,
        tuple(
            SourceFacts(source.label, tuple(source.azimuths.tolist()), source.sound is None, distance)
            for source, distance in zip(every, distances, strict=True)
        ),
        room,
    )
    whole = replace(scene, sources=every)
    sound = render_sources(whole, material, _in_room(room, head, facts) if room else head).astype(np.float64)
    if kind.bed:
        sound[len(scene.sources) :] = sound[len(scene.sources) :].mean(1, keepdims=True)
    sound *= min(1.0, _LOUDEST / max(float(np.abs(sound).max()), 1e-9))  # levels mean nothing, clipping would
    sound = np.round(sound * _DEEP) / _DEEP + 0.0  # which makes -0 into the 0 that a file gives back
    frames = (
        render_frame(scene, material)[None] if scene.still else render_frames(scene, material, (240, 480), FRAME_RATE)
    )
    return facts, sound.astype(np.float32), frames


def _with_unseen(scene: Scene, material: Material, kind: Row) -> Scene:
    """Add what sounds out of view; music is in the middle."""
    rng = np.random.default_rng([scene.seed, *b"unseen"])
    if kind.offscreen:
        scene = with_offscreen(scene, material, kind.offscreen, rng, decibels=(0.0, 0.0))
    if kind.bed:
        scene = with_offscreen(scene, material, kind.bed, rng, decibels=_BED_DECIBELS)
        scene = replace(scene, offscreen=tuple(replace(source, path=(0.5,)) for source in scene.offscreen))
    return scene


def ears_of(head: HRIRSet) -> HRIRSet:
    """Return the directions of a head among which an azimuth is sought: those nearest to each degree in front."""
    indices = list(dict.fromkeys(head.nearest_index(float(azimuth)) for azimuth in range(-90, 91)))
    return replace(head, directions=head.directions[indices], responses=head.responses[indices])


def _distances(room: Room, scene: Scene) -> list[float]:
    rng = np.random.default_rng([room.seed, *b"benchmark"])
    wanted = rng.uniform(*DISTANCES, len(scene.sources)).tolist()
    azimuths = [float(source.azimuths[0]) for source in scene.sources]
    return [min(want, room.reach(azimuth)) for want, azimuth in zip(wanted, azimuths, strict=True)]


def _in_room(room: Room, head: HRIRSet, facts: SceneFacts) -> HRIRSet:
    """The head in the room, at the sources' directions and distances alone."""
    azimuths = np.array([source.azimuths[0] for source in facts.sources])
    distances = np.array([source.distance for source in facts.sources])
    directions = np.stack([azimuths, np.zeros_like(azimuths)], axis=-1)
    return replace(head, directions=directions, responses=room_responses(room, head, azimuths, distances))
