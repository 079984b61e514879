"""Simulated scenes: photos and sounds placed on a stage, with the truth of what sounds from where."""

from ccstereo.scenes.acoustics.decoders import load_ears
from ccstereo.scenes.acoustics.hrir import HRIRSet, load_sofa, spherical_head, spherical_head_delay
from ccstereo.scenes.acoustics.room_bank import RoomBank, room_bank
from ccstereo.scenes.acoustics.rooms import Room, room_responses, sample_room
from ccstereo.scenes.acoustics.spatialize import spatialize
from ccstereo.scenes.augmentation import AudioAugmentation
from ccstereo.scenes.material import Material, Split, load_material
from ccstereo.scenes.placement.pseudobinaural import sample_pseudobinaural_scene
from ccstereo.scenes.placement.stage import SceneMix, sample_scene
from ccstereo.scenes.rendering import dry_sound, render_frame, render_frames, render_sources, render_unseen
from ccstereo.scenes.scene import Noise, Scene, Source
from ccstereo.scenes.synthetic.material import synthetic_material

__all__ = [
    "AudioAugmentation",
    "HRIRSet",
    "Material",
    "Noise",
    "Room",
    "RoomBank",
    "Scene",
    "SceneMix",
    "Source",
    "Split",
    "dry_sound",
    "load_ears",
    "load_material",
    "load_sofa",
    "render_frame",
    "render_frames",
    "render_sources",
    "render_unseen",
    "room_bank",
    "room_responses",
    "sample_pseudobinaural_scene",
    "sample_room",
    "sample_scene",
    "spatialize",
    "spherical_head",
    "spherical_head_delay",
    "synthetic_material",
]
