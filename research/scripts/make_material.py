"""Puts the stage folders together into one, with cut-out photos beside whole ones and the split of every file.

    python research/scripts/make_material.py STAGE STAGE2 -o MATERIAL

`ccstereo train --data.folder MATERIAL` and `ccstereo bench --folder MATERIAL` take it. Files are links; their checksums
are compared with the list of splits first. Given again, it resumes.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from make_splits import check, files
from PIL import Image

from ccstereo.files import atomic_path, write_atomic
from ccstereo.jobs import map_items
from ccstereo.scenes.cut_out import foreground
from ccstereo.scenes.material import read_photo

LARGEST = (288, 192)  # (width, height) of a cut-out: patches of a 480x240 frame are up to 180 high
SEARCHED = (192, 128)  # (width, height) at which the outline is sought: twice as large takes four times as long
WIDEST = 3.0  # of width and height of a cut-out: a flute a third of the frame high is wider than the frame
SPLITS = Path(__file__).parents[1] / "splits" / "stage33.csv"


def main() -> int:
    """Make the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", type=Path, nargs="+", metavar="STAGE", help="folders that the list of splits is of")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--splits", type=Path, default=SPLITS, metavar="FILE", help="(default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that cut out (default: 1)")
    options = parser.parse_args()
    if faults := check(options.splits, options.stages):
        print("\n".join(faults[:10]), file=sys.stderr)
        return 1
    there = {name: path for stage in options.stages for name, path in files(stage).items()}
    for name, path in there.items():
        link = options.output / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(path.resolve())
    pairs = [
        (path, options.output / "cutouts" / Path(name).relative_to("photos").with_suffix(".png"))
        for name, path in there.items()
        if name.startswith("photos/")
    ]
    found = map_items(cut_out, [pair for pair in pairs if not done(pair[1]).exists()], options.jobs)
    for number, _ in enumerate(found, start=1):
        if number % 100 == 0:
            print(f"{number} photos cut out", flush=True)
    with options.splits.open(newline="", encoding="utf-8") as file:
        lines = ["file,split", *(f"{row['file']},{row['split']}" for row in csv.DictReader(file))]
    write_atomic(options.output / "splits.csv", "\n".join(lines) + "\n")  # last: the folder is whole
    print(f"{sum(target.exists() for _, target in pairs)} of {len(pairs)} photos are cut out, too")
    return 0


def cut_out(pair: tuple[Path, Path]) -> None:
    """Write what stands before a photo's background, cropped to it, where it can be told from it."""
    path, target = pair
    target.parent.mkdir(parents=True, exist_ok=True)
    photo = read_photo(path, LARGEST).convert("RGB")
    small = photo.copy()
    small.thumbnail(SEARCHED)
    found = foreground(np.asarray(small))
    if found is not None:
        alpha = Image.fromarray(found).resize(photo.size, Image.Resampling.BICUBIC)
        photo.putalpha(alpha)
        rows, columns = (np.flatnonzero((np.asarray(alpha) > 127).any(axis)) for axis in (1, 0))
        cropped = photo.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
        if 1 / WIDEST <= cropped.width / cropped.height <= WIDEST:
            with atomic_path(target) as temporary:
                cropped.save(temporary, format="PNG")
    done(target).touch()


def done(target: Path) -> Path:
    """Marks a photo that was looked at, cut out or not."""
    return target.with_name(f".{target.stem}")


if __name__ == "__main__":
    sys.exit(main())
