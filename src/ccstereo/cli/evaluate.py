"""`ccstereo evaluate`: a model, or a folder of predictions, scored against a prepared set."""

import argparse
import math
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Subparsers, add_model_options, count, make_binauralizer, positive
from ccstereo.cli.progress import progress_bar
from ccstereo.errors import CCStereoError

if TYPE_CHECKING:
    from ccstereo.datasets.prepared.reader import PreparedSet
    from ccstereo.evaluation import Predictor
    from ccstereo.models.config import ModelConfig

EXAMPLES = """examples:
  ccstereo evaluate prepared/fairplay --split five-split1 -o runs/embedded
  ccstereo evaluate prepared/fairplay --split five-split1 --weights weights/mine -o runs/mine --compare runs/embedded
  ccstereo evaluate prepared/mine --predictions theirs/ -o runs/theirs      theirs/<clip id>.wav or .flac
  ccstereo evaluate prepared/mine -o runs/mine --figure scores.png --table clips.parquet
  ccstereo evaluate prepared/mine --normalize peak --wav sum -o runs/paper  as CCStereo's code prints its scores

A run that was stopped goes on where it was when the same command is given again. -o DIR gets clips.csv (every clip),
summary.md (what is printed) and record.json. The scores are described in docs/metrics.md.
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "evaluate",
        help="score a model or predictions on a prepared set",
        description="Score a model, or a folder of predictions, against the true sound of a prepared set, next to "
        "mono (the floor) and the true mask (the ceiling).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="PREPARED", help="set that ccstereo prepare has made")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the run")
    what = "test, val or train of the only split, NAME/test, NAME, or all for all clips (default: test)"
    parser.add_argument("--split", default="test", metavar="S", help=what)
    parser.add_argument("--predictions", type=Path, metavar="DIR", help="score <clip id>.wav or .flac, not a model")
    add_model_options(parser)
    parser.add_argument("--compare", type=Path, metavar="RUN", help="folder of an earlier run on the same clips")
    parser.add_argument(
        "--normalize",
        choices=("none", "peak"),
        default="none",
        help="peak divides prediction and truth each by its own peak first, as papers do (default: none)",
    )
    parser.add_argument("--wav", choices=("mean", "sum"), default="mean", help="over the ears (default: mean)")
    bound = "largest part of the oracle's mask, or inf (default: that of the model; of predictions 1)"
    parser.add_argument("--mask-bound", type=mask_bound, metavar="B", help=bound)
    parser.add_argument("--figure", type=picture, metavar="FILE", help="draw every clip: .png, .svg or .pdf")
    parser.add_argument("--table", type=Path, metavar="FILE", help="the scores of every clip, .csv or .parquet")
    parser.add_argument("--save-predictions", action="store_true", help="write the sound to DIR/predictions")
    parser.add_argument(
        "--jobs",
        type=count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="clips at once (default: the cores, %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of intervals and tests (default: 0)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no report")
    parser.set_defaults(run=lambda options: run(options, parser))


def mask_bound(text: str) -> float:
    """Read a number above 0, inf included."""
    return math.inf if text == "inf" else positive(text)


def picture(text: str) -> Path:
    """Read the name of a picture."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"must end in .png, .svg or .pdf, got {text}")
    return path


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Score all clips, print and write the tables."""
    from ccstereo.datasets.prepared.reader import PreparedSet
    from ccstereo.evaluation import (
        Evaluation,
        Scoring,
        check_comparable,
        check_table,
        draw,
        evaluate,
        finish,
        read_run,
        summarise,
        write_table,
    )

    if options.seed < 0:
        parser.error("--seed must be at least 0")
    if options.figure and find_spec("matplotlib") is None:
        raise CCStereoError("--figure needs matplotlib: pip install 'ccstereo[viz]'")
    for path in filter(None, (options.figure, options.table)):
        if not path.absolute().parent.is_dir():
            raise CCStereoError(f"{path}: there is no folder {path.parent}; make it first")
    if options.table:
        check_table(options.table)
    prepared = PreparedSet(options.input)
    split, clips, missing = _part(prepared, options.split)
    other = read_run(options.compare) if options.compare else None
    predictor, config = _predictor(options, parser, prepared, clips)
    scoring = Scoring(options.normalize, options.wav)
    bound = options.mask_bound or getattr(config, "mask_bound", 1.0)  # 1 where a network's last layer sets it
    try:
        evaluation = Evaluation(prepared, split, clips, predictor, scoring, config, options.hop or config.hop, bound)
    except ValueError as error:
        parser.error(str(error))
    if other:
        check_comparable(other, evaluation.settings())
    with progress_bar("clip", quiet=options.quiet) as progress:
        found = evaluate(
            evaluation, options.output, jobs=options.jobs, save_predictions=options.save_predictions, progress=progress
        )
    about = {} if options.predictions else {"device": options.device, "batch_size": options.batch_size}
    text = finish(found, other, options.seed, {**about, "jobs": options.jobs, "missing": missing})
    if options.table:
        write_table(options.table, found)
    if options.figure:
        draw(found, summarise(found, options.seed), options.figure)
    if not options.quiet:
        print(text)
        if missing:
            print(f"\nnote: {missing} clips of this part are not in the set; do not compare with scores of all of it")
    return 0


def _part(prepared: "PreparedSet", text: str) -> tuple[str, list[str], int]:
    """Name in full of what --split names, its clips, and how many it names that are not in the set."""
    from ccstereo.cli.shard import wanted_parts
    from ccstereo.datasets.prepared.format import SPLITS

    # A split's name alone is its test part.
    name, parts = wanted_parts(prepared, text if text in (*SPLITS, "all") or "/" in text else f"{text}/test")
    ((part, clips),) = parts.items()
    if not name:
        return part, clips, 0
    listed = (prepared.folder / "splits" / name / f"{part}.txt").read_text().split()
    return f"{name}/{part}", clips, len(listed) - len(clips)


def _predictor(
    options: argparse.Namespace, parser: argparse.ArgumentParser, prepared: "PreparedSet", clips: list[str]
) -> "tuple[Predictor, ModelConfig]":
    """What predicts, and the sizes of its windows."""
    from ccstereo.binauralizer import DEFAULT_WEIGHTS
    from ccstereo.evaluation import FolderPredictor, ModelPredictor
    from ccstereo.models.config import ModelConfig
    from ccstereo.models.weights import weights_sha256

    if options.predictions:
        if options.weights != DEFAULT_WEIGHTS:
            parser.error("--predictions and --weights exclude each other")
        return FolderPredictor(prepared, clips, options.predictions), ModelConfig()
    binauralizer = make_binauralizer(options, parser)
    name = Path(options.weights).name if Path(options.weights).exists() else options.weights
    return (
        ModelPredictor(prepared, binauralizer, name, weights_sha256(options.weights)),
        binauralizer.model.config,
    )
