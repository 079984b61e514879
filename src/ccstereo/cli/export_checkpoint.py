"""`ccstereo export-checkpoint`: a checkpoint of one's own training becomes a weights folder."""

import argparse
from pathlib import Path

from ccstereo.cli.options import Subparsers

EXAMPLES = """examples:
  ccstereo export-checkpoint runs/lite-stage/1/best.ckpt -o weights/mine
  ccstereo binauralize clip.mp4 --weights weights/mine
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "export-checkpoint",
        description="Turn a checkpoint of ccstereo train, best.ckpt or last.ckpt, into a folder of weights. A training "
        "that ends does so by itself; this is for one that was stopped.",
        epilog=EXAMPLES,
    )
    parser.add_argument("checkpoint", type=Path, metavar="FILE", help="the .ckpt file")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the weights")
    parser.add_argument("--overwrite", action="store_true", help="replace the weights that DIR holds")
    parser.add_argument("--half", action="store_true", help="store half precision")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export and say where the weights are."""
    from ccstereo.models.weights import check_new_weights
    from ccstereo.training.weights import export_checkpoint

    check_new_weights(options.output, overwrite=options.overwrite)
    export_checkpoint(options.checkpoint, options.output, half=options.half)
    print(f"{options.output}: the weights; try ccstereo binauralize clip.mp4 --weights {options.output}")
    return 0
