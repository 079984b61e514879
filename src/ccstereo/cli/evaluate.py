"""`ccstereo evaluate`: a model, or a folder of predictions, scored against a prepared set."""

import argparse
import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Subparsers, add_engine_option, add_model_options, count, positive
from ccstereo.cli.paper_table import add_paper_options, run_paper
from ccstereo.cli.progress import progress_bar
from ccstereo.errors import CCStereoError, DatasetError
from ccstereo.jobs import cores
from ccstereo.wording import counted

if TYPE_CHECKING:
    from ccstereo.evaluation import Oracle, PreparedItems, System

EXAMPLES = """examples:
  ccstereo evaluate prepared/fairplay --fold five-split1 -o scores/embedded
  ccstereo evaluate prepared/fairplay --fold five-split1 --weights runs/mine/1/weights -o scores/mine \\
    --compare scores/embedded
  ccstereo evaluate prepared/mine --predictions theirs/ -o scores/theirs      theirs/<clip id>.wav or .flac
  ccstereo evaluate prepared/mine --pan salient -o scores/panned              a baseline that learns nothing
  ccstereo evaluate prepared/mine -o scores/mine --figure scores.png --table clips.parquet
  ccstereo evaluate prepared/mine -o scores/mine --report mine.html           with clips to listen to
  ccstereo evaluate prepared/mine --normalize peak --wav sum -o scores/paper  as CCStereo's code prints its scores
  ccstereo evaluate prepared/foa --decoder magls --sofa KEMAR.sofa -o scores/foa  ambisonics, at these ears
  ccstereo evaluate prepared/fairplay --paper fairplay-five --runs runs/five -o scores/five   a paper's table
  ccstereo --import my_scores evaluate prepared/mine --scores stft mine -o scores/mine

A run that was stopped resumes when the same command is given again. -o DIR gets clips.csv (every clip), summary.md
(what is printed) and record.json. The scores are described in docs/metrics.md.
"""
SALIENT = "salient"
SPLITS = ("test", "val", "train", "all")


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "evaluate",
        description="Score a model, or a folder of predictions, against the true sound of a prepared set, next to "
        "mono (the floor) and the true mask (the ceiling).",
        epilog=EXAMPLES,
    )
    parser.add_argument("input", type=Path, metavar="PREPARED", help="set that ccstereo prepare has made")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--fold", default="", metavar="NAME", help="which fold (default: the only one)")
    parser.add_argument("--split", default="test", metavar="S", help=f"{', '.join(SPLITS)} (default: test)")
    parser.add_argument("--predictions", type=Path, metavar="DIR", help="score <clip id>.wav or .flac, not a model")
    pan = "score the mono track panned there, not a model: degrees, or salient for the most salient place of each frame"
    parser.add_argument("--pan", type=direction, metavar="A", help=pan)
    add_paper_options(parser)
    add_model_options(parser, scores=True)
    add_ears_options(parser)
    parser.add_argument("--scores", nargs="+", metavar="NAME", help="which, one's own among them (default: all)")
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
    parser.add_argument("--figure", type=figure, metavar="FILE", help="draw every clip: .png, .svg or .pdf")
    parser.add_argument("--report", type=page, metavar="FILE", help="one page of it all, with clips to play: .html")
    parser.add_argument("--table", type=Path, metavar="FILE", help="the scores of every clip, .csv or .parquet")
    parser.add_argument("--save-predictions", action="store_true", help="write the sound to DIR/predictions")
    add_jobs_option(parser)
    parser.add_argument("--seed", type=int, default=0, help="of intervals and tests (default: 0)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no report")
    parser.set_defaults(run=lambda options: run(options, parser))


def add_ears_options(parser: argparse.ArgumentParser, *, sofa: bool = True) -> None:
    """Add the options that say how ambisonics are rendered before they are scored."""
    parser.add_argument(
        "--decoder",
        choices=("projection", "pseudo-inverse", "magls"),
        default="projection",
        help="from ambisonics to the ears that are scored (default: projection)",
    )
    if sofa:
        parser.add_argument("--sofa", type=Path, metavar="FILE", help="its measured head (default: a spherical one)")


def add_jobs_option(parser: argparse.ArgumentParser) -> None:
    """Add --jobs, None where it is not given, see `jobs`; and --engine."""
    of = "the cores, with --engine ray those of the cluster; with a GPU 1"
    parser.add_argument("--jobs", type=count, metavar="N", help=f"processes (default: {of})")
    add_engine_option(parser)


def jobs(options: argparse.Namespace) -> int | None:
    """How many processes score: as asked for, else one a core, and one alone beside a GPU, which they would share.

    None leaves it to a cluster.
    """
    if options.jobs or options.engine == "ray":
        return None if options.jobs is None else int(options.jobs)
    return cores() if options.device == "cpu" else 1


def mask_bound(text: str) -> float:
    """Read a number above 0, inf included."""
    return math.inf if text == "inf" else positive(text)


def direction(text: str) -> float | str:
    """Read "salient", or an azimuth in degrees within the frame, positive to the left."""
    if text == SALIENT:
        return text
    try:
        azimuth = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be {SALIENT} or degrees, got {text!r}") from error
    if not abs(azimuth) <= 60:
        raise argparse.ArgumentTypeError(f"must be from -60 to 60 degrees, got {text}")
    return azimuth


