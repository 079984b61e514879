"""The streaming core: push samples and frames, pull binaural sound. It touches no files."""

from ccstereo.inference.fuse import encoding_groups, fused_for_inference
from ccstereo.inference.precision import PRECISIONS, precision_pays
from ccstereo.inference.stream import BinauralStream

__all__ = ["PRECISIONS", "BinauralStream", "encoding_groups", "fused_for_inference", "precision_pays"]
