"""Video encoded anew as H.264, for codecs that no container here holds."""

import contextlib
from bisect import insort
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ccstereo.errors import MediaError
from ccstereo.media.damage import Damage
from ccstereo.media.probe import default_video, only, open_input
from ccstereo.media.timing import AnyPacket, finer

QUALITY = "18"  # x264's constant rate factor: 18 is hard to tell from the original
_ENCODED = "libx264"


def first_frame(path: Path | str) -> VideoFrame:
    """The first frame of a file's default video, with all that the file says of it.

    Raises:
        MediaError: no frame decodes.
    """
    with open_input(path) as container:
        stream = default_video(container)
        if stream is not None:
            only(container, stream)
            with contextlib.suppress(av.FFmpegError):
                for frame in container.decode(stream):
                    return frame
    raise MediaError(f"{path}: no frame of its video decodes; it cannot be re-encoded")


class Reencoder:
    """Turns the packets of a video track into H.264 ones; a stage as those in `timing`.

    Times, rotation, pixel shape and colours stay; the rest is 8 bits a sample with colours at half the resolution, as
    every player takes it.

    Attributes:
        copy: the track in the output.
    """

    def __init__(
        self,
        path: Path | str,
        output: OutputContainer,
        stream: VideoStream,
        *,
        first: VideoFrame,
        offset: Fraction,
        start: Fraction,
        stop: Fraction | None,
        timed: bool,
    ) -> None:
        """Add a track to an output, not yet started.

        Args:
            path: of the input, for messages.
            output: container.
            stream: to be decoded.
            first: its first frame, decoded elsewhere.
            offset: seconds to add to its times.
            start: of what is shown, in seconds of the output's clock.
            stop: end of that; None is the end of the track.
            timed: whether the input has display times; else frames come in the order in which they are decoded.
        """
        self._stream = stream
        self._damage = Damage(path, "video")
        self._base = finer(stream.time_base or Fraction(1, 90_000), offset)
        self._offset, self._start, self._stop, self._timed = offset, start, stop, timed
        self._slots: list[int] = []  # decoding times that no frame has taken yet, of an input without display times
        self._held: VideoFrame | None = None  # the last frame not after the start, which is shown there
        self._last: int | None = None
        self._reformatter = VideoReformatter()
        encoder: Any = output.add_stream(_ENCODED, rate=stream.guessed_rate or stream.average_rate or 25)
        encoder.options = {"crf": QUALITY}
        encoder.width, encoder.height = max(2, first.width // 2 * 2), max(2, first.height // 2 * 2)
        encoder.pix_fmt = "yuv420p"
        context = encoder.codec_context
        context.time_base = self._base
        if stream.sample_aspect_ratio:
            context.sample_aspect_ratio = stream.sample_aspect_ratio
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
        context.colorspace, context.color_range = first.colorspace, first.color_range
        matrix: Any = first.side_data.get("DISPLAYMATRIX")
        if matrix is not None:
            encoder.set_display_matrix(np.frombuffer(memoryview(matrix), np.int32).tolist())
        encoder.time_base = self._base
        self.copy: Stream = encoder

    @property
    def notes(self) -> list[str]:
        """What was damaged and is missing."""
        return self._damage.notes

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """See `timing.Stage`."""
        if not self._timed and packet.dts is not None:
            insort(self._slots, packet.dts)
        return [out for frame in self._damage.decode(packet) for out in self._encode(frame)]

    def finish(self) -> list[AnyPacket]:
        """See `timing.Stage`."""
        packets = [out for frame in self._stream.decode(None) for out in self._encode(frame)]
        if self._held is not None:
            packets += self._send(self._held, self._start)
        self._damage.check_whole()
        encoder: Any = self.copy
        return [*packets, *encoder.encode(None)]

    def _encode(self, frame: VideoFrame) -> list[AnyPacket]:
        stamp = frame.pts if self._timed else self._slots.pop(0) if self._slots else None
        if stamp is None or self._stream.time_base is None:
            return []
        time = stamp * self._stream.time_base + self._offset
        if self._stop is not None and time >= self._stop:
            return []
        if time <= self._start:
            self._held = frame
            return []
        packets = [] if self._held is None else self._send(self._held, self._start)
        self._held = None
        return packets + self._send(frame, time)

    def _send(self, frame: VideoFrame, time: Fraction) -> list[AnyPacket]:
        encoder: Any = self.copy
        stamp = round(time / self._base)
        if self._last is not None and stamp <= self._last:
            return []
        self._last = stamp
        shaped = self._reformatter.reformat(frame, encoder.width, encoder.height, "yuv420p")
        shaped.pts, shaped.time_base = stamp, self._base
        shaped.pict_type = 0  # the encoder's choice, not that of the input
        packets: list[AnyPacket] = encoder.encode(shaped)
        return packets
