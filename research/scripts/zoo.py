"""Train every method on one footing, score them on a stage benchmark, and write the table.

    ccstereo bench make -o zoo-test --folder STAGE --sofa KEMAR.sofa --split test
    python research/scripts/zoo.py --folder STAGE --sofa KEMAR.sofa --steps 3000 --bench zoo-test
    python research/scripts/zoo.py --trainings sagm-1 sagm-2 apnet-1 --folder STAGE --sofa KEMAR.sofa
    python research/scripts/zoo.py --parallel 4 ...    four at a time, on one GPU

A training is a row and a seed; what comes first in the list matters most. Those that are done are skipped, a stopped
one resumes, and so do scores. All share caches of features in OUTPUT/cache, which are made first. Options that this
script does not know go to `ccstereo train`. Of each training OUTPUT/ROW-SEED holds log.txt, weights and scores. With
--bench, OUTPUT/table.md and OUTPUT/scores.json hold parameters, operations and scores with 95 % intervals of what is
scored by then, beside mono, the mono track panned to what is most salient, the embedded weights and the oracle; --page
docs/zoo.md puts the table there, too, with the speed of each method on one core.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pages import fill_page
from trainings import DISTANCE, SIDES, Table, mean_over_seeds, train_once

from ccstereo import Binauralizer, evaluation
from ccstereo.evaluation.report import markdown
from ccstereo.evaluation.runs import JOURNAL, read_scores
from ccstereo.files import write_atomic
from ccstereo.journal import read_journal
from ccstereo.models import Cost, cost_of, create_model
from ccstereo.training.configs import read_configs

ROWS = {  # name: configs on top of zoo/stage
    "sagm": ("zoo/sagm",),
    "sagm-adversarial": ("zoo/sagm", "zoo/adversarial"),
    "lite": ("zoo/lite",),
    "apnet": ("zoo/apnet",),
    "mono2binaural": ("zoo/mono2binaural",),
    "ccstereo": ("zoo/ccstereo",),
    "morgado": ("zoo/morgado",),
    "parida": ("zoo/parida",),
    "assoconv": ("zoo/assoconv",),
    "sagm-discriminator": ("zoo/sagm", "zoo/adversarial", "sagm/discriminator"),
    "sagm-frozen": ("zoo/sagm", "zoo/adversarial", "sagm/frozen"),
}
STARTS = {"sagm-frozen": "sagm"}  # from whose weights of the same seed a row starts
ENOUGH = 0.8  # of the scenes: a system whose scoring was stopped earlier stays out of the table
OF_THE_MACHINE = ("--data.stage.workers", "--trainer.enable_progress_bar", "--trainer.accelerator")  # may change
UNSCORED = ("sagm-discriminator",)  # its generator is not trained
THREE_SEEDS = ("sagm", "sagm-adversarial", "lite", "ccstereo")
PLAN = [*(f"{row}-1" for row in ROWS), *(f"{row}-{seed}" for seed in (2, 3) for row in THREE_SEEDS)]
INTERRUPTED = 130  # status of what Ctrl-C has stopped, which reaches all that is at work
STOPPED = threading.Event()
TABLES = (DISTANCE, *SIDES, Table("MRSTFT distance", "mrstft", 3), Table("SPL distance, dB", "spl", 1))
MORE_SCORES = ("mrstft", "spl")  # SAGM's own
SPEED_SECONDS = 3


@dataclass(frozen=True)
class Training:
    """A row and a seed.

    Attributes:
        name: ROW-SEED.
        output: folder of all trainings.
    """

    name: str
    output: Path

    @property
    def row(self) -> str:
        """Key of `ROWS`."""
        return self.name.rpartition("-")[0]

    @property
    def seed(self) -> str:
        """A number."""
        return self.name.rpartition("-")[2]

    @property
    def folder(self) -> Path:
        """Where it is trained."""
        return self.output / self.name

    @property
    def weights(self) -> Path:
        """Where its weights are going to be."""
        return self.folder / "weights"

    @property
    def done(self) -> bool:
        """Whether it is trained."""
        return (self.weights / "model.safetensors").exists()

    @property
    def start(self) -> "Training | None":
        """From whose weights it starts, if from any."""
        return Training(f"{STARTS[self.row]}-{self.seed}", self.output) if self.row in STARTS else None

    @property
    def configs(self) -> list[str]:
        """Its configs, a later one on top."""
        return ["zoo/stage", *ROWS[self.row]]

    @property
    def title(self) -> str:
        """As tables print it."""
        return f"{self.row}, seed {self.seed}"

    @property
    def model(self) -> dict[str, Any]:
        """The options of its task."""
        options: dict[str, Any] = read_configs(self.configs)["model"]["init_args"]
        return options

    @cached_property
    def shape(self) -> tuple[object, ...]:
        """What decides which cache of features it reads."""
        model = create_model(self.model["model"], **self.model["model_config"])
        return model.config.clip_frames, model.target.channels

    def arguments(self, more: Sequence[str]) -> list[str]:
        """Of `ccstereo train`."""
        return [
            *(part for config in self.configs for part in ("--config", config)),
            *("--seed_everything", self.seed, "--data.folder", str(self.output / "cache")),
            *("--trainer.default_root_dir", str(self.folder), *more),
            *(("--model.init", str(self.start.weights)) if self.start else ()),
            *(("--ckpt_path", "last") if (self.folder / "last.ckpt").exists() else ()),
        ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="of photos and sounds (default: synthetic scenes)")
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="head (default: a spherical one)")
    parser.add_argument("--steps", type=int, default=3000, metavar="N", help="of each training (default: 3000)")
    parser.add_argument(
        "--trainings", nargs="+", default=PLAN, metavar="ROW-SEED",
        help="in the order of their importance (default: all rows of seed 1, then two more seeds of four rows)",
    )  # fmt: skip
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="trainings at a time (default: 1)")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/zoo"), metavar="DIR")
    parser.add_argument("--bench", type=Path, metavar="DIR", help="score on this benchmark, of ccstereo bench make")
    parser.add_argument("--device", default="cpu", help="that scores (default: cpu)")
    parser.add_argument("--table", action="store_true", help="write the table of the scores that are there, no more")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table there as well, between its marks")
    parser.add_argument("--cache", action="store_true", help="make the features of the first training, no more")
    options, more = parser.parse_known_args()
    if unknown := [name for name in options.trainings if name.rpartition("-")[0] not in ROWS]:
        parser.error(f"no row {unknown[0]!r}: a training is ROW-SEED of the rows {', '.join(ROWS)}")
    trainings = [Training(name, options.output) for name in options.trainings]
    given = {"folder": options.folder, "sofa": options.sofa}
    stage = [f"--data.stage.{name}={Path(path).resolve()}" for name, path in given.items() if path is not None]
    more = ["--trainer.max_steps", str(options.steps), *stage, *more]
    if options.cache:
        return make_cache(trainings[0], more)
    failed = [] if options.table else run_all(trainings, options, more)
    if options.bench:
        write_table(trainings, options)
    if failed:
        print(f"failed: {', '.join(failed)}; see log.txt of each", file=sys.stderr)
    return bool(failed)


def run_all(trainings: list[Training], options: argparse.Namespace, more: list[str]) -> list[str]:
    """Make the caches, train and score, so many at a time; the names of those that failed."""
    caches: dict[tuple[object, ...], Training] = {}
    for each in trainings:
        if not each.done:
            caches.setdefault(each.shape, each)
    pool = ThreadPoolExecutor(options.parallel)
    try:
        made = {
            shape: pool.submit(run, each, [__file__, *sys.argv[1:], "--cache", "--trainings", each.name])
            for shape, each in caches.items()
        }
        jobs: dict[str, Future[int]] = {}
        for each in trainings:  # in this order: what one waits for is at work, or done, before it
            before = [] if each.done else [made[each.shape]]
            before += [jobs[each.start.name]] if each.start and each.start.name in jobs else []
            jobs[each.name] = pool.submit(train_and_score, each, options, more, before)
        if options.bench:  # meanwhile
            for name, system in baselines(options).items():
                score(name, system, options)
        return [name for name, job in jobs.items() if job.result()]
    finally:
        pool.shutdown(cancel_futures=True)


def train_and_score(
    training: Training, options: argparse.Namespace, more: list[str], before: Sequence[Future[int]]
) -> int:
    """Train one row unless it is done, and score it; 0, or the exit status of what failed, here or before."""
    if status := next(filter(None, (job.result() for job in before)), 0):
        return status
    command = ["-m", "ccstereo", "train", *training.arguments(more)]
    wanted = {"training": training.name, "more": without(OF_THE_MACHINE, more)}
    if status := train_once(training.folder / "zoo.json", wanted, lambda: run(training, command)):
        return status
    if options.bench and training.row not in UNSCORED:
        score(training.name, system_of(training, options), options)
    return 0


def without(names: Sequence[str], options: Sequence[str]) -> list[str]:
    """Options, given as NAME=VALUE or as NAME and VALUE, but for those of these names.

    >>> without(["--workers"], ["--workers", "4", "--items", "9", "--workers=2"])
    ['--items', '9']
    """
    left = [option for option in options if option.partition("=")[0] not in names or "=" not in option]
    gone = {i + more for i, option in enumerate(left) if option in names for more in (0, 1)}
    return [option for i, option in enumerate(left) if i not in gone]


def run(training: Training, command: list[str]) -> int:
    """Run Python with a training's log, unless all were stopped; its exit status."""
    if STOPPED.is_set():
        return INTERRUPTED
    training.folder.mkdir(parents=True, exist_ok=True)
    print(shlex.join(command), flush=True)
    begin = time.monotonic()
    with (training.folder / "log.txt").open("a") as log:
        status = subprocess.run([sys.executable, *command], check=False, stdout=log, stderr=log).returncode
    if status in (INTERRUPTED, -signal.SIGINT):
        STOPPED.set()
    print(f"{training.name}: {time.monotonic() - begin:.0f} s, status {status}", flush=True)
    return status


