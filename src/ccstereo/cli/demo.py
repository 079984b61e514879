"""`ccstereo demo`: a scene whose truth is known, made binaural from its mono mix."""

import argparse
from pathlib import Path

from ccstereo.cli.options import Subparsers, add_model_options, between, make_binauralizer

EXAMPLES = """examples:
  ccstereo demo
  ccstereo demo -o somewhere --seed 3
  ccstereo demo --folder STAGE --sofa KEMAR.sofa     photos and recordings, a measured head
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "demo",
        description="Render a ten-second scene with two moving sources, make its mono mix binaural, and score it.",
        epilog=EXAMPLES,
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"), metavar="DIR", help="(default: demo)")
    parser.add_argument("--seed", type=int, default=4, help="another scene (default: 4)")
    parser.add_argument(
        "--seconds", type=between(1, 300), default=10.0, metavar="S", help="length of the scene (default: 10)"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="photos/, sounds/ and backgrounds/ (default: synthetic)"
    )
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="measured head (default: a spherical one)")
    add_model_options(parser)
    parser.set_defaults(run=lambda options: run(options, parser))


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Render, convert, score and write."""
    from ccstereo.demo import run_demo

    if options.seed < 0:
        parser.error("--seed must be at least 0")
    binauralizer = make_binauralizer(options, parser)
    for line in run_demo(
        binauralizer, options.output, options.seed, options.seconds, folder=options.folder, sofa=options.sofa
    ):
        print(line)
    return 0