def figure(text: str) -> Path:
    """Read the name of a figure."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"must end in .png, .svg or .pdf, got {text}")
    return path


def page(text: str) -> Path:
    """Read the name of a page."""
    path = Path(text)
    if path.suffix.lower() not in (".html", ".htm"):
        raise argparse.ArgumentTypeError(f"must end in .html, got {text}")
    return path


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Score all clips, print and write the tables."""
    if options.paper:
        return run_paper(options, parser, jobs(options))
    if options.runs:
        parser.error("--runs goes with --paper")
    from ccstereo.evaluation import Ears, Scoring, evaluate, finish, read_run, summarise, write_table
    from ccstereo.evaluation.evaluate import clips_of, titles
    from ccstereo.evaluation.page import write_page
    from ccstereo.evaluation.report import check_output, check_table, draw, versions
    from ccstereo.evaluation.scores import SCORES

    if options.seed < 0:
        parser.error("--seed must be at least 0")
    if unknown := [name for name in options.scores or () if name not in SCORES]:
        parser.error(f"no score {unknown[0]!r}; scores are {', '.join(SCORES)}")
    for name in ("figure", "report"):
        if getattr(options, name) and find_spec("matplotlib") is None:
            raise CCStereoError(f"--{name} needs matplotlib: pip install 'ccstereo[viz]'")
    for path in filter(None, (options.figure, options.table, options.report)):
        if path.absolute().parent != options.output.absolute():  # which the run makes
            check_output(path)
    if options.table:
        check_table(options.table)
    ears = Ears(options.decoder, options.sofa)
    clips, missing = chosen_clips(options)
    other = read_run(options.compare) if options.compare else None
    system, oracle = _system(options, parser, clips)
    with progress_bar("score", quiet=options.quiet) as progress:
        found = evaluate(
            clips,
            system,
            options.output,
            oracle=oracle,
            names=options.scores,
            scoring=Scoring(options.normalize, options.wav),
            ears=ears,
            jobs=jobs(options),
            engine=options.engine,
            save_predictions=options.save_predictions,
            compare=other,
            progress=progress,
        )
    modelless = options.predictions or options.pan is not None
    about = {} if modelless else {"device": options.device, "batch_size": options.batch_size}
    about = {**about, "jobs": jobs(options), "missing": missing}
    other_name = options.compare.name if options.compare else ""
    text = finish(found, options.output, other=other, other_name=other_name, seed=options.seed, about=about)
    if options.table:
        write_table(options.table, found)
    if options.figure:
        title = f"{system.name}: {clips_of(found)}"
        draw(found, summarise(found, options.seed), titles(found), options.figure, title)
    if options.report:
        write_page(
            options.report,
            found,
            summarise(found, options.seed),
            titles(found),
            headline=clips_of(found),
            items=clips,
            system=system,
            ears=ears,
            record={"settings": found.settings, "versions": versions(), "seed": options.seed, **about},
        )
    if not options.quiet:
        print(text)
        if missing:
            lacks = counted(missing, "clip")
            print(f"\nnote: the set lacks {lacks} of this split; do not compare with scores of all of it")
    return 0


def chosen_clips(options: argparse.Namespace) -> "tuple[PreparedItems, int]":
    """The clips that --fold and --split name, and how many these name that are not in the set.

    Raises:
        DatasetError: there are none, or several folds to choose from.
    """
    from ccstereo.cli.shard import renamed, wanted_splits
    from ccstereo.datasets.prepared.reader import PreparedSet
    from ccstereo.evaluation import PreparedItems

    prepared = PreparedSet(options.input)
    fold, split = renamed(prepared, options.fold, options.split)
    split = split or "test"  # a fold's name alone, as --split took it, is its test split
    if split not in SPLITS:
        raise DatasetError(f"no split {split!r}; use {', '.join(SPLITS)}")
    fold, found = wanted_splits(prepared, fold, split)
    ((split, clips),) = found.items()
    if not fold:
        return PreparedItems(prepared, split, tuple(clips)), 0
    listed = (prepared.folder / "splits" / fold / f"{split}.txt").read_text().split()
    return PreparedItems(prepared, f"{fold}/{split}", tuple(clips)), len(listed) - len(clips)


def _system(
    options: argparse.Namespace, parser: argparse.ArgumentParser, clips: "PreparedItems"
) -> "tuple[System, Oracle]":
    """What predicts, and the ceiling beside it."""
    from ccstereo.audio.targets import MID_SIDE
    from ccstereo.binauralizer import DEFAULT_WEIGHTS
    from ccstereo.datasets.prepared.format import SAMPLE_RATE
    from ccstereo.evaluation import Geometric, Oracle, Weights, read_files
    from ccstereo.evaluation.oracle import SIZES
    from ccstereo.inference.backends import warn_of_precision
    from ccstereo.inference.device import choose_device

    system: System
    try:
        if options.predictions or options.pan is not None:
            if options.weights != DEFAULT_WEIGHTS or (options.predictions and options.pan is not None):
                parser.error("--predictions, --pan and --weights exclude each other")
            config, target = SIZES, "foa" if clips.channels == 4 else MID_SIDE.name
            own_bound = 1.0
            if options.predictions:
                system = read_files(options.predictions, clips)
            else:
                system = Geometric(None if options.pan == SALIENT else options.pan, options.sofa)
        else:
            device = choose_device(options.device)
            warn_of_precision(options.precision, device)
            run = (options.hop, options.tdss, options.precision, device, options.batch_size)
            weights = Weights(
                options.weights, *run, backend=options.backend, adaptive=options.adaptive, fast=options.fast
            )
            weights.check_rate(SAMPLE_RATE)
            own_bound = weights.settings().get("mask_bound", 1.0)  # 1 where a network's last layer sets it
            config, system = weights.binauralizer().config, weights
            target = config.target
        bound = options.mask_bound or own_bound
        return system, Oracle(bound, options.hop or config.hop, target, config)
    except ValueError as error:
        parser.error(str(error))
