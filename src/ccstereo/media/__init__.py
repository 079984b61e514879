"""Files: what a video holds, its sound and frames as a stream, and the video again with new sound."""

from ccstereo.media.containers import check_output, default_output
from ccstereo.media.create import write_video
from ccstereo.media.decode import AudioChunk, FrameChunk, MediaReader
from ccstereo.media.frames import read_frames
from ccstereo.media.mux import StereoWriter, open_writer
from ccstereo.media.probe import probe
from ccstereo.media.sound import read_channels, read_mono
from ccstereo.media.soundfiles import SoundWriter
from ccstereo.media.spherical import Detection, Projection, ToEquirectangular, detect_projection

__all__ = [
    "AudioChunk",
    "Detection",
    "FrameChunk",
    "MediaReader",
    "Projection",
    "SoundWriter",
    "StereoWriter",
    "ToEquirectangular",
    "check_output",
    "default_output",
    "detect_projection",
    "open_writer",
    "probe",
    "read_channels",
    "read_frames",
    "read_mono",
    "write_video",
]
