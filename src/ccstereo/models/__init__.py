"""Networks: one file a paper, the parts they share, and their weights."""

from ccstereo.models.base import BinauralModel
from ccstereo.models.ccstereo import CCStereo, CCStereoConfig
from ccstereo.models.config import ModelConfig
from ccstereo.models.importers import fetch_imagenet_resnet18, import_checkpoint, load_imagenet_trunk
from ccstereo.models.mono2binaural import Mono2Binaural, Mono2BinauralConfig
from ccstereo.models.output import BinauralOutput
from ccstereo.models.reconfigure import with_config
from ccstereo.models.registry import create_model, list_models, register_model
from ccstereo.models.weights import list_weights, load_model, save_model

__all__ = [
    "BinauralModel",
    "BinauralOutput",
    "CCStereo",
    "CCStereoConfig",
    "ModelConfig",
    "Mono2Binaural",
    "Mono2BinauralConfig",
    "create_model",
    "fetch_imagenet_resnet18",
    "import_checkpoint",
    "list_models",
    "list_weights",
    "load_imagenet_trunk",
    "load_model",
    "register_model",
    "save_model",
    "with_config",
]
