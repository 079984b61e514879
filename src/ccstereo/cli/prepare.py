"""`ccstereo prepare`: raw data sets, or anyone's own videos, brought into the one prepared layout."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Parser, Subparsers, count
from ccstereo.cli.prepare_yt360 import add_yt360
from ccstereo.cli.preparing import add_set, run_prepare, say
from ccstereo.cli.progress import progress_bar
from ccstereo.errors import DatasetError
from ccstereo.wording import counted

if TYPE_CHECKING:
    from ccstereo.datasets.prepared.format import ClipRow

EXAMPLES = """examples:
  ccstereo prepare folder my-videos/ -o prepared/mine           any videos with stereo sound
  ccstereo prepare fairplay FAIR-Play/ -o prepared/fairplay     FAIR-Play, downloaded before
  ccstereo prepare music videos/ --ids ids.txt -o prepared/music
  ccstereo prepare --check prepared/mine                        read it all and list what is wrong
  ccstereo train --config lite-stage --data.path prepared/mine  what it is for

A run that was stopped resumes when the same command is given again, and ends with the same files.
What could not be used is listed at the end and in unused.jsonl. The layout is described in docs/data/layout.md.
"""
FOLDER_EXAMPLES = """examples:
  ccstereo prepare folder my-videos/ -o prepared/mine
  ccstereo prepare folder my-videos/ -o prepared/mine --jobs 8 --seconds 5
  ccstereo prepare folder films/ -o prepared/films --surround --sofa KEMAR.sofa    5.1 sound, rendered for two ears
"""
FAIRPLAY_EXAMPLES = """examples:
  ccstereo prepare fairplay FAIR-Play/ -o prepared/fairplay
  ccstereo prepare fairplay FAIR-Play/ -o prepared/fairplay --splits five/     with split1/train.txt and so on
  ccstereo prepare fairplay FAIR-Play/ -o prepared/fairplay --download         fetches 109 GB into FAIR-Play/ first
