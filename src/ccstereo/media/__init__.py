"""Files: what a video holds, its sound and frames as a stream, and the video again with new sound."""

from ccstereo.media.containers import LONGEST_NAME, SOUND_FILES, check_output, default_output
from ccstereo.media.create import write_video
from ccstereo.media.decode import AudioChunk, FrameChunk, MediaReader
from ccstereo.media.frames import read_frames
from ccstereo.media.mixing import Mixdown, open_played
from ccstereo.media.mux import StereoWriter, open_writer
from ccstereo.media.preview import plays_in_browsers, write_preview
from ccstereo.media.probe import probe
from ccstereo.media.selection import Selection, describe_sound, find_cut
from ccstereo.media.sound import read_channels, read_mono
from ccstereo.media.soundfiles import SoundWriter
from ccstereo.media.source import STANDARD, as_source, delivered, stored
from ccstereo.media.spherical import Detection, Projection, ToEquirectangular, detect_projection

__all__ = [
    "LONGEST_NAME",
    "SOUND_FILES",
    "STANDARD",
    "AudioChunk",
    "Detection",
    "FrameChunk",
    "MediaReader",
    "Mixdown",
    "Projection",
    "Selection",
    "SoundWriter",
    "StereoWriter",
    "ToEquirectangular",
    "as_source",
    "check_output",
    "default_output",
    "delivered",
    "describe_sound",
    "detect_projection",
    "find_cut",
    "open_played",
    "open_writer",
    "plays_in_browsers",
    "probe",
    "read_channels",
    "read_frames",
    "read_mono",
    "stored",
    "write_preview",
    "write_video",
]
