"""Photos of a stage without their backgrounds: a folder of the same layout whose photos are transparent around.

What stands before the background is found by GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004), with nothing but
the photo's margin known.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ccstereo.errors import DatasetError
from ccstereo.files import atomic_path
from ccstereo.jobs import map_items
from ccstereo.scenes.material import PHOTO_SUFFIXES, read_photo

MARGIN = 0.04  # of the photo's sides, taken for background
KEPT = (0.1, 0.9)  # least and most of a photo that a cut-out may be
ITERATIONS = 5
SOFT = 1.0  # pixels of blur of the outline


def cut_out_stage(
    stage: Path, output: Path, *, jobs: int = 1, progress: Callable[[int, int], None] | None = None
) -> tuple[int, int]:
    """Cut the photos of a stage out of their backgrounds.

    Cut-outs are PNG files under the photos' own names, by which files go to train, val and test; sounds and backgrounds
    are links. Where hardly anything or nearly everything of a photo remains, it stays whole.

    Args:
        stage: folder with photos/<class>, sounds/<class> and backgrounds.
        output: folder to be.
        jobs: processes.
        progress: called with the photos done and their number.

    Returns:
        Photos cut out, and photos that stayed whole.

    Raises:
        DatasetError: OpenCV is missing, there are no photos, one cannot be read, or the output cannot be written.
    """
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        raise DatasetError("cutting photos out needs OpenCV; pip install 'ccstereo[cut-out]'") from error
    photos = sorted(path for path in (stage / "photos").rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise DatasetError(f"{stage}: has no photos/<class>/*")
    pairs = [(photo, output / photo.relative_to(stage)) for photo in photos]
    cut = 0
    try:
        for folder in {target.parent for _, target in pairs}:
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("sounds", "backgrounds"):
            if not (output / name).exists():
                (output / name).symlink_to((stage / name).resolve(), target_is_directory=True)
        for done, ((photo, _), result) in enumerate(map_items(_cut_out, pairs, jobs), start=1):
            if result is None:
                raise DatasetError(f"{photo}: the process that read it died")
            cut += result
            if progress:
                progress(done, len(pairs))
    except OSError as error:
        raise DatasetError(f"{output}: cannot be written ({error})") from error
    return cut, len(pairs) - cut


def foreground(photo: np.ndarray) -> np.ndarray | None:
    """Find what stands before the background of a (H, W, 3) uint8 photo: (H, W) uint8 alpha, None where it fails."""
    import cv2

    height, width = photo.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_FGD, dtype=np.uint8)
    top, left = max(1, round(MARGIN * height)), max(1, round(MARGIN * width))
    mask[:top] = mask[-top:] = cv2.GC_BGD
    mask[:, :left] = mask[:, -left:] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(photo, mask, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # no pixel is left of one side
        return None
    inside = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count < 2:
        return None
    largest = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    if not KEPT[0] <= largest.mean() <= KEPT[1]:
        return None
    return np.asarray(cv2.GaussianBlur(255 * largest, (0, 0), SOFT))


def _cut_out(paths: tuple[Path, Path]) -> bool:
    source, target = paths
    try:
        photo = read_photo(source)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{source}: cannot be read ({error})") from error
    alpha = foreground(np.asarray(photo.convert("RGB")))
    if alpha is not None:
        photo.putalpha(Image.fromarray(alpha))
    with atomic_path(target) as temporary:
        photo.save(temporary, format="PNG")
    return alpha is not None
