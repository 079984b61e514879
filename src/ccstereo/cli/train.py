"""`ccstereo train`: hands its arguments to Lightning's command line."""

import signal
import subprocess
import sys
from collections.abc import Sequence

from ccstereo.cli.options import Subparsers
from ccstereo.errors import CCStereoError

HELP = """usage: ccstereo train --config NAME_OR_FILE [--section.option VALUE ...]

Train a model. A config is a YAML file, or the name of one that comes with the package: lite-stage, ccstereo-stage,
mono2binaural, stage-ablation. Several are read in order, a later one on top. docs/training.md describes them.

examples:
  ccstereo train --config lite-stage                       synthetic scenes, a spherical head
  ccstereo train --config lite-stage --data.folder STAGE --data.sofa KEMAR.sofa
  ccstereo train --config lite-stage --data.path PREPARED  what ccstereo prepare or ccstereo shard wrote
  ccstereo train --config lite-stage --ckpt_path last      resume the newest run
  ccstereo train --config stage-ablation --config ablation/avad --trainer.default_root_dir runs/avad
  ccstereo train --config lite-stage --trainer.max_steps 100 --data.batch_size 8
  ccstereo train --config mine.yaml --import my_package    a model, loss term or data set of one's own: docs/extend.md
  ccstereo train --config lite-stage --sweep seed_everything=1,2,3 --sweep model.learning_rate=1e-3,5e-4
  ccstereo train --config lite-stage --print_config        every option and its value
  tensorboard --logdir runs                                watch it

A run writes to a folder of its own, runs/CONFIG/N or runs/SET/N, or to --trainer.default_root_dir, which must not hold
a run unless it is resumed or --overwrite is given. STAGE holds photos/<class>/*.jpg, sounds/<class>/*.ogg and
backgrounds/*.jpg. All options: ccstereo train --help-all, --model.help SpatialTask, --data.help StageData, --data.help
RecordedData
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand, for the list of commands; its arguments are read by Lightning."""
    commands.add_parser("train", help="train a model", add_help=False)


def run(arguments: Sequence[str]) -> int:
    """Train; without arguments, or asked for help, say how."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0 if arguments else 2
    try:
        from lightning.pytorch.utilities.exceptions import SIGTERMException

        from ccstereo.training.main import train
        from ccstereo.training.runs import can_resume
        from ccstereo.training.sweep import swept
    except ImportError as error:
        raise CCStereoError(f"training needs more packages ({error.name}); pip install 'ccstereo[train]'") from error
    if trainings := swept(arguments):
        return _each(trainings)
    try:
        train(["--help" if argument == "--help-all" else argument for argument in arguments])
    except (KeyboardInterrupt, SIGTERMException) as stop:
        how, status = ("interrupted", 130) if isinstance(stop, KeyboardInterrupt) else ("terminated", 143)
        kept = "the same command with --ckpt_path last resumes" if can_resume() else "there is no checkpoint yet"
        print(f"\nccstereo: {how}; {kept}", file=sys.stderr)
        return status
    return 0


def _each(trainings: "list[tuple[str, list[str]]]") -> int:
    """Train one after the other, each in a process of its own; stop at the first that fails or is stopped."""
    for number, (name, arguments) in enumerate(trainings, 1):
        print(f"training {number} of {len(trainings)}: {name}", flush=True)
        command = [sys.executable, "-m", "ccstereo", "train", *arguments]
        with subprocess.Popen(command) as training:
            try:
                status = training.wait()
            except KeyboardInterrupt:
                training.terminate()  # Ctrl-C has reached it, too: it saves once
                status = 128 + signal.SIGINT
        if status:
            return status
    return 0
