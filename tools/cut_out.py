"""Cut the photos of a stage out of their backgrounds: a folder of the same layout whose photos are transparent around.

python tools/cut_out.py STAGE -o CUT              needs `pip install opencv-python-headless`
python tools/cut_out.py STAGE -o CUT --show 48    and a picture of some of them, CUT/cut_outs.jpg

What stands before the background is found by GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004), with nothing but
the photo's margin known. Where hardly anything or nearly everything remains, the photo stays whole. Cut-outs are PNG
files under the photos' own names, by which files go to training, validation and test; sounds and backgrounds are links.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from ccstereo.datasets.sources.simulated.patches import read_photo
from ccstereo.scenes.material import PICTURE_SUFFIXES

MARGIN = 0.04  # of the photo's sides, taken for background
KEPT = (0.1, 0.9)  # least and most of a photo that a cut-out may be
ITERATIONS = 5
SOFT = 1.0  # pixels of blur of the outline


def foreground(picture: np.ndarray) -> np.ndarray | None:
    """Find what stands before the background of a (H, W, 3) uint8 picture: (H, W) uint8 alpha, None where it fails."""
    height, width = picture.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_FGD, dtype=np.uint8)
    top, left = max(1, round(MARGIN * height)), max(1, round(MARGIN * width))
    mask[:top] = mask[-top:] = cv2.GC_BGD
    mask[:, :left] = mask[:, -left:] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(picture, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # no pixel is left of one side
        return None
    inside = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count < 2:
        return None
    largest = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    if not KEPT[0] <= largest.mean() <= KEPT[1]:
        return None
    return cv2.GaussianBlur(255 * largest, (0, 0), SOFT)


def cut_out(paths: tuple[Path, Path]) -> bool:
    """Write the cut-out of a photo; whether it is one."""
    source, target = paths
    photo = read_photo(source)
    alpha = foreground(np.asarray(photo.convert("RGB")))
    if alpha is not None:
        photo.putalpha(Image.fromarray(alpha))
    photo.save(target, format="PNG")
    return alpha is not None


def sheet(files: list[Path], columns: int = 12, side: int = 128) -> Image.Image:
    """Show cut-outs on chequered ground."""
    board = (np.indices((side, side)) // 16).sum(0) % 2 * 40 + 180
    ground = Image.fromarray(np.stack([board] * 3, -1).astype(np.uint8))
    shown = Image.new("RGB", (columns * side, -(-len(files) // columns) * side), "white")
    for number, file in enumerate(files):
        with Image.open(file) as opened:
            picture = opened.convert("RGBA")
        picture.thumbnail((side, side))
        tile = ground.crop((0, 0, *picture.size))
        tile.paste(picture, (0, 0), picture)
        shown.paste(tile, (number % columns * side, number // columns * side))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="draw N of them on one sheet")
    options = parser.parse_args()
    photos = sorted(p for p in (options.stage / "photos").rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not photos:
        sys.exit(f"{options.stage}: has no photos/<class>/*")
    targets = [options.output / photo.relative_to(options.stage) for photo in photos]
    for folder in {target.parent for target in targets}:
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("sounds", "backgrounds"):
        if not (options.output / name).exists():
            (options.output / name).symlink_to((options.stage / name).resolve(), target_is_directory=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        pairs = list(zip(photos, targets, strict=True))
        cut = list(tqdm(pool.map(cut_out, pairs, chunksize=4), total=len(pairs), desc="cut out", unit="photo"))
    print(f"{sum(cut)} of {len(cut)} photos cut out, {len(cut) - sum(cut)} left whole: {options.output}")
    if options.show:
        some = np.linspace(0, len(targets) - 1, min(options.show, len(targets))).astype(int)
        sheet([targets[i] for i in some]).save(options.output / "cut_outs.jpg")


if __name__ == "__main__":
    main()
