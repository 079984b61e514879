"""Simulated scenes: pictures and sounds placed on a stage, with the truth of who is heard where."""

from ccstereo.scenes.acoustics.hrir import HRIRSet, load_sofa, spherical_head, spherical_head_delay
from ccstereo.scenes.acoustics.room_bank import RoomBank, room_bank
from ccstereo.scenes.acoustics.rooms import Room, room_responses, sample_room
from ccstereo.scenes.acoustics.spatialize import spatialize
from ccstereo.scenes.augmentation import AudioAugmentation, AudioEffect
from ccstereo.scenes.frames import render_frame, render_frames
from ccstereo.scenes.material import Material, Split, load_material
from ccstereo.scenes.scene import (
    Scene,
    Source,
    dry_sound,
    render_sources,
    sample_scene,
)
from ccstereo.scenes.synthetic.material import synthetic_material

__all__ = [
    "AudioAugmentation",
    "AudioEffect",
    "HRIRSet",
    "Material",
    "Room",
    "RoomBank",
    "Scene",
    "Source",
    "Split",
    "dry_sound",
    "load_material",
    "load_sofa",
    "render_frame",
    "render_frames",
    "render_sources",
    "room_bank",
    "room_responses",
    "sample_room",
    "sample_scene",
    "spatialize",
    "spherical_head",
    "spherical_head_delay",
    "synthetic_material",
]
