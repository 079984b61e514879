"""Reading a prepared set: any window of sound, any picture, the table and the splits."""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ccstereo.datasets.prepared.format import INDEX_END, SPLITS, WAV_HEADER, ClipRow, read_info, read_lines
from ccstereo.errors import DatasetError


class PreparedSet:
    """Reads a prepared set. Holds the table in memory and opens files as they are asked for; safe to send to workers.

    Attributes:
        folder: of the set.
        info: content of dataset.json.
        clips: rows by id, sorted by id.
    """

    def __init__(self, folder: str | Path) -> None:
        """Read the table.

        Raises:
            DatasetError: there is no prepared set, or one of a later version, or a file of it is damaged.
        """
        self.folder = Path(folder)
        self.info = read_info(self.folder)
        rows = read_lines(self.folder / "clips.jsonl", ClipRow)
        self.clips = {row.id: row for row in rows}

    def folds(self) -> list[str]:
        """Names of the folds: FAIR-Play has fifteen, most sets one, "default"."""
        return sorted(path.name for path in (self.folder / "splits").glob("*") if path.is_dir())

    def ids(self, fold: str, split: str) -> list[str]:
        """Ids of a split (train, val or test) of a fold, in its own order, as far as they are in the set.

        Raises:
            DatasetError: there is no such fold or split.
        """
        path = self.folder / "splits" / fold / f"{split}.txt"
        try:
            names = path.read_text().split()
        except OSError as error:
            known = ", ".join(self.folds()) or "none"
            raise DatasetError(
                f"{path}: no such fold or split; this set has {known}, with {', '.join(SPLITS)}"
            ) from error
        return [name for name in names if name in self.clips]

    def sound(self, clip: str, start: int = 0, length: int | None = None) -> NDArray[np.float32]:
        """Read samples `start` to `start + length` of a clip; None reads to the end.

        Returns:
            (2, length) float32.

        Raises:
            DatasetError: the file is missing or short.
            ValueError: the clip does not have these samples.
        """
        row = self.clips[clip]
        length = row.samples - start if length is None else length
        if not 0 <= start <= start + length <= row.samples:
            raise ValueError(f"clip {clip} has {row.samples} samples; asked for {start} to {start + length}")
        path = self.sound_path(clip)
        try:
            pcm = np.fromfile(path, dtype="<i2", count=2 * length, offset=WAV_HEADER + 4 * start)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror}); prepare the set again") from error
        if len(pcm) != 2 * length:
            raise DatasetError(f"{path}: is cut off; ccstereo prepare --check {self.folder} tells what else is")
        pair = np.ascontiguousarray(pcm.reshape(length, 2).T, dtype=np.float32)
        pair *= np.float32(row.scale / 32768)
        return pair

    def frame(self, clip: str, index: int) -> NDArray[np.uint8]:
        """The picture (240, 480, 3) at index / 10 seconds."""
        return decode_jpeg(self.jpegs(clip, index, index + 1)[0])

    def jpegs(self, clip: str, first: int = 0, last: int | None = None) -> list[bytes]:
        """JPEG bytes of pictures first to last - 1; None means to the end.

        Raises:
            DatasetError: the file is missing or damaged.
            ValueError: the clip does not have these pictures.
        """
        count = self.clips[clip].frames
        last = count if last is None else last
        if not 0 <= first < last <= count:
            raise ValueError(f"clip {clip} has {count} pictures; asked for {first} to {last}")
        path = self.frames_path(clip)
        try:
            with path.open("rb") as file:
                file.seek(-(4 * (count + 1) + len(INDEX_END)) + 4 * first, io.SEEK_END)
                marks = np.frombuffer(file.read(4 * (last - first + 1)), "<u4")
                file.seek(int(marks[0]))
                data = file.read(int(marks[-1] - marks[0]))
        except (OSError, ValueError, IndexError) as error:
            raise DatasetError(f"{path}: cannot be read ({error}); prepare the set again") from error
        if not data.startswith(b"\xff\xd8") or len(data) != marks[-1] - marks[0]:
            raise DatasetError(f"{path}: is damaged; ccstereo prepare --check {self.folder} tells what else is")
        return [data[a - marks[0] : b - marks[0]] for a, b in pairwise(marks)]

    def sound_path(self, clip: str) -> Path:
        """Where a clip's sound is."""
        return self.folder / "sound" / f"{clip}.wav"

    def frames_path(self, clip: str) -> Path:
        """Where a clip's pictures are."""
        return self.folder / "frames" / f"{clip}.mjpeg"


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decode JPEG bytes to (H, W, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
