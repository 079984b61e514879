"""Train every row of the ablation, one after the other; rows that are done are skipped, a stopped one goes on.

    python tools/ablation.py --folder STAGE --sofa KEMAR.sofa --steps 1000 --seeds 1
    python tools/ablation.py --rows avad contrastive --seeds 1 2 3 --config ccstereo-stage --steps 100000

Options that this script does not know go to `ccstereo train`, those of all rows alike: `--data.room_share 0.3`.
Weights are written to OUTPUT/ROW-SEED/weights; in the end the commands that score them are printed.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

ROWS = ("mono2binaural", "baseline", "avad", "reconstruction", "contrastive")  # "+ TDSS" has the weights of baseline


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="of photos and sounds (default: drawn scenes)")
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="head (default: a spherical one)")
    parser.add_argument("--config", default="stage-ablation", help="what all rows share (default: stage-ablation)")
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="of each training (default: 1000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="one training each (default: 1)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help="(default: all)")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/ablation"), metavar="DIR")
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
    scored = {  # by option of ccstereo bench score
        "--no-tdss": [row for row in options.rows if row in ("mono2binaural", "baseline")],
        "": [row for row in options.rows if row != "mono2binaural"],
    }
    for option, rows in scored.items():
        weights = [str(options.output / f"{row}-{seed}" / "weights") for row in rows for seed in options.seeds]
        if weights:
            print(shlex.join(["ccstereo", "bench", "score", "BENCH", *option.split(), "--weights", *weights]))
    return 0


def train(row: str, seed: int, config: str, steps: int, more: list[str], folder: Path) -> int:
    """Train one row unless it is done; 0, or the exit status of the training."""
    wanted = {"row": row, "seed": seed, "config": config, "steps": steps, "more": more}
    record = folder / "ablation.json"
    if record.exists() and json.loads(record.read_text()) != wanted:
        print(f"{folder}: trained with other options; remove it, or choose another --output", file=sys.stderr)
        return 1
    if (folder / "weights" / "model.safetensors").exists():
        print(f"{folder}: done", flush=True)
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(wanted))
    command = [
        *(sys.executable, "-m", "ccstereo", "train", "--config", config, "--config", f"ablation/{row}"),
        *("--seed_everything", str(seed), "--data.seed", str(seed), "--trainer.max_steps", str(steps)),
        *("--trainer.default_root_dir", str(folder), *more),
        *(("--ckpt_path", "last") if (folder / "last.ckpt").exists() else ()),
    ]
    print(shlex.join(command[1:]), flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
