"""A clip as a shard holds it."""

import hashlib
import io
import json
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccstereo.datasets.prepared.format import INDEX_END, WAV_HEADER, ClipRow
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.errors import DatasetError


class ClipInMemory(PreparedSet):
    """One clip as an archive holds it, read like a prepared set.

    Args:
        data: the clip's three files as they stand in a tar archive.
        where: for messages.
        check: whether to compare the files' checksums with those in the clip's row.

    Raises:
        DatasetError: they are damaged.
    """

    def __init__(self, data: bytes, where: str, check: bool = False) -> None:
        self.folder = Path(where)
        damaged = f"{where}: is damaged%s; copy or write the shards again"
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
                files = {m.name: file.read() for m in archive if (file := archive.extractfile(m)) is not None}
            stem = next(iter(files)).rpartition(".")[0]
            content = json.loads(files[f"{stem}.json"])
            row = ClipRow(**content | {"rms": tuple(content["rms"])})
            self._sound, self._frames = files[f"{stem}.wav"], files[f"{stem}.mjpeg"]
        except (tarfile.TarError, KeyError, ValueError, TypeError, StopIteration, OSError) as error:
            raise DatasetError(damaged % f" ({type(error).__name__}: {error})") from error
        self.clips = {row.id: row}
        expected = 4 * (row.frames + 1) + len(INDEX_END)
        if len(self._sound) != WAV_HEADER + 4 * row.samples or len(self._frames) < expected:
            raise DatasetError(damaged % f": the files of clip {row.id} have other sizes than its row says")
        if check and (row.sound_sha256, row.frames_sha256) != (_sha256(self._sound), _sha256(self._frames)):
            raise DatasetError(damaged % f": the checksums of clip {row.id} are wrong")

    def sound(self, clip: str, start: int = 0, length: int | None = None) -> NDArray[np.float32]:
        """Samples `start` to `start + length`, (2, length) float32."""
        row = self.clips[clip]
        count = row.samples - start if length is None else length
        pcm = np.frombuffer(self._sound, "<i2", 2 * count, WAV_HEADER + 4 * start)
        return np.ascontiguousarray(pcm.reshape(count, 2).T, dtype=np.float32) * np.float32(row.scale / 32768)

    def jpegs(self, clip: str, first: int = 0, last: int | None = None) -> list[bytes]:
        """JPEG bytes of pictures first to last - 1.

        Raises:
            DatasetError: they are damaged.
        """
        count = self.clips[clip].frames
        table = len(self._frames) - len(INDEX_END) - 4 * (count + 1)
        marks = np.frombuffer(self._frames, "<u4", count + 1, table).tolist()
        pictures = [self._frames[a:b] for a, b in pairwise(marks[first : (count if last is None else last) + 1])]
        if not all(picture.startswith(b"\xff\xd8") for picture in pictures):
            raise DatasetError(f"{self.folder}: is damaged: no pictures at clip {clip}; write the shards again")
        return pictures


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
