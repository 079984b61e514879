"""Trains weights from start to end by their recipe: one command, which resumes when it is given again.

    python research/recipes/train.py STAGE STAGE2 -o RUN [options of ccstereo train]

First the stage folders' files are compared with the list of splits, and put together with cut-out photos in
RUN/material; then the training runs in RUN/training, from its last checkpoint if it has one.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

RECIPE = Path(__file__).with_name("ccstereo-lite.stage33.yaml")
MAKE_MATERIAL = Path(__file__).parents[1] / "scripts" / "make_material.py"


def main() -> None:
    """Make the material where it is not there, then train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path, help="folder of eight classes, backgrounds and hrtf/")
    parser.add_argument("stage2", type=Path, help="folder of 25 more classes")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN")
    parser.add_argument("--recipe", type=Path, default=RECIPE, metavar="FILE", help="(default: %(default)s)")
    options, more = parser.parse_known_args()
    material = options.output / "material"
    if not (material / "splits.csv").is_file():
        made = subprocess.run(
            [sys.executable, MAKE_MATERIAL, options.stage, options.stage2, "-o", material], check=False
        )
        if made.returncode:
            sys.exit(made.returncode)
    command = [sys.executable, "-m", "ccstereo", "train", "--config", str(options.recipe), "--ckpt_path", "last"]
    command += ["--data.folder", str(material)]
    command += ["--data.sofa", str(options.stage / "hrtf" / "MIT_KEMAR_normal_pinna.sofa")]
    command += ["--trainer.default_root_dir", str(options.output / "training"), *more]
    os.execv(sys.executable, command)  # in the place of this process: Ctrl-C is for the training, which saves


if __name__ == "__main__":
    main()
