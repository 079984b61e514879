"""Options of a conversion that say what is read of the input, and how loud the output is."""

import argparse
from typing import Any

from ccstereo.cli.options import between, positive, read_value
from ccstereo.conversion import LARGEST_GAIN, LOWEST_CEILING, MIXDOWNS

FIELDS = (
    *("audio_track", "mixdown", "keep_bed", "start", "duration", "preview", "allow_truncated"),
    *("gain", "true_peak"),
)


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Add them; each is named after its field of `ConversionOptions`."""
    parser.add_argument(
        "--audio-track",
        type=_track,
        metavar="T",
        help="number from 1 on, 'all' to add them up, or a language such as deu (default: the file's default track; "
        "two mono tracks are one recording)",
    )
    parser.add_argument(
        "--mixdown",
        choices=MIXDOWNS,
        default="auto",
        help="how stereo and surround become mono (default: auto, the mean unless a channel is silent or both cancel)",
    )
    parser.add_argument("--keep-bed", action="store_true", help="add the input's own sides back in")
    parser.add_argument(
        "--start", type=_from_zero, default=0.0, metavar="S", help="begin there; with video at the key frame before"
    )
    parser.add_argument("--duration", type=positive, metavar="S", help="end so many seconds after --start")
    parser.add_argument("--preview", action="store_true", help="convert 30 s from the loudest part")
    parser.add_argument(
        "--allow-truncated", action="store_true", help="convert what is there of a file that is cut off"
    )
    parser.add_argument(
        "--gain",
        type=between(-LARGEST_GAIN, LARGEST_GAIN),
        default=0.0,
        metavar="DB",
        help="make the sound louder than the input's, or softer below 0",
    )
    parser.add_argument(
        "--true-peak",
        type=between(LOWEST_CEILING, 0),
        default=-1.0,
        metavar="DB",
        help="ceiling of a limiter, in dBTP (default: -1)",
    )


def input_fields(options: argparse.Namespace) -> dict[str, Any]:
    """What was given, as fields of `ConversionOptions`."""
    return {name: getattr(options, name) for name in FIELDS}


def _track(text: str) -> int | str:
    if not text:
        raise argparse.ArgumentTypeError("must be a number from 1 on, 'all' or a language")
    number = text.removeprefix("-")
    if not number.isdecimal():
        return text
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, 'all' or a language, got {text}")
    return int(text)


def _from_zero(text: str) -> float:
    return read_value(text, float, lambda value: 0 <= value < float("inf"), "a number of seconds, 0 or more")
