"""Train every row of the ablation, one after the other, score them on the stage benchmark and write the table.

    python research/scripts/ablation.py --folder STAGE --sofa KEMAR.sofa --steps 1000 --seeds 1 --bench stage-bench
    python research/scripts/ablation.py --rows avad contrastive --seeds 1 2 3 --config ccstereo-stage --steps 100000

Rows that are done are skipped, a stopped one resumes, and so do benchmark and scores. Options that this script does not
know go to `ccstereo train`, those of all rows alike: `--data.room_fraction 0.3`. Weights are written to
OUTPUT/ROW-SEED/weights; with --bench, which is made where it is not there, OUTPUT/table.md and OUTPUT/scores.json.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from trainings import DISTANCE, SIDES, Table, mean_over_seeds, train_once

from ccstereo import evaluation
from ccstereo.cli.progress import progress_bar
from ccstereo.metrics.statistics import estimate, ratio_of_means

ROWS = ("mono2binaural", "baseline", "avad", "reconstruction", "contrastive")
LINES = (  # title, row, whether TDSS is on: it is but another choice of crops, with the weights of the baseline
    ("Mono2Binaural", "mono2binaural", False),
    ("baseline", "baseline", False),
    ("+ TDSS", "baseline", True),
    ("+ AVAD", "avad", True),
    ("+ L_rec", "reconstruction", True),
    ("+ L_scl", "contrastive", True),
)
TABLES = (DISTANCE, *SIDES, Table("Azimuth error, degrees", "azimuth_error", 1))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="of photos and sounds (default: synthetic scenes)")
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="head (default: a spherical one)")
    parser.add_argument("--config", default="stage-ablation", help="what all rows share (default: stage-ablation)")
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="of each training (default: 1000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="one training each (default: 1)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help="(default: all)")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/ablation"), metavar="DIR")
    parser.add_argument("--bench", type=Path, metavar="DIR", help="score on this benchmark, and make it if need be")
    options, more = parser.parse_known_args()
    made = [
        f"--{kind}={Path(path).resolve()}"
        for kind in ("folder", "sofa")
        if (path := getattr(options, kind)) is not None
    ]
    more = [*(option.replace("--", "--data.", 1) for option in made), *more]
    for seed in options.seeds:  # seed by seed, so that whole tables are there early
        for row in options.rows:
            status = train(row, seed, options.config, options.steps, more, options.output / f"{row}-{seed}")
            if status:
                return status
    if options.bench:
        score(options)
    return 0


def train(row: str, seed: int, config: str, steps: int, more: list[str], folder: Path) -> int:
    """Train one row unless it is done; 0, or the exit status of the training."""
    wanted = {"row": row, "seed": seed, "config": config, "steps": steps, "more": more}
    command = [
        *(sys.executable, "-m", "ccstereo", "train", "--config", config, "--config", f"ablation/{row}"),
        *("--seed_everything", str(seed), "--data.seed", str(seed), "--trainer.max_steps", str(steps)),
        *("--trainer.default_root_dir", str(folder), *more),
        *(("--ckpt_path", "last") if (folder / "last.ckpt").exists() else ()),
    ]

    def start() -> int:
        print(shlex.join(command[1:]), flush=True)
        return subprocess.run(command, check=False).returncode

    return train_once(folder / "ablation.json", wanted, start)


def gains(run: evaluation.Run, pairs: Sequence[tuple[str, str]]) -> str:
    """What changes from one system to another on the same scenes, as a Markdown table with 95 % intervals.

    Args:
        run: of a stage benchmark.
        pairs: names of systems, the one before and the one after.

    Returns:
        Mean STFT distance after minus before, over mono's: below zero is a gain. Scenes are resampled in pairs.
    """
    rows = []
    for row in run.rows:
        for before, after in pairs:
            old, mono = run.column(before, "stft", row), run.column(before, "stft_mono", row)
            change = estimate(ratio_of_means, run.column(after, "stft", row) - old, mono)
            rows.append(evaluation.RowScore(row, f"{before} → {after}", len(old), {"change": change}))
    return evaluation.overview(rows, "change")


def score(options: argparse.Namespace) -> None:
    """Score all rows, and the embedded weights beside them, and write the tables."""
    jobs, origin = os.cpu_count() or 1, evaluation.Origin(options.folder, options.sofa)
    with progress_bar("scene") as progress:
        benchmark = evaluation.make_benchmark(options.bench, origin, jobs=jobs, progress=progress)
    trained = {
        title: [
            evaluation.Weights(
                str(options.output / f"{row}-{seed}" / "weights"), tdss=tdss, name=f"{title}, seed {seed}"
            )
            for seed in options.seeds
        ]
        for title, row, tdss in LINES
        if row in options.rows
    }
    embedded = evaluation.Weights()
    systems = {
        system.name: system
        for system in (
            evaluation.Mono(),
            *(weights for seeds in trained.values() for weights in seeds),
            embedded,
            embedded.oracle(),
        )
    }
    with progress_bar("score") as progress:
        run = evaluation.score(systems, benchmark, jobs=jobs, keep=options.output / "scores", progress=progress)
    means = mean_over_seeds(run, {title: [each.name for each in seeds] for title, seeds in trained.items()})
    order = [evaluation.Mono().name, *trained, embedded.name, embedded.oracle().name]
    means = replace(means, scores={name: means.scores[name] for name in order})
    rows, each = evaluation.summarise(means), evaluation.summarise(run)
    parts = [
        f"{evaluation.headline(benchmark)}; {options.steps} steps, seeds {', '.join(map(str, options.seeds))}",
        *(table.markdown(rows) for table in TABLES),
    ]
    if len(trained) > 1:
        changes = gains(means, list(pairwise(trained)))
        parts.append(f"## STFT distance over mono's: change on the same scenes\n\n{changes}")
    if len(options.seeds) > 1:
        by_seed = [row for row in each if row.system not in means.scores]
        parts.append(DISTANCE.markdown(by_seed, ", seed by seed"))
    text = "\n\n".join(parts) + "\n"
    (options.output / "table.md").write_text(text)
    content = evaluation.record(benchmark, systems, each)
    (options.output / "scores.json").write_text(json.dumps(content, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
