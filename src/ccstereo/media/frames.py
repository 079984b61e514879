"""The default video track of a file, asked for the frame shown at a time."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.media.damage import Damage, clock
from ccstereo.media.demuxing import packets
from ccstereo.media.probe import default_video, only, open_input, seconds
from ccstereo.media.seeking import seek
from ccstereo.media.source import as_source

_FLIP = {1: slice(None), -1: slice(None, None, -1)}


class FrameTrack:
    """Decodes the default video track forwards; scales only the frames that are asked for."""

    def __init__(
        self,
        path: Path | str,
        size: tuple[int, int],
        threads: int = 0,
        *,
        begin: Fraction | None = None,
        allow_truncated: bool = False,
    ) -> None:
        """Open a video.

        Args:
            path: of the file.
            size: (height, width) of the frames.
            threads: that decode; 0 lets FFmpeg choose.
            begin: time in seconds on the file's own clock of the first frame that is wanted, None from the start.
            allow_truncated: take a file that is cut off for what is there.

        Raises:
            MediaError: the file cannot be read or has no frame that decodes.
        """
        self._path = path
        self._size = size
        self._threads = threads
        self._reformatter = VideoReformatter()
        self._rotation: int | None = None
        self._turn = (False, 1, 1)
        self._container = open_input(path, allow_truncated=allow_truncated)
        try:
            stream = default_video(self._container)
            if stream is None:
                raise MediaError(f"{path}: has no video track; give a video")
            self._stream = stream
            only(self._container, stream)
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = threads
            self._damage = Damage(path, "video", allow_truncated=allow_truncated)
            if begin is not None:
                seek(self._container, stream, begin)
            self._frames = self._timed()
            first = next(self._frames, None)
            if first is None:
                raise MediaError(f"{path}: no frame decodes from its {stream.codec_context.name} track; get it again")
            self._time, self._frame = first
            self._next = next(self._frames, None)
            self._scaled: NDArray[np.uint8] | None = None
        except BaseException:
            self._container.close()
            raise

    @property
    def notes(self) -> list[str]:
        """What was damaged and skipped."""
        return self._damage.notes

    @property
    def time(self) -> Fraction:
        """When the current frame is shown, in seconds of the file's own clock: at first, the first one."""
        return self._time

    def close(self) -> None:
        """Release the file."""
        self._frames.close()
        self._container.close()

    def at(self, time: Fraction) -> NDArray[np.uint8]:
        """The frame shown at `time` seconds of the file's own clock.

        That is the last one presented at or before `time`, the first one before all, the last one after all.

        Args:
            time: not less than at the call before.

        Returns:
            (H, W, 3) RGB. The same array is given again while the same frame is shown: do not write to it.

        Raises:
            MediaError: the video breaks off before its declared end, or too much of it is damaged.
        """
        while self._next is not None and self._next[0] <= time:
            self._time, self._frame = self._next
            self._scaled = None
            self._next = next(self._frames, None)
            if self._next is None:
                self._check_end()
        if self._scaled is None:
            self._scaled = self._scale(self._frame)
        return self._scaled

    def _timed(self) -> Generator[tuple[Fraction, VideoFrame], None, None]:
        step = 1 / self._stream.average_rate if self._stream.average_rate else Fraction(1, 25)
        due: Fraction | None = None
        for frame in self._decode():
            stamp = frame.pts if frame.pts is not None else frame.dts
            if stamp is not None and frame.time_base is not None:
                due = stamp * frame.time_base
            elif due is None:
                due = Fraction(0)
            yield due, frame
            due += step

    def _decode(self) -> Iterator[VideoFrame]:
        reached = Fraction(0)
        try:
            for packet in packets(self._container, self._stream):
                reached = max(reached, seconds(packet.pts, packet.time_base))
                yield from self._damage.decode(packet)
        except av.FFmpegError as error:
            self._damage.break_off(reached, error)

    def _check_end(self) -> None:
        if self._container.format.name.startswith("mov"):  # where the track declares its own length
            begin = seconds(self._stream.start_time, self._stream.time_base)
            last = seconds(self._frame.duration, self._frame.time_base)
            declared = seconds(self._stream.duration, self._stream.time_base)
            self._damage.check_end(self._time + last - begin, declared)
        self._damage.check_whole()

    def _scale(self, frame: VideoFrame) -> NDArray[np.uint8]:
        if frame.rotation != self._rotation:
            # Not for every frame: PyAV ties a frame whose side data are looked at into a cycle, which frees it late.
            self._rotation, self._turn = frame.rotation, orientation(frame)
        transpose, rows, columns = self._turn
        height, width = self._size[::-1] if transpose else self._size
        shrinks = width * height < frame.width * frame.height
        method = Interpolation.AREA if shrinks else Interpolation.BICUBIC
        try:
            pixels = self._reformatter.reformat(
                frame, width, height, "rgb24", interpolation=method, threads=self._threads
            ).to_ndarray()
        except (av.FFmpegError, ValueError) as error:
            where = f"{self._path}: its frame at {clock(self._time)}"
            raise MediaError(f"{where} cannot be turned into RGB ({error}); re-encode the file") from error
        if transpose:
            pixels = pixels.transpose(1, 0, 2)
        return np.ascontiguousarray(pixels[_FLIP[rows], _FLIP[columns]], dtype=np.uint8)


def orientation(frame: VideoFrame) -> tuple[bool, int, int]:
    """How a decoded frame must be turned to be shown, from its display matrix, to the next quarter turn.

    Returns:
        Whether rows and columns change places, then -1 where the rows (top to bottom) or the columns (left to right)
        of the result are to be reversed, 1 where not.
    """
    data = cast("Mapping[str, SideData]", frame.side_data).get("DISPLAYMATRIX")
    if data is None:
        return False, 1, 1
    # ISO/IEC 14496-12, 6.2.2: x' = a x + c y, y' = b x + d y, stored as a b u c d v x y w in fixed point.
    a, b, _, c, d, *_ = np.frombuffer(memoryview(cast(bytes, data)), np.int32).astype(np.float64)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, -1 if d < 0 else 1, -1 if a < 0 else 1
    return True, -1 if b < 0 else 1, -1 if c < 0 else 1


def read_frames(
    path: str | Path, count: int, *, frame_rate: float, frame_size: tuple[int, int], threads: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames shown at k / frame_rate seconds after the first, k = 0 ... count - 1, whatever the sound is.

    Args:
        path: any video; the last frame stands past its end.
        count: of frames.
        frame_rate: frames a second, > 0.
        frame_size: (height, width); their shape is not kept.
        threads: that decode; 0 lets FFmpeg choose.

    Raises:
        MediaError: the file cannot be read or breaks off.
    """
    with closing(FrameTrack(as_source(path), frame_size, threads)) as track:
        start, rate = track.time, Fraction(frame_rate).limit_denominator(1_000_000)
        for index in range(count):
            yield track.at(start + index / rate)
