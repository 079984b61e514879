"""`ccstereo binauralize`: a video in, the same video with binaural sound out."""

import argparse
from pathlib import Path

from ccstereo.cli.options import Subparsers, add_model_options, between, count, make_binauralizer, renamed
from ccstereo.cli.progress import progress_bar

EXAMPLES = """examples:
  ccstereo binauralize clip.mp4
  ccstereo binauralize clip.mp4 -o out.mp4
  ccstereo binauralize film.mkv -o film.spatial.mkv --codec flac
  ccstereo binauralize clip.mp4 -o sound.wav --weights my-weights/
  ccstereo binauralize clip.mp4 --side-gain 0.7     # nearer to mono than predicted
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "binauralize",
        description="Mix a video's sound to mono and make it binaural, guided by its frames, which are copied.",
        epilog=EXAMPLES,
    )
    parser.add_argument("input", type=Path, metavar="IN", help="any video with sound that FFmpeg reads")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help=".mp4, .m4v, .mov, .mkv, .webm; .wav, .flac: sound alone (default: IN with .binaural in its name, as .mkv "
        "where its kind cannot be written)",
    )
    add_model_options(parser)
    parser.add_argument("--codec", metavar="C", help="aac, opus, flac or alac (default: by the output's suffix)")
    parser.add_argument("--bitrate", type=count, metavar="B", help="bits a second, for aac and opus")
    parser.add_argument(
        "--gain", type=between(-60, 60), default=0.0, metavar="DB", help="make the sound louder, or softer below 0"
    )
    parser.add_argument(
        "--side-gain",
        type=between(0, 2),
        default=1.0,
        metavar="X",
        help="factor of the difference between both ears: 0 mono, 1 as predicted, up to 2 (default: 1)",
    )
    renamed(parser, "--width", "--side-gain")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no report")
    parser.set_defaults(run=lambda options: run(options, parser))


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Convert one file."""
    from ccstereo.conversion import ConversionOptions
    from ccstereo.media import check_output, default_output, probe

    output = options.output or default_output(options.input)
    probe(options.input, require_video=True, require_audio=True)  # what is wrong with the files is said at once
    check_output(options.input, output, codec=options.codec, bitrate=options.bitrate)
    binauralizer = make_binauralizer(options, parser)
    with progress_bar("s", options.input.name, quiet=options.quiet) as progress:
        report = binauralizer.convert(
            options.input,
            output,
            ConversionOptions(options.codec, options.bitrate, options.gain, options.side_gain),
            progress=progress,
        )
    if not options.quiet:
        print(
            f"{report.output}: {report.duration:.1f} s in {report.elapsed:.1f} s ({report.speed:.1f} times real time), "
            f"side-to-mid ratio {report.side_to_mid:.2f}, peak {report.peak:.2f}"
        )
        for note in report.notes:
            print(f"note: {note}")
    return 0
