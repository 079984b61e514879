"""`ccstereo prepare yt360`: 360 degree videos with ambisonic sound, rendered for two ears or kept."""

import argparse
from pathlib import Path

from ccstereo.cli.options import Parser, Subparsers, count
from ccstereo.cli.preparing import add_set, run_prepare

EXAMPLES = """examples:
  ccstereo prepare yt360 videos/ --lists spatialaudiogen/meta/subsets --sofa CIPIC_subject_003.sofa -o prepared/yt360
  ccstereo prepare yt360 videos/ --lists spatialaudiogen/meta/subsets --set yt-clean -o prepared/yt-clean
  ccstereo prepare yt360 videos/ --lists meta/subsets --decoder magls --sofa KEMAR.sofa -o prepared/yt360-magls
  ccstereo prepare yt360 videos/ --lists meta/subsets --sound foa -o prepared/yt360-foa      ambisonics as they are

Videos are brought by you, named after their YouTube ids; see docs/data/yt360.md. The decoders are compared in
docs/ambisonics.md.
"""


def add_yt360(sets: Subparsers) -> None:
    """Add the kind of set."""
    about = "YT-MUSIC, YT-CLEAN, YT-ALL and REC-STREET: 360 degree videos with first-order ambisonics."
    parser = add_set(sets, "yt360", about, EXAMPLES, lambda options: run(options, parser))
    parser.add_argument("input", type=Path, metavar="VIDEOS", help="folder of <youtube id>.mp4 and the like")
    parser.add_argument(
        "--lists", type=Path, required=True, metavar="DIR", help="spatialaudiogen's meta/subsets, with YT-All.lst"
    )
    parser.add_argument(
        "--set",
        dest="names",
        action="append",
        choices=("rec-street", "yt-all", "yt-clean", "yt-music"),
        help="which lists; may be given several times (default: all)",
    )
    parser.add_argument(
        "--sound",
        choices=("binaural", "foa"),
        default="binaural",
        help="render for two ears, or keep ambisonics, which training and scoring render (default: binaural)",
    )
    parser.add_argument(
        "--decoder",
        choices=("projection", "pseudo-inverse", "magls"),
        default="projection",
        help="from ambisonics to two ears (default: projection, as in the published scores)",
    )
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="measured head (default: a spherical one)")
    parser.add_argument(
        "--unresampled-head",
        dest="resample_head",
        action="store_false",
        help="take the head's responses as if they were at 16 kHz, as PseudoBinaural's code does",
    )
    parser.add_argument(
        "--yaw", type=float, default=0.0, metavar="DEG", help="turn sound and frames to the left (default: 0)"
    )
    parser.add_argument(
        "--channel-order", choices=("acn", "aac-5.1", "fuma"), help="of the files (default: by codec and channels)"
    )
    parser.add_argument(
        "--projections", type=Path, metavar="FILE", help="ids with their projection, where it is not to be detected"
    )
    parser.add_argument("--seconds", type=count, default=10, metavar="S", help="length of a clip (default: 10)")


def run(options: argparse.Namespace, parser: Parser) -> int:
    """Prepare the videos."""
    if options.sound == "foa" and (options.sofa or options.decoder != "projection"):
        parser.error("--decoder and --sofa go with --sound binaural; ambisonics are rendered when they are scored")
    from ccstereo.datasets.sources.yt360 import Rendering, yt360_set
    from ccstereo.datasets.sources.yt360_lists import SETS, yt360_folds

    names = tuple(dict.fromkeys(options.names or SETS))
    rendering = Rendering(
        options.sound,
        options.decoder,
        options.sofa,
        options.resample_head,
        options.yaw,
        options.channel_order,
        options.seconds,
        options.projections,
    )
    sources, unused, worker, info = yt360_set(options.input, options.lists, names, rendering)
    run_prepare(options, sources, worker, info, yt360_folds(options.lists, names), unused)
    return 0
