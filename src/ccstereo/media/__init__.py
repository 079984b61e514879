"""Files: what a video holds, its sound and pictures as a stream, and the video again with new sound."""

from ccstereo.media.decode import AudioChunk, FrameChunk, MediaReader
from ccstereo.media.probe import AudioInfo, MediaInfo, VideoInfo, probe
from ccstereo.media.sound import read_mono

__all__ = [
    "AudioChunk",
    "AudioInfo",
    "FrameChunk",
    "MediaInfo",
    "MediaReader",
    "VideoInfo",
    "probe",
    "read_mono",
]