def make_cache(training: Training, more: list[str]) -> int:
    """Make the features that a training reads."""
    from ccstereo.training.main import parts_of

    parts_of(training.arguments(more)).datamodule.setup()
    return 0


def system_of(training: Training, options: argparse.Namespace) -> evaluation.Weights:
    """A training's weights, as they are scored."""
    return evaluation.Weights(str(training.weights), name=training.title, device=options.device)


def baselines(options: argparse.Namespace) -> dict[str, evaluation.System]:
    """What stands beside the rows, by the folder of its scores."""
    embedded = evaluation.Weights(device=options.device)
    return {
        "mono": evaluation.Mono(),
        "panned": evaluation.Geometric(sofa=options.sofa),
        "embedded": embedded,
        "oracle": embedded.oracle(),
    }


def score(name: str, system: evaluation.System, options: argparse.Namespace) -> None:
    """Score a system, unless its scores are there already, which are kept in a folder of its own."""
    benchmark = evaluation.read_benchmark(options.bench)
    names = (*benchmark.scores, *MORE_SCORES)
    begin = time.monotonic()
    jobs = os.cpu_count() if options.parallel == 1 else 2
    keep = options.output / name / "scores"
    evaluation.score({system.name: system}, benchmark, names=names, jobs=jobs, keep=keep)
    print(f"{name}: scored, {time.monotonic() - begin:.0f} s", flush=True)