"""
MUSIC_EXAMPLES = """examples:
  ccstereo prepare music videos/ --ids ids.txt -o prepared/music
  ccstereo prepare music videos/ --ids MUSIC21_solo_videos.json -o prepared/music --jobs 8
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand and, under it, one for every kind of set."""
    parser = commands.add_parser(
        "prepare",
        description="Bring videos or a data set into one layout: 16 kHz sound, 10 frames a second, a table.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--check", metavar="SET", help="check a prepared set or shards, and do nothing else")
    sets = parser.add_subparsers(title="sets", metavar="SET", parser_class=Parser)
    _add_folder(sets)
    _add_fairplay(sets)
    _add_music(sets)
    add_yt360(sets)
    parser.set_defaults(run=lambda options: check(options, parser))


def _add_folder(sets: Subparsers) -> None:
    about = "Any folder of videos; those with true stereo sound are used."
    parser = add_set(sets, "folder", about, FOLDER_EXAMPLES, lambda options: folder(options, parser))
    parser.add_argument("input", type=Path, metavar="DIR", help="folder of videos, in any folders within")
    parser.add_argument("--seconds", type=count, default=10, metavar="S", help="length of a clip (default: 10)")
    parser.add_argument(
        "--surround", action="store_true", help="render 5.1 and 7.1 sound for two ears (else it is skipped)"
    )
    parser.add_argument(
        "--sofa", type=Path, metavar="FILE", help="measured head for --surround (default: a spherical one)"
    )


def _add_fairplay(sets: Subparsers) -> None:
    about = "FAIR-Play: binaural_audios/ with videos/ or extracted frames/, and its splits."
    parser = add_set(sets, "fairplay", about, FAIRPLAY_EXAMPLES, fairplay)
    parser.add_argument("input", type=Path, metavar="RAW", help="folder of the raw data")
    help_splits = "folder of folds, each a folder of {train,val,test}.h5 or .txt (default: RAW/splits)"
    parser.add_argument("--splits", type=Path, action="append", metavar="DIR", help=help_splits)
    parser.add_argument("--download", action="store_true", help="first fetch what is missing; resumes after a stop")
    parser.add_argument("--base-url", metavar="URL", help="where the archives are, if not at their publisher")


def _add_music(sets: Subparsers) -> None:
    parser = add_set(
        sets, "music", "MUSIC-Stereo: a folder of downloaded videos and a list of ids.", MUSIC_EXAMPLES, music
    )
    parser.add_argument("input", type=Path, metavar="VIDEOS", help="folder of <id>.mp4 and the like")
    parser.add_argument("--ids", type=Path, required=True, metavar="LIST", help="an id a line, or MUSIC's JSON")


def folder(options: argparse.Namespace, parser: Parser) -> int:
    """Prepare any folder of videos, and warn where the sound is ordinary stereo."""
    if options.sofa and not options.surround:
        parser.error("--sofa goes with --surround")
    from ccstereo.datasets.prepared.splits import default_fold
    from ccstereo.datasets.sources.folder import folder_set

    sources, copies, worker, info = folder_set(options.input, options.seconds, options.surround, options.sofa)
    report = run_prepare(options, sources, worker, info, default_fold, copies)
    _warn_of_ordinary(report.rows)
    _warn_of_few(report.rows)
    return 0


def fairplay(options: argparse.Namespace) -> int:
    """Prepare FAIR-Play, downloaded first if that is asked for."""
    from ccstereo.datasets.sources.fairplay import ARCHIVES, BASE_URL, CLIPS, fairplay_folds, fairplay_set, only_present

    if options.download:
        from ccstereo.datasets.sources.download import fetch_archives, space_needed

        waiting = [item for item in ARCHIVES if not (options.input / f".{item.name}.unpacked").exists()]
        say(
            options, f"{options.input}: download and unpacking take up to {space_needed(waiting, options.input):.0f} GB"
        )
        with progress_bar("B", "download", quiet=options.quiet) as progress:
            fetch_archives(ARCHIVES, options.base_url or BASE_URL, options.input, progress)
    sources, missing, worker, info = fairplay_set(options.input)
    folds, faulty = fairplay_folds(options.splits or [options.input / "splits"])
    report = run_prepare(options, sources, worker, info, only_present(folds), [*missing, *faulty])
    if len(report.rows) != CLIPS:
        say(options, f"note: {counted(len(report.rows), 'clip')}; the whole of FAIR-Play has {CLIPS}")
    if not report.folds:
        say(options, "note: no fold was found; give a folder of them with --splits")
    return 0


def music(options: argparse.Namespace) -> int:
    """Prepare MUSIC-Stereo."""
    from ccstereo.datasets.prepared.splits import default_fold
    from ccstereo.datasets.sources.music import music_set

    sources, missing, worker, info = music_set(options.input, options.ids)
    report = run_prepare(options, sources, worker, info, default_fold, missing)
    _warn_of_ordinary(report.rows)
    return 0


def check(options: argparse.Namespace, parser: Parser) -> int:
    """Check a prepared set; status 1 if anything is wrong with it."""
    if options.check is None:
        parser.error("name a kind of set to prepare, or --check SET")
    from ccstereo.datasets.prepared.check import check_set
    from ccstereo.datasets.shards.reader import open_set

    with progress_bar("clip", "check") as progress:
        faults = check_set(open_set(options.check), progress)
    for fault in faults:
        print(fault)
    if faults:
        raise DatasetError(f"{options.check}: {len(faults)} fault{'s' * (len(faults) > 1)} found")
    print(f"{options.check}: whole")
    return 0


def _warn_of_few(rows: "list[ClipRow]") -> None:
    if len({row.source for row in rows}) > 1:
        return
    if len(rows) == 1:
        reason = "a single clip leaves nothing to validate on; add videos, or cut shorter clips with --seconds"
    else:
        reason = "all clips are of one file, so they are split by time: val and test sound like train; add videos"
    print(f"warning: {reason}", file=sys.stderr)


def _warn_of_ordinary(rows: "list[ClipRow]") -> None:
    from ccstereo.datasets.sources.folder import ordinary_sources

    found = ordinary_sources(rows)
    if found:
        names = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        sources = len({row.source for row in rows})
        print(
            f"warning: {len(found)} of {sources} files sound like ordinary stereo, not binaural: hardly anything "
            f"reaches one channel later than the other ({names}); a model learns panning from them",
            file=sys.stderr,
        )
