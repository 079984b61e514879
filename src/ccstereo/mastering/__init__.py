"""What is done to sound before it is written: loudness and peaks; arrays in, arrays out."""

from ccstereo.mastering.ambisonic import AmbisonicFinisher
from ccstereo.mastering.finisher import Finisher
from ccstereo.mastering.limiter import Limiter
from ccstereo.mastering.loudness import BLOCK, BlockPowers, LoudnessMatcher, integrated_loudness

__all__ = ["BLOCK", "AmbisonicFinisher", "BlockPowers", "Finisher", "Limiter", "LoudnessMatcher", "integrated_loudness"]
