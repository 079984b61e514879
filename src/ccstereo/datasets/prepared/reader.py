"""Reading a prepared set: any window of sound, any frame, the table and the folds."""

import io
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ccstereo.datasets.prepared.format import INDEX_END, SPLITS, WAV_HEADER, ClipRow
from ccstereo.datasets.prepared.tables import read_info, read_lines
from ccstereo.errors import DatasetError

Kind = Literal["sound", "frames"]
SUFFIXES: dict[Kind, str] = {"sound": ".wav", "frames": ".mjpeg"}


class PreparedSet:
    """Reads a prepared set. Holds the table in memory and opens files as they are asked for; safe to send to workers.

    Attributes:
        folder: of the set.
        info: content of dataset.json; `info.sound` is "binaural" or "foa".
        clips: rows by id, sorted by id.
        mend: what to do where a file is damaged.
    """

    mend = "remove it and prepare the set again"

    def __init__(self, folder: str | Path) -> None:
        """Read the table.

        Raises:
            DatasetError: there is no prepared set, or one of a later version, or a file of it is damaged.
        """
        self.folder = Path(folder)
        self.info = read_info(self.folder)
        self.clips = {row.id: row for row in read_lines(self.folder / "clips.jsonl", ClipRow)}

    def __str__(self) -> str:
        return str(self.folder)

    def folds(self) -> list[str]:
        """Names of the folds: FAIR-Play has fifteen, most sets one, "default"."""
        return sorted(path.name for path in (self.folder / "splits").glob("*") if path.is_dir())

    def ids(self, fold: str, split: str) -> list[str]:
        """Ids of a split (train, val or test) of a fold, in its own order, as far as they are in the set.

        Raises:
            DatasetError: there is no such fold or split.
        """
        return [name for name in self.listed(fold, split) if name in self.clips]

    def listed(self, fold: str, split: str) -> list[str]:
        """Ids that a split names, those that are not in the set among them.

        Raises:
            DatasetError: there is no such fold or split.
        """
        path = self.folder / "splits" / fold / f"{split}.txt"
        try:
            return path.read_text().split()
        except OSError as error:
            known = ", ".join(self.folds()) or "none"
            raise DatasetError(
                f"{path}: no such fold or split; this set has {known}, with {', '.join(SPLITS)}"
            ) from error

    def sound(self, clip: str, start: int = 0, length: int | None = None) -> NDArray[np.float32]:
        """Read samples `start` to `start + length` of a clip; None reads to the end.

        Returns:
            (C, length) float32: two ears, or W, Y, Z, X.

        Raises:
            DatasetError: the file is missing or short.
            ValueError: the clip does not have these samples.
        """
        row = self.clips[clip]
        length = row.samples - start if length is None else length
        if not 0 <= start <= start + length <= row.samples:
            raise ValueError(f"clip {clip} has {row.samples} samples; asked for {start} to {start + length}")
        channels = len(row.rms)
        data = self.read(clip, "sound", WAV_HEADER + 2 * channels * start, 2 * channels * length)
        pcm = np.frombuffer(data, "<i2").reshape(length, channels)
        return np.ascontiguousarray(pcm.T, dtype=np.float32) * np.float32(row.scale / 32768)

    def frame(self, clip: str, index: int) -> NDArray[np.uint8]:
        """The frame (240, 480, 3) at index / 10 seconds."""
        return decode_jpeg(self.jpegs(clip, index, index + 1)[0])

    def frames(self, clip: str) -> NDArray[np.uint8]:
        """All frames of a clip, (N, 240, 480, 3), 10 a second."""
        return np.stack([decode_jpeg(jpeg) for jpeg in self.jpegs(clip)])

    def jpegs(self, clip: str, first: int = 0, last: int | None = None) -> list[bytes]:
        """JPEG bytes of frames first to last - 1; None means to the end.

        Raises:
            DatasetError: the file is missing or damaged.
            ValueError: the clip does not have these frames.
        """
        count = self.clips[clip].frames
        last = count if last is None else last
        if not 0 <= first < last <= count:
            raise ValueError(f"clip {clip} has {count} frames; asked for {first} to {last}")
        table = -(4 * (count + 1) + len(INDEX_END))
        marks = np.frombuffer(self.read(clip, "frames", table + 4 * first, 4 * (last - first + 1)), "<u4").tolist()
        if marks == sorted(marks):
            data = self.read(clip, "frames", marks[0], marks[-1] - marks[0])
            frames = [data[a - marks[0] : b - marks[0]] for a, b in pairwise(marks)]
            if all(frame.startswith(b"\xff\xd8") for frame in frames):
                return frames
        raise DatasetError(
            f"{self.where(clip, 'frames')}: is damaged; ccstereo prepare --check {self} lists all faults"
        )

    def read(self, clip: str, kind: Kind, start: int = 0, length: int | None = None) -> bytes:
        """Read bytes of one of a clip's two files; a negative start counts from its end, no length reads to it.

        Raises:
            DatasetError: the file cannot be read, or has not as many.
        """
        path = self.where(clip, kind)
        try:
            with Path(path).open("rb", buffering=0) as file:
                file.seek(start, io.SEEK_END if start < 0 else io.SEEK_SET)
                data = file.read() if length is None else file.read(length)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror}); prepare the set again") from error
        if length is not None and len(data) != length:
            raise DatasetError(f"{path}: is cut off; ccstereo prepare --check {self} lists all faults")
        return data

    def where(self, clip: str, kind: Kind) -> str:
        """Path of one of a clip's two files."""
        return str(self.folder / kind / f"{clip}{SUFFIXES[kind]}")


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decode JPEG bytes to (H, W, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
