"""`ccstereo plot`: the paper's figures, of scenes or videos, of trainings and of scores."""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Parser, Subparsers, add_model_options, between, count, make_binauralizer
from ccstereo.errors import CCStereoError

if TYPE_CHECKING:
    from ccstereo.binauralizer import Binauralizer
    from ccstereo.evaluation.figures import Shown

EXAMPLES = """examples:
  ccstereo plot spectrograms                            of a synthetic scene: truth, prediction, squared error
  ccstereo plot relevance --folder STAGE --sofa KEMAR.sofa -o relevance.svg
  ccstereo plot relevance clip.mp4 -o relevance.mp4     AVAD's relevance over a video's frames
  ccstereo plot azimuth                                 one moving source, and where it seems to be
  ccstereo plot training runs/lite-stage/1 runs/lite-stage/2
  ccstereo bench score stage-bench --json scores.json && ccstereo plot ablation scores.json
  ccstereo plot sweep scores/zeta=*                     folders of ccstereo evaluate
"""
CLIPS = {
    "spectrograms": "real and imaginary part of the difference: truth, prediction, squared error",
    "difference": "level of the difference's spectrogram: before, after, truth",
    "relevance": "AVAD's relevance and the fusion's attention over the frame; .mp4 lays it over the video",
    "cues": "level and time differences between the ears (ILD, ITD) over time",
    "azimuth": "where one moving source is, and where it seems to be",
    "level": "level of the left ear over the right one's over time (SAGM's curve)",
}
SECONDS = {"spectrograms": 2.0, "difference": 6.0, "relevance": 6.0, "cues": 6.0, "azimuth": 10.0, "level": 10.0}
SUFFIXES = (".png", ".svg", ".pdf")


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("plot", description="Draw a figure, as .png, .svg or .pdf.", epilog=EXAMPLES)
    kinds = parser.add_subparsers(title="kinds", metavar="KIND", required=True)
    for kind, line in CLIPS.items():
        clip = kinds.add_parser(kind, help=line, description=f"Draw {line}.")
        if kind != "azimuth":
            of = "any" if kind == "relevance" else "with two channels"
            clip.add_argument("input", type=Path, nargs="?", metavar="VIDEO", help=f"{of} (default: a scene)")
        clip.add_argument(
            "--folder", type=Path, metavar="DIR", help="photos/, sounds/, backgrounds/ (default: synthetic)"
        )
        clip.add_argument("--sofa", type=Path, metavar="FILE", help="measured head (default: a spherical one)")
        clip.add_argument("--seed", type=int, default=4, help="another scene (default: 4)")
        clip.add_argument(
            "--seconds",
            type=between(1, 300),
            default=SECONDS[kind],
            metavar="S",
            help=f"of the scene, or from the video's beginning (default: {SECONDS[kind]:g})",
        )
        sources = 1 if kind == "azimuth" else 2
        clip.add_argument("--sources", type=count, default=sources, metavar="N", help=f"1 to 3 (default: {sources})")
        _add_output(clip, kind, (*SUFFIXES, ".mp4") if kind == "relevance" else SUFFIXES)
        add_model_options(clip)
        clip.set_defaults(
            mono=kind == "relevance", run=lambda options, kind=kind, clip=clip: run_clip(options, kind, clip)
        )
    line = "what trainings have logged, over their steps"
    training = kinds.add_parser("training", help=line, description=f"Draw {line}.")
    training.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a training")
    training.add_argument("--names", nargs="+", metavar="NAME", help="such as train/loss (default: all)")
    _add_output(training, "training")
    training.set_defaults(run=run_training)
    line = "scores of systems, row by row, with their intervals"
    ablation = kinds.add_parser("ablation", help=line, description=f"Draw {line}.")
    ablation.add_argument(
        "scores", type=Path, nargs="+", metavar="FILE", help="of bench --json, or folders of evaluate"
    )
    ablation.add_argument("--score", default="stft", metavar="NAME", help="(default: stft)")
    _add_output(ablation, "ablation")
    ablation.set_defaults(run=run_ablation)
    line = "scores over the values of an option"
    sweep = kinds.add_parser("sweep", help=line, description=f"Draw {line}.")
    sweep.add_argument("scores", type=Path, nargs="+", metavar="NAME=VALUE", help="folders of evaluate, so named")
    sweep.add_argument(
        "--score", nargs="+", default=["stft", "env", "snr"], metavar="NAME", help="(default: stft env snr)"
    )
    _add_output(sweep, "sweep")
    sweep.set_defaults(run=run_sweep)


