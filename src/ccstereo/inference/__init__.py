"""The streaming core: push samples and frames, pull binaural sound. It touches no files."""

from ccstereo.inference.stream import BinauralStream

__all__ = ["BinauralStream"]
