"""`ccstereo shard`: a prepared set as WebDataset shards, which training reads over the network."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Subparsers
from ccstereo.cli.progress import progress_bar
from ccstereo.errors import DatasetError
from ccstereo.wording import counted

if TYPE_CHECKING:
    from ccstereo.datasets.prepared.reader import PreparedSet

EXAMPLES = """examples:
  ccstereo shard prepared/mine -o shards/mine                              train, val and test
  ccstereo shard prepared/fairplay -o shards/fairplay1 --fold five-split1  those of one of several folds
  ccstereo shard prepared/mine -o shards/mine --split train --shard-size 1GB
  ccstereo train --config lite-stage --data.path shards/mine           or https://host/shards/mine

A run that was stopped resumes when the same command is given again, and ends with the same files.
The shards are described in docs/data/shards.md.
"""
SPLITS, ALL = ("train", "val", "test"), "all"
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "shard",
        description="Write a prepared set as tar shards (WebDataset) that training reads from a disk or the network.",
        epilog=EXAMPLES,
    )
    parser.add_argument("input", type=Path, metavar="PREPARED", help="folder of the prepared set")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder of the shards")
    parser.add_argument("--fold", default="", metavar="NAME", help="which fold (default: the only one)")
    what = "train, val, test, or all for all clips of the set (default: train, val and test)"
    parser.add_argument("--split", default="", metavar="S", help=what)
    parser.add_argument("--shard-size", type=size, default="256MB", metavar="B", help="of a shard (default: 256MB)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no report")
    parser.set_defaults(run=run)


def size(text: str) -> int:
    """Read a number of bytes such as 256MB or 1GiB; argparse names the option when it is none.

    >>> size("256MB"), size("1.5 GiB")
    (256000000, 1610612736)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMG]i?)?B?", text)
    value = int(float(found[1]) * UNITS[(found[2] or "").replace("K", "k").replace("ki", "Ki")]) if found else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a size such as 256MB, got {text}")
    return value


def run(options: argparse.Namespace) -> int:
    """Write the shards of every split that is asked for."""
    from ccstereo.datasets.prepared.reader import PreparedSet
    from ccstereo.datasets.shards.write import write_shards

    prepared = PreparedSet(options.input)
    fold, splits = wanted_splits(prepared, *renamed(prepared, options.fold, options.split))
    for split, clips in splits.items():
        with progress_bar("B", split, quiet=options.quiet) as progress:
            index = write_shards(
                prepared,
                clips,
                options.output,
                split=split,
                fold=fold,
                shard_bytes=options.shard_size,
                progress=progress,
            )
        if not options.quiet:
            made = f"{counted(len(clips), 'clip')} in {counted(len(index.shards), 'shard')}"
            megabytes = sum(shard.bytes for shard in index.shards) / 1e6
            print(f"{options.output}: {split}: {made}, {megabytes:.1f} MB")
    return 0


def renamed(prepared: "PreparedSet", fold: str, split: str) -> tuple[str, str]:
    """Read the form NAME or NAME/train that --split had in earlier releases, with a warning.

    Raises:
        DatasetError: the split is none, nor the name of a fold.
    """
    name, _, last = split.rpartition("/")
    if split in ("", *SPLITS, ALL):
        return fold, split
    if fold or not {name, split} & set(prepared.folds()):
        raise DatasetError(f"{prepared}: no split {split!r}; use {', '.join(SPLITS)} or {ALL}")
    fold, split = (name, last) if last in SPLITS else (split, "")
    now = f"--fold {fold}" + f" --split {split}" * bool(split)
    print(f"warning: a fold in --split is deprecated; write {now}", file=sys.stderr)
    return fold, split


def wanted_splits(prepared: "PreparedSet", fold: str, split: str) -> tuple[str, dict[str, list[str]]]:
    """The fold, and the clips of its splits, that --fold and --split name.

    Raises:
        DatasetError: there is no such fold or split, it has no clips, or there are several folds to choose from.
    """
    if split == ALL:
        return "", {ALL: list(prepared.clips)}
    folds = prepared.folds()
    if not fold:
        if len(folds) != 1:
            known = ", ".join(folds) or "none; --split all takes all clips"
            raise DatasetError(f"{prepared}: has {len(folds)} folds ({known}); choose one with --fold NAME")
        fold = folds[0]
    found = {each: prepared.ids(fold, each) for each in SPLITS}
    chosen = {each: clips for each, clips in found.items() if clips and split in ("", each)}
    if not chosen:
        others = [f"--split {each}" for each, clips in found.items() if clips]
        hint = f"; {' and '.join(others)} {'has' if len(others) == 1 else 'have'}" if others else ""
        raise DatasetError(f"{prepared}: {'/'.join(filter(None, (fold, split)))} has no clips{hint}")
    return fold, chosen