def write_table(trainings: list[Training], options: argparse.Namespace) -> None:
    """Write the tables of all that is scored, means over seeds, and print them; no weights are needed."""
    benchmark = evaluation.read_benchmark(options.bench)
    names = {each.title: each.name for each in trainings}
    names |= {system.name: name for name, system in baselines(options).items()}
    run = scored_by_all(benchmark, {title: options.output / name / "scores" / JOURNAL for title, name in names.items()})
    if run is None:
        return
    methods: dict[str, list[Training]] = {}
    for each in trainings:
        if each.title in run.scores:
            methods.setdefault(each.row, []).append(each)
    seeds = {row: [each.title for each in of_row] for row, of_row in methods.items()}
    rows = evaluation.summarise(mean_over_seeds(run, seeds))
    several = [title for titles in seeds.values() if len(titles) > 1 for title in titles]
    by_seed = [row for row in evaluation.summarise(run) if row.system in several]
    models = {row: of_row[0].model for row, of_row in methods.items()}
    costs = {row: cost_of(model["model"], **model["model_config"]) for row, model in models.items()}
    speeds = {} if options.page is None else {row: speed_of(model) for row, model in models.items()}
    whole = len(benchmark.items)
    fewer = "" if len(run.items) == whole else f"; the {len(run.items)} of {whole} scenes that all have"
    parts = [
        f"{evaluation.headline(benchmark)}{fewer}; {options.steps} steps",
        f"## Size and speed\n\n{costs_table(costs, speeds)}",
        *(table.markdown(rows) for table in TABLES),
        *([DISTANCE.markdown(by_seed, ", seed by seed")] if by_seed else []),
    ]
    text = "\n\n".join(parts) + "\n"
    write_atomic(options.output / "table.md", text)
    if options.page is not None:
        fill_page(options.page, {"tables": text})
    write_atomic(options.output / "scores.json", json.dumps(evaluation.record(benchmark, {}, rows), indent=1) + "\n")
    print(text)


