"""`ccstereo import-checkpoint`: the authors' released files become a weights folder."""

import argparse
from pathlib import Path

from ccstereo.cli.options import Subparsers

EXAMPLES = """examples:
  ccstereo import-checkpoint ccstereo_split2.pth --model ccstereo -o weights/ccstereo
  ccstereo import-checkpoint visual_best.pth audio_best.pth --model mono2binaural -o weights/mono2binaural
  ccstereo import-checkpoint visual_best.pth audio_best.pth fusion_best.pth --model apnet -o weights/apnet
  ccstereo binauralize clip.mp4 --weights weights/ccstereo
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "import-checkpoint",
        description="Turn the authors' released checkpoint into a folder of weights. Pickled code is never run.",
        epilog=EXAMPLES,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="the .pth file, or all files of a set")
    parser.add_argument("--model", required=True, metavar="NAME", help="whose checkpoint it is")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the weights")
    parser.add_argument("--overwrite", action="store_true", help="replace the weights that DIR holds")
    parser.add_argument("--half", action="store_true", help="store half precision")
    parser.set_defaults(run=lambda options: run(options, parser))


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Import and say where the weights are."""
    from ccstereo.models import import_checkpoint, released_models
    from ccstereo.models.weights import check_new_weights

    if options.model not in released_models():
        parser.error(f"argument --model: no released {options.model!r}; there are {', '.join(released_models())}")
    check_new_weights(options.output, overwrite=options.overwrite)
    folder = import_checkpoint(options.files, options.model, options.output, half=options.half)
    print(f"{folder}: weights of {options.model}; try ccstereo binauralize clip.mp4 --weights {folder}")
    return 0
