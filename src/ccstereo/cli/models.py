"""`ccstereo models`: architectures and weights that can be run."""

import argparse

from ccstereo.cli.options import Subparsers


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "models",
        description="List the architectures and the embedded weights.",
        epilog="examples:\n  ccstereo models\n  ccstereo binauralize clip.mp4 --weights ccstereo-lite.stage\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print one line a model and one a set of weights."""
    from ccstereo.models import create_model, list_models, list_weights, load_model

    print("models (ccstereo train --model.model NAME):")
    for name in list_models():
        model = create_model(name)
        height, width = model.config.frame_size
        millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
        print(f"  {name:<20} {millions:5.1f} M parameters, frames of {width}x{height}")
    print("weights (ccstereo binauralize --weights NAME):")
    for name in list_weights():
        print(f"  {name:<20} a {load_model(name).name}")
    return 0