def scored_by_all(benchmark: evaluation.Benchmark, journals: Mapping[str, Path]) -> evaluation.Run | None:
    """Scores of the systems that have nearly all scenes, on the scenes that all of them have; None where none has."""
    scored = {title: scenes_of(path) for title, path in journals.items() if path.exists()}
    scored = {title: scenes for title, scenes in scored.items() if len(scenes) >= ENOUGH * len(benchmark.items)}
    items = {item: row for item, row in benchmark.items.items() if all(item in scenes for scenes in scored.values())}
    runs = [read_scores(journals[title], items, [title]) for title in scored]
    scores = {title: values for run in runs for title, values in run.scores.items()}
    return replace(runs[0], scores=scores) if runs else None


def scenes_of(journal: Path) -> set[str]:
    """Scenes that a system has scores of."""
    _, lines = read_journal(journal)
    return {line["item"] for line in lines}


def speed_of(model: Mapping[str, Any]) -> float:
    """Seconds of sound that a core predicts in a second with PyTorch, where every frame differs."""
    rng = np.random.default_rng(0)
    sound = 0.1 * rng.standard_normal(SPEED_SECONDS * 16_000).astype(np.float32)
    frames = rng.integers(0, 256, (SPEED_SECONDS * 10, 240, 480, 3), dtype=np.uint8)
    torch.set_num_threads(1)
    network = create_model(model["model"], **model["model_config"]).eval()
    binauralizer = Binauralizer(network, backend="torch")
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        binauralizer.spatialize(sound, 16_000, frames, 10.0)
        times.append(time.perf_counter() - begin)
    return SPEED_SECONDS / min(times)


def costs_table(costs: Mapping[str, Cost], speeds: Mapping[str, float]) -> str:
    """A line a method: parameters, operations of a second of sound, seconds of sound that a core predicts in one."""
    lines = []
    for name, cost in costs.items():
        speed = f"{speeds[name]:.1f}" if name in speeds else "-"
        lines.append([name, f"{cost.parameters / 1e6:.1f} M", f"{cost.per_second / 1e9:.0f} G/s", speed])
    return markdown(["system", "parameters", "operations", "speed"], lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
