"""Simulated scenes: pictures and sounds placed on a stage, with the truth of who is heard where."""

from ccstereo.scenes.drawn import drawn_material
from ccstereo.scenes.frames import render_frame, render_frames
from ccstereo.scenes.hrir import HRIRSet, load_sofa, spherical_head, spherical_head_delay
from ccstereo.scenes.material import Material, Split, load_material
from ccstereo.scenes.recording import Playing, Variety
from ccstereo.scenes.rooms import Room, room_responses, sample_room
from ccstereo.scenes.rooms_bank import RoomBank, room_bank
from ccstereo.scenes.scene import (
    Scene,
    Source,
    dry_sound,
    render_sources,
    sample_scene,
)
from ccstereo.scenes.spatialize import spatialize

__all__ = [
    "HRIRSet",
    "Material",
    "Playing",
    "Room",
    "RoomBank",
    "Scene",
    "Source",
    "Split",
    "Variety",
    "drawn_material",
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
]
