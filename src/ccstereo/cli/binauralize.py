"""`ccstereo binauralize`: videos in, the same videos with binaural sound out."""

import argparse
import glob
import json
import os
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ccstereo.cli.input_options import add_input_options, input_fields
from ccstereo.cli.options import (
    Subparsers,
    add_engine_option,
    add_model_options,
    between,
    count,
    make_binauralizer,
    model_arguments,
    renamed,
    source_name,
)
from ccstereo.cli.output_options import add_output_options, output_fields
from ccstereo.cli.progress import progress_bar
from ccstereo.errors import CCStereoError, MediaError

if TYPE_CHECKING:
    from ccstereo.conversion import ConversionOptions, ConversionReport

EXAMPLES = """examples:
  ccstereo binauralize clip.mp4
  ccstereo binauralize clip.mp4 -o out.mp4
  ccstereo binauralize film.mkv -o film.spatial.mkv --codec flac
  ccstereo binauralize clip.mp4 -o sound.wav --weights my-weights/
  ccstereo binauralize old.wmv -o old.mp4 --reencode
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
    what = (
        "any video with sound that FFmpeg reads, or the address of one; '-' is standard input; folders, whose videos "
        "are taken; quoted patterns such as 'a/*.mkv'"
    )
    parser.add_argument("inputs", nargs="+", type=source_name, metavar="IN", help=what)


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        type=source_name,
        metavar="OUT",
        help=".mp4, .m4v, .mov, .mkv, .webm; .wav, .flac: sound alone (default: IN with .binaural in its name, as .mkv "
        "where its kind cannot be written). Of several files or a folder: a folder",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist; do again what is done")
    add_output_options(parser)


def _add_sound_options(parser: argparse.ArgumentParser) -> None:
    add_input_options(parser)
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


def conversion_options(options: argparse.Namespace, parser: argparse.ArgumentParser) -> "ConversionOptions":
    """How a file is converted; options that contradict each other are wrong usage of `parser`."""
    from ccstereo.conversion import ConversionOptions

    try:
        return ConversionOptions(side_gain=options.side_gain, **input_fields(options), **output_fields(options))
    except ValueError as error:
        parser.error(str(error))


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Convert one file, or many into a folder."""
    if not _is_many(options):
        return run_one(options, parser)
    from ccstereo.cli.binauralize_many import run_many
    from ccstereo.media import STANDARD

    if options.output in (None, STANDARD):
        parser.error("several files, folders and patterns need -o FOLDER")
    if Path(options.output).suffix.lower() in VIDEO_OR_SOUND and not Path(options.output).is_dir():
        parser.error(f"-o {options.output}: several files, folders and patterns need a folder, not a file")
    return run_many(options, parser, conversion_options(options, parser))


def _is_many(options: argparse.Namespace) -> bool:
    from ccstereo.media import LONGEST_NAME, as_source

    output = options.output or ""
    if len(options.inputs) > 1 or output.endswith(("/", os.sep)) or os.path.isdir(output):  # noqa: PTH112  (any text)
        return True
    path = as_source(options.inputs[0])
    if isinstance(path, str):  # an address may hold a question mark
        return False
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        return False
    return path.is_dir() or (glob.has_magic(options.inputs[0]) and not path.exists())


def run_one(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Convert one file."""
    from ccstereo.batch import Batch, Record, record_of
    from ccstereo.media import STANDARD, as_source, default_output, stored

    given = options.inputs[0]
    name = options.output or (STANDARD if given == STANDARD else str(default_output(as_source(given))))
    output = Path(name)
    if name == STANDARD and sys.stdout.isatty():
        parser.error("standard output is a terminal; name a file with -o")
    said = sys.stderr if name == STANDARD else sys.stdout
    conversion = conversion_options(options, parser)
    try:
        with stored(given) as source:
            seconds = _check(source, output, conversion, options.overwrite)
            binauralizer = make_binauralizer(options, parser)
            if options.dry_run:
                record = Record(given, name, seconds=seconds)
                line = json.dumps(asdict(record)) if options.json else f"convert {given} to {name} ({seconds:.1f} s)"
                print(line, file=said)
                return 0
            state = source.stat() if isinstance(source, Path) else None
            with progress_bar("s", Path(given).name, quiet=options.quiet) as progress:
                report = binauralizer.convert(source, name, conversion, progress=progress)
    except CCStereoError as error:
        if options.json:
            print(json.dumps(asdict(Record(given, name, "failed", error=str(error)))), file=said)
        raise
    report = replace(report, input=Path(given))
    if options.json:
        settings = Batch(model_arguments(options), conversion).settings()
        print(json.dumps(asdict(record_of(report, state, settings))), file=said)
    elif not options.quiet:
        _print_report(report, said)
    return 0


def _check(source: Path | str, output: Path, conversion: "ConversionOptions", overwrite: bool) -> float:
    """Say at once what is wrong with the files; returns the seconds of the input."""
    from ccstereo.batch import check_conversion
    from ccstereo.media import STANDARD, default_output

    if str(output) == STANDARD:
        with tempfile.TemporaryDirectory(prefix="ccstereo-") as folder:
            return check_conversion(source, Path(folder, f"output{default_output(source).suffix}"), conversion)
    seconds = check_conversion(source, output, conversion)
    if output.exists() and not overwrite:
        raise MediaError(f"{output}: exists already; --overwrite replaces it")
    return seconds


def _print_report(report: "ConversionReport", file: TextIO) -> None:
    begin = f", from {report.start:.2f} s on," if report.start else ""
    print(
        f"{report.output}: {report.duration:.1f} s{begin} in {report.elapsed:.1f} s ({report.speed:.1f} times real "
        f"time) on {report.runs_on}, side-to-mid ratio {report.side_to_mid:.2f}, {report.output_loudness:.1f} LUFS "
        f"(input {report.input_loudness:.1f}), true peak {report.true_peak:.1f} dBTP",
        file=file,
    )
    for note in report.notes:
        print(f"note: {note}", file=file)
