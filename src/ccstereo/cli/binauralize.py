"""`ccstereo binauralize`: videos in, the same videos with binaural sound out."""

import argparse
import glob
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import (
    Subparsers,
    add_engine_option,
    add_model_options,
    between,
    count,
    make_binauralizer,
    model_arguments,
    renamed,
)
from ccstereo.cli.progress import progress_bar
from ccstereo.errors import CCStereoError, MediaError

if TYPE_CHECKING:
    from ccstereo.conversion import ConversionOptions

EXAMPLES = """examples:
  ccstereo binauralize clip.mp4
  ccstereo binauralize clip.mp4 -o out.mp4
  ccstereo binauralize film.mkv -o film.spatial.mkv --codec flac
  ccstereo binauralize clip.mp4 -o sound.wav --weights my-weights/
  ccstereo binauralize clip.mp4 --side-gain 0.7     # nearer to mono than predicted
  ccstereo binauralize clips/ -o spatial/           # every video of a folder; the same command resumes
  ccstereo binauralize A.mp4 B.mov clips/ 'more/*.mkv' -o spatial/ --jobs 4
  ccstereo binauralize clips/ -o spatial/ --recursive --dry-run
"""
VIDEO_OR_SOUND = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".wav", ".flac")


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "binauralize",
        description="Mix a video's sound to mono and make it binaural, guided by its frames, which are copied.",
        epilog=EXAMPLES,
    )
    _add_input_options(parser)
    _add_output_options(parser)
    add_model_options(parser)
    _add_sound_options(parser)
    renamed(parser, "--width", "--side-gain")
    _add_batch_options(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no report")
    parser.set_defaults(run=lambda options: run(options, parser))


def _add_input_options(parser: argparse.ArgumentParser) -> None:
    what = "any video with sound that FFmpeg reads; folders, whose videos are taken; quoted patterns such as 'a/*.mkv'"
    parser.add_argument("inputs", nargs="+", metavar="IN", help=what)


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help=".mp4, .m4v, .mov, .mkv, .webm; .wav, .flac: sound alone (default: IN with .binaural in its name, as .mkv "
        "where its kind cannot be written). Of several files or a folder: a folder",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist; do again what is done")
    parser.add_argument("--codec", metavar="C", help="aac, opus, flac or alac (default: by the output's suffix)")
    parser.add_argument("--bitrate", type=count, metavar="B", help="bits a second, for aac and opus")


def _add_sound_options(parser: argparse.ArgumentParser) -> None:
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


def _add_batch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recursive", action="store_true", help="look in the folders within folders, too")
    parser.add_argument(
        "--jobs",
        type=count,
        metavar="N",
        help="files at once, each with that fraction of the cores (default: 1; with --engine ray the cluster's cores)",
    )
    add_engine_option(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, what is skipped, and why")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for every file, not a report")


def conversion_options(options: argparse.Namespace) -> "ConversionOptions":
    """How a file is converted."""
    from ccstereo.conversion import ConversionOptions

    return ConversionOptions(options.codec, options.bitrate, options.gain, options.side_gain)


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Convert one file, or many into a folder."""
    if not _is_many(options):
        return run_one(options, parser)
    from ccstereo.cli.binauralize_many import run_many

    if options.output is None:
        parser.error("several files, folders and patterns need -o FOLDER")
    if Path(options.output).suffix.lower() in VIDEO_OR_SOUND and not Path(options.output).is_dir():
        parser.error(f"-o {options.output}: several files, folders and patterns need a folder, not a file")
    return run_many(options, parser, conversion_options(options))


def _is_many(options: argparse.Namespace) -> bool:
    output = options.output or ""
    if len(options.inputs) > 1 or output.endswith(("/", os.sep)) or Path(output or "-").is_dir():
        return True
    path = Path(options.inputs[0])
    return path.is_dir() or (glob.has_magic(options.inputs[0]) and not path.exists())


def run_one(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Convert one file."""
    from ccstereo.batch import Batch, Record, check_conversion, record_of
    from ccstereo.media import default_output

    source = Path(options.inputs[0])
    output = Path(options.output) if options.output else default_output(source)
    conversion = conversion_options(options)
    try:
        seconds = check_conversion(source, output, conversion)  # what is wrong with the files is said at once
        if output.exists() and not options.overwrite:
            raise MediaError(f"{output}: exists already; --overwrite replaces it")
        if options.dry_run:
            record = Record(str(source), str(output), seconds=seconds)
            print(json.dumps(asdict(record)) if options.json else f"convert {source} to {output} ({seconds:.1f} s)")
            return 0
        binauralizer = make_binauralizer(options, parser)
        state = source.stat()
        with progress_bar("s", source.name, quiet=options.quiet) as progress:
            report = binauralizer.convert(source, output, conversion, progress=progress)
    except CCStereoError as error:
        if options.json:
            print(json.dumps(asdict(Record(str(source), str(output), "failed", error=str(error)))))
        raise
    if options.json:
        settings = Batch(model_arguments(options), conversion).settings()
        print(json.dumps(asdict(record_of(report, state, settings))))
    elif not options.quiet:
        print(
            f"{report.output}: {report.duration:.1f} s in {report.elapsed:.1f} s ({report.speed:.1f} times real time), "
            f"side-to-mid ratio {report.side_to_mid:.2f}, peak {report.peak:.2f}"
        )
        for note in report.notes:
            print(f"note: {note}")
    return 0
