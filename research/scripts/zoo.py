"""Train every method on one footing, score them on a stage benchmark, and write the table.

    ccstereo bench make -o zoo-val --folder STAGE --sofa KEMAR.sofa --split val
    python research/scripts/zoo.py --folder STAGE --sofa KEMAR.sofa --steps 3000 --bench zoo-val
    python research/scripts/zoo.py --rows sagm sagm-adversarial --seeds 1 2 3 --folder STAGE --sofa KEMAR.sofa
    python research/scripts/zoo.py --rows sagm sagm-discriminator sagm-frozen sagm-adversarial    SAGM's experiments

Trainings that are done are skipped, a stopped one resumes, and so do scores. All share one cache of features, in
OUTPUT/cache. Options that this script does not know go to `ccstereo train`. Weights are in OUTPUT/ROW-SEED/weights;
with --bench, OUTPUT/table.md and OUTPUT/scores.json hold parameters, operations and scores with 95 % intervals of these
rows, beside mono, the mono track panned to what is most salient, the embedded weights and the oracle.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from ccstereo import evaluation
from ccstereo.cli.progress import progress_bar
from ccstereo.evaluation.report import cell, markdown
from ccstereo.models import Cost, cost_of
from ccstereo.models.weights import CONFIG_NAME

ROWS = {  # name: configs on top of zoo/stage
    "mono2binaural": ("zoo/mono2binaural",),
    "apnet": ("zoo/apnet",),
    "assoconv": ("zoo/assoconv",),
    "ccstereo": ("zoo/ccstereo",),
    "lite": ("zoo/lite",),
    "morgado": ("zoo/morgado",),
    "parida": ("zoo/parida",),
    "sagm": ("zoo/sagm",),
    "sagm-discriminator": ("zoo/sagm", "zoo/adversarial", "sagm/discriminator"),
    "sagm-frozen": ("zoo/sagm", "zoo/adversarial", "sagm/frozen"),
    "sagm-adversarial": ("zoo/sagm", "zoo/adversarial"),
}
STARTS = {"sagm-frozen": "sagm"}  # from whose weights of the same seed a row starts
UNSCORED = ("sagm-discriminator",)  # its generator is not trained
MORE_SCORES = ("mrstft", "spl")  # SAGM's own


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="of photos and sounds (default: synthetic scenes)")
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="head (default: a spherical one)")
    parser.add_argument("--steps", type=int, default=3000, metavar="N", help="of each training (default: 3000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="one training each (default: 1)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*ROWS], metavar="ROW", help="(default: all)")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/zoo"), metavar="DIR")
    parser.add_argument("--bench", type=Path, metavar="DIR", help="score on this benchmark, of ccstereo bench make")
    options, more = parser.parse_known_args()
    given = {"folder": options.folder, "sofa": options.sofa}
    stage = [f"--data.stage.{name}={Path(path).resolve()}" for name, path in given.items() if path is not None]
    for seed in options.seeds:  # seed by seed, so that whole tables are there early
        for row in options.rows:
            if status := train(row, seed, options.steps, [*stage, *more], options.output):
                return status
    if options.bench:
        score(options)
    return 0


def train(row: str, seed: int, steps: int, more: list[str], output: Path) -> int:
    """Train one row unless it is done; 0, or the exit status of the training."""
    folder = output / f"{row}-{seed}"
    wanted = {"row": row, "seed": seed, "steps": steps, "more": more}
    record = folder / "zoo.json"
    if record.exists() and json.loads(record.read_text()) != wanted:
        print(f"{folder}: trained with other options; remove it, or choose another --output", file=sys.stderr)
        return 1
    if (folder / "weights" / "model.safetensors").exists():
        print(f"{folder}: done", flush=True)
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(wanted))
    start = output / f"{STARTS[row]}-{seed}" / "weights" if row in STARTS else None
    command = [
        *(sys.executable, "-m", "ccstereo", "train", "--config", "zoo/stage"),
        *(part for config in ROWS[row] for part in ("--config", config)),
        *("--seed_everything", str(seed), "--trainer.max_steps", str(steps)),
        *("--data.folder", str(output / "cache"), "--trainer.default_root_dir", str(folder), *more),
        *(("--model.init", str(start)) if start else ()),
        *(("--ckpt_path", "last") if (folder / "last.ckpt").exists() else ()),
    ]
    print(shlex.join(command[1:]), flush=True)
    return subprocess.run(command, check=False).returncode


def score(options: argparse.Namespace) -> None:
    """Score all rows and write the table."""
    benchmark = evaluation.read_benchmark(options.bench)
    trained = [
        evaluation.Weights(str(options.output / f"{row}-{seed}" / "weights"), name=f"{row}, seed {seed}")
        for row in options.rows
        for seed in options.seeds
        if row not in UNSCORED
    ]
    weights = [*trained, evaluation.Weights()]
    ceilings = dict.fromkeys(each.oracle() for each in weights)
    systems = [evaluation.Mono(), evaluation.Geometric(sofa=options.sofa), *weights, *ceilings]
    named = {system.name: system for system in systems}
    names = (*benchmark.scores, *MORE_SCORES)
    with progress_bar("score") as progress:
        run = evaluation.score(
            named, benchmark, names=names, jobs=os.cpu_count() or 1, keep=options.output / "scores", progress=progress
        )
    rows = evaluation.summarise(run)
    costs = {system.name: cost(system.weights) for system in weights}
    text = f"{evaluation.headline(benchmark)}; {options.steps} steps\n\n{table(rows, costs)}\n"
    (options.output / "table.md").write_text(text)
    content = evaluation.record(benchmark, named, rows)
    (options.output / "scores.json").write_text(json.dumps(content, indent=1) + "\n")
    print(text)


def cost(weights: str) -> Cost:
    """What a model of these weights costs."""
    from ccstereo.models.weights import EMBEDDED

    folder = Path(weights) if Path(weights).is_dir() else EMBEDDED / weights
    saved = json.loads((folder / CONFIG_NAME).read_text())
    return cost_of(saved["model"], **saved["config"])


def table(rows: list[evaluation.RowScore], costs: dict[str, Cost]) -> str:
    """A line a row of the benchmark and a system."""
    head = ["scenes", "system", "parameters", "operations", "STFT / mono's", "MRSTFT", "SPL, dB", "louder ear right, %"]
    lines = []
    for row in rows:
        known = costs.get(row.system)
        size = (f"{known.parameters / 1e6:.1f} M", f"{known.per_second / 1e9:.0f} G/s") if known else ("-", "-")
        of = row.scores
        scores = (cell(of["stft_to_mono"], 3), cell(of["mrstft"], 3), cell(of["spl"], 1))
        lines.append([f"{row.row} ({row.items})", row.system, *size, *scores, cell(of["louder_ear"], 1, 100)])
    return markdown(head, lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
