"""Options of a conversion that say what is written: codecs, and whose ears."""

import argparse
from typing import Any

from ccstereo.cli.options import count
from ccstereo.conversion import FORMATS

FIELDS = ("codec", "bitrate", "reencode", "format", "sofa")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add them; each is named after its field of `ConversionOptions`."""
    parser.add_argument(
        "--codec", metavar="C", help="aac, opus, flac, alac or pcm (24 bits) (default: by the output's suffix)"
    )
    parser.add_argument("--bitrate", type=count, metavar="B", help="bits a second, for aac and opus")
    parser.add_argument(
        "--reencode", action="store_true", help="encode the video anew, as H.264, where no container can hold a copy"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="binaural",
        help="foa: the ambisonics that some models predict, AmbiX (default: binaural)",
    )
    parser.add_argument(
        "--sofa",
        metavar="FILE",
        help="render ambisonics to the ears of a measured head (default: a sphere)",
    )


def output_fields(options: argparse.Namespace) -> dict[str, Any]:
    """What was given, as fields of `ConversionOptions`."""
    return {name: getattr(options, name) for name in FIELDS}
