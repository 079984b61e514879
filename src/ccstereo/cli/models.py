"""`ccstereo models`: architectures and weights that can be run."""

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ccstereo.cli.options import Subparsers

if TYPE_CHECKING:
    from ccstereo.models import ModelConfig

HEAD = ("model", "parameters", "operations", "predicts", "frames", "source", "weights")
PREDICTS = {"mid-side": "l - r", "left-right": "l, r", "foa": "Y, Z, X"}


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "models",
        description="List the architectures and the embedded weights. Operations are those of a second of sound, "
        "convolutions and matrix products, in thousand millions, where every frame of a video differs.",
        epilog="examples:\n  ccstereo models\n  ccstereo binauralize clip.mp4 --weights ccstereo-lite.stage33\n",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print one line a model and one a set of weights."""
    from ccstereo.models import list_models

    models = [_line(name, name, _origin(name)) for name in list_models()]
    print("ccstereo train --model.model NAME:")
    print("\n".join(_aligned([HEAD, *models])))
    print("\nccstereo binauralize --weights NAME:")
    weights = [_line(name, saved["model"], "embedded", **saved["config"]) for name, saved in _embedded()]
    print("\n".join(_aligned([("weights", *HEAD[1:]), *weights])))
    return 0


def _line(shown: str, name: str, weights: str, **config: Any) -> tuple[str, ...]:
    import torch

    from ccstereo.models import cost_of, create_model, model_source

    cost = cost_of(name, **config)
    with torch.device("meta"):
        described = create_model(name, **config).config
    counts = (f"{cost.parameters / 1e6:.1f} M", f"{cost.per_second / 1e9:.0f} G/s")
    return (shown, *counts, PREDICTS[described.target], _frames(described), model_source(name) or "-", weights)


def _frames(config: "ModelConfig") -> str:
    height, width = config.frame_size
    clip = f"{config.clip_frames} of " if config.clip_frames > 1 else ""
    return f"{clip}{width}x{height}"


def _origin(name: str) -> str:
    """How one comes to weights of a model."""
    from ccstereo.models import released_models

    ways = [shown for shown, saved in _embedded() if saved["model"] == name]
    ways += ["import-checkpoint"] if name in released_models() else []
    return ", ".join(ways) or "train"


def _embedded() -> Iterator[tuple[str, dict[str, Any]]]:
    from ccstereo.locate import CONFIG_NAME, EMBEDDED, list_weights

    for name in list_weights():
        yield name, json.loads((EMBEDDED / name / CONFIG_NAME).read_text())


def _aligned(lines: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  " + "  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
