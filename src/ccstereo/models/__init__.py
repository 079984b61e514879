"""Networks: one file a paper, the parts they share, and their weights."""

from ccstereo.locate import list_weights
from ccstereo.models.apnet import APNet, APNetConfig
from ccstereo.models.base import FusesFeatures, Prediction, SpatialModel
from ccstereo.models.ccstereo import CCStereo, CCStereoConfig
from ccstereo.models.config import ModelConfig
from ccstereo.models.cost import Cost, cost_of
from ccstereo.models.imagenet import fetch_imagenet_resnet18, load_imagenet_trunk
from ccstereo.models.importing import Release, import_checkpoint, register_release, released_models
from ccstereo.models.lite import CCStereoLite, LiteConfig
from ccstereo.models.mono2binaural import Mono2Binaural, Mono2BinauralConfig
from ccstereo.models.morgado import Morgado, MorgadoConfig
from ccstereo.models.parida import AfterParida, ParidaConfig
from ccstereo.models.registry import create_model, list_models, model_source, register_model
from ccstereo.models.sagm import SAGM, SAGMConfig
from ccstereo.models.weights import load_model, save_model

__all__ = [
    "SAGM",
    "APNet",
    "APNetConfig",
    "AfterParida",
    "CCStereo",
    "CCStereoConfig",
    "CCStereoLite",
    "Cost",
    "FusesFeatures",
    "LiteConfig",
    "ModelConfig",
    "Mono2Binaural",
    "Mono2BinauralConfig",
    "Morgado",
    "MorgadoConfig",
    "ParidaConfig",
    "Prediction",
    "Release",
    "SAGMConfig",
    "SpatialModel",
    "cost_of",
    "create_model",
    "fetch_imagenet_resnet18",
    "import_checkpoint",
    "list_models",
    "list_weights",
    "load_imagenet_trunk",
    "load_model",
    "model_source",
    "register_model",
    "register_release",
    "released_models",
    "save_model",
]
