"""Networks: one file a paper, the parts they share, and their weights."""

from ccstereo.models.base import BinauralModel
from ccstereo.models.ccstereo import CCStereo, CCStereoConfig
from ccstereo.models.config import ModelConfig
from ccstereo.models.output import BinauralOutput
from ccstereo.models.registry import create_model, list_models, register_model

__all__ = [
    "BinauralModel",
    "BinauralOutput",
    "CCStereo",
    "CCStereoConfig",
    "ModelConfig",
    "create_model",
    "list_models",
    "register_model",
]