def _add_output(parser: argparse.ArgumentParser, kind: str, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    def file(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"must end in {', '.join(suffixes[:-1])} or {suffixes[-1]}, got {text}")
        return path

    help_text = f"{', '.join(suffixes)} (default: {kind}.png)"
    parser.add_argument("-o", "--output", type=file, default=Path(f"{kind}.png"), metavar="FILE", help=help_text)


def run_clip(options: argparse.Namespace, kind: str, parser: Parser) -> int:
    """Draw a figure of a scene or a video."""
    from ccstereo.evaluation.figures import OF_A_CLIP, relevance_video
    from ccstereo.media.containers import check_not_input

    if options.seed < 0 or options.sources > 3:
        parser.error("--seed must be at least 0, --sources at most 3")
    _check(options.output)
    if getattr(options, "input", None) is not None:
        check_not_input(options.input, options.output)
    binauralizer = make_binauralizer(options, parser)
    shown = _shown(options, binauralizer, kind)
    if options.output.suffix.lower() == ".mp4":
        relevance_video(shown, binauralizer, options.output)
        print(options.output)
        return 0
    return _save(OF_A_CLIP[kind](shown, binauralizer), options.output)


def _shown(options: argparse.Namespace, binauralizer: "Binauralizer", kind: str) -> "Shown":
    from ccstereo.evaluation.figures import show_scene, show_video
    from ccstereo.scenes import load_material, load_sofa, sample_scene, spherical_head, synthetic_material

    if getattr(options, "input", None) is not None:
        return show_video(binauralizer, options.input, options.seconds, mono=kind == "relevance")
    rate = binauralizer.config.sample_rate
    material = load_material(options.folder, "test", rate) if options.folder else synthetic_material("test", rate)
    head = load_sofa(options.sofa).resampled(rate) if options.sofa else spherical_head(rate)
    moving = kind in ("azimuth", "level", "cues", "relevance")
    scene = sample_scene(material, options.seed, duration=options.seconds, sources=options.sources, moving=moving)
    return show_scene(binauralizer, scene, material, head)


def run_training(options: argparse.Namespace) -> int:
    """Draw the curves of trainings."""
    from ccstereo.viz import plot_training

    if find_spec("tensorboard") is None:
        raise CCStereoError("plot training reads TensorBoard's logs: pip install 'ccstereo[train]'")
    from ccstereo.training.curves import heading, read_curves

    _check(options.output)
    runs = {}
    for folder in options.runs:
        curves = read_curves(folder)
        if unknown := [name for name in options.names or () if name not in curves]:
            raise CCStereoError(f"{folder}: has not logged {unknown[0]}; it has {', '.join(sorted(curves))}")
        shown = options.names or [name for name in curves if name != "epoch"]  # which says nothing beside the steps
        runs["/".join(folder.parts[-2:])] = {heading(name): curves[name] for name in shown}
    return _save(plot_training(runs), options.output)


def run_ablation(options: argparse.Namespace) -> int:
    """Draw the scores of an ablation."""
    from ccstereo.evaluation.figures import ablation

    _check(options.output)
    return _save(ablation(options.scores, options.score), options.output)


def run_sweep(options: argparse.Namespace) -> int:
    """Draw the curves of a sweep."""
    from ccstereo.evaluation.figures import sweep

    _check(options.output)
    return _save(sweep(options.scores, options.score), options.output)


def _check(path: Path) -> None:
    """Refuse, before any work is done, what could not be drawn or written at its end."""
    from ccstereo.evaluation.report import check_output

    if find_spec("matplotlib") is None:
        raise CCStereoError("figures need matplotlib: pip install 'ccstereo[viz]'")
    check_output(path)


def _save(figure: object, path: Path) -> int:
    from ccstereo.files import atomic_path
    from ccstereo.viz import save_figure

    with atomic_path(path) as temporary:
        save_figure(figure, temporary)  # type: ignore[arg-type]
    print(path)
    return 0
