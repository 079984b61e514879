"""`ccstereo export`: weights become a folder that runs without PyTorch."""

import argparse
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.cli.options import Subparsers, count

if TYPE_CHECKING:
    from ccstereo.inference.quantize import Recorder
    from ccstereo.models import SpatialModel

EXAMPLES = """examples:
  ccstereo export -o exported --format openvino
  ccstereo export runs/mine/1/weights -o exported --format onnx
  ccstereo export -o exported8 --int8 --folder STAGE
  ccstereo binauralize clip.mp4 --weights exported8
  ccstereo bench score stage-bench-val --weights exported exported8     # what 8 bits cost, on more scenes
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "export",
        description="Turn weights into a folder of graphs for OpenVINO or ONNX Runtime, which every command that takes "
        "weights to run takes, too. `binauralize` does so by itself and keeps the result: this is for other programs, "
        "for machines without PyTorch, and for 8 bits.",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "weights", nargs="?", default=DEFAULT_WEIGHTS, metavar="WEIGHTS", help=f"(default: {DEFAULT_WEIGHTS})"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder that is not there")
    parser.add_argument("--format", choices=("openvino", "onnx"), default="openvino", help="(default: openvino)")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="8 bits for the encoder of frames, for OpenVINO: quicker and less exact; ranges are measured on simulated "
        "scenes of validation files, scores on others of them",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="STAGE", help="photos and sounds of those scenes (default: synthetic ones)"
    )
    parser.add_argument("--scenes", type=count, default=24, metavar="N", help="how many (default: 24)")
    parser.set_defaults(run=lambda options: run(options, parser))


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Export and say where the folder is."""
    if options.int8 and options.format != "openvino":
        parser.error("--int8 is for --format openvino")
    if options.folder is not None and not options.int8:
        parser.error("--folder is for --int8, whose ranges are measured on its scenes")
    if options.output.exists():
        parser.error(f"{options.output} is there already; give a folder that is not")
    from ccstereo.files import temporary_beside
    from ccstereo.inference.export import export_network
    from ccstereo.locate import weights_sha256
    from ccstereo.models import load_model

    model = load_model(options.weights)
    temporary = temporary_beside(options.output.absolute())
    try:
        export_network(model, temporary, options.format, weights_sha256=weights_sha256(options.weights))
        if options.int8:
            print(_quantize(model, temporary, options.folder, options.scenes))
        temporary.rename(options.output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"{options.output}: for {options.format}; try ccstereo binauralize clip.mp4 --weights {options.output}")
    return 0


def _quantize(model: "SpatialModel", network: Path, stage: Path | None, scenes: int) -> str:
    """Turn an exported network to 8 bits; return a table of what that costs and saves, which is kept in it, too."""
    from ccstereo.evaluation.exports import trials_table, try_networks
    from ccstereo.inference.backends import open_exported
    from ccstereo.inference.exported import read_exported, write_exported
    from ccstereo.inference.quantize import quantize_network

    with tempfile.TemporaryDirectory(prefix="ccstereo-") as folder:
        exact = shutil.copytree(network, Path(folder) / "float32")
        quantize_network(network, calibration(model, stage, scenes).asked)
        backends = {"float32": open_exported(exact), "int8": open_exported(network)}
        found = try_networks(backends, stage, range(scenes, 2 * scenes))
        del backends  # which have the files open
    scores = {name: asdict(trial) for name, trial in found.items()}
    write_exported(replace(read_exported(network), scores=scores), network)
    return trials_table(found)


def calibration(model: "SpatialModel", stage: Path | None, scenes: int) -> "Recorder":
    """Run a model over simulated scenes; return what it was asked."""
    from ccstereo.binauralizer import Binauralizer
    from ccstereo.evaluation.exports import simulated_clips
    from ccstereo.inference import make_backend
    from ccstereo.inference.quantize import Recorder

    rate, recorder = model.config.sample_rate, Recorder(make_backend(model))
    binauralizer = Binauralizer(recorder)
    for truth, frames in simulated_clips(rate, stage, range(scenes)):
        binauralizer.spatialize(truth.mean(0), rate, frames)
    return recorder
