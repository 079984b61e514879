"""Several trainings of one command: seeds, and values of options."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from ccstereo.errors import UsageError
from ccstereo.training.configs import RunParser

OPTION, FOLDER = "--sweep", "--trainer.default_root_dir"


def swept(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Every combination of what `--sweep NAME=VALUE,VALUE` names: a folder's name, and the arguments of its training.

    Args:
        arguments: of `ccstereo train`. Trainings write to folders named after their values, in
            `--trainer.default_root_dir` or `runs/sweep`; with `--ckpt_path last` each resumes its own.

    Returns:
        Nothing where there is no sweep.

    Raises:
        UsageError: a sweep is not NAME=VALUE,VALUE.

    >>> swept(["--sweep", "seed_everything=1,2"])[0]
    ('seed_everything=1', ['--seed_everything=1', '--trainer.default_root_dir=runs/sweep/seed_everything=1'])
    """
    parser = RunParser()
    parser.add_argument(OPTION, action="append", nargs="?", const="", default=[])
    parser.add_argument(FOLDER, default="runs/sweep")
    options, rest = parser.parse_known_args(arguments)
    axes = []
    for sweep in options.sweep:
        name, _, values = sweep.partition("=")
        if not name or not all(values.split(",")):
            raise UsageError(f"{OPTION} {sweep}: expected NAME=VALUE,VALUE, such as seed_everything=1,2,3")
        axes.append([(name.removeprefix("--"), value) for value in values.split(",")])
    root = Path(getattr(options, FOLDER.removeprefix("--")))
    trainings = []
    for chosen in product(*axes) if axes else ():
        folder = ",".join(f"{name.rpartition('.')[2]}={value}" for name, value in chosen)
        chosen_options = [f"--{name}={value}" for name, value in chosen]
        trainings.append((folder, [*rest, *chosen_options, f"{FOLDER}={root / folder}"]))
    return trainings
