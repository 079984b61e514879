"""`ModelConfig`, which lies one folder up: whatever runs a network needs it, and nothing of size is loaded for it."""

from ccstereo.config import HOP as HOP
from ccstereo.config import ModelConfig as ModelConfig
