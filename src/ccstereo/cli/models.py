"""`ccstereo models`: architectures and weights that can be run."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from ccstereo.cli.options import Subparsers

if TYPE_CHECKING:
    from ccstereo.models import SpatialModel


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "models",
        description="List the architectures and the embedded weights.",
        epilog="examples:\n  ccstereo models\n  ccstereo binauralize clip.mp4 --weights ccstereo-lite.stage\n",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print one line a model and one a set of weights."""
    from ccstereo.models import list_models, list_weights
    from ccstereo.models.weights import CONFIG_NAME, EMBEDDED

    print("models (ccstereo train --model.model NAME):")
    for name in list_models():
        print(f"  {name:<20} {describe(_outline(name))}")
    print("weights (ccstereo binauralize --weights NAME):")
    for name in list_weights():
        saved = json.loads((EMBEDDED / name / CONFIG_NAME).read_text())
        print(f"  {name:<20} {describe(_outline(saved['model'], **saved['config']))}; a {saved['model']}")
    return 0


def describe(model: "SpatialModel") -> str:
    """Size, target and frames of a model."""
    config = model.config
    height, width = config.frame_size
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    clip = f"clips of {config.clip_frames} frames" if config.clip_frames > 1 else "frames"
    return f"{millions:5.1f} M parameters, {config.target}, {clip} of {width}x{height}"


def _outline(name: str, **config: Any) -> "SpatialModel":
    import torch

    from ccstereo.models import create_model

    with torch.device("meta"):  # neither memory nor time for weights
        return create_model(name, **config)
