"""Writing a video again with new stereo sound: its video is copied, never encoded."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.format import Flags
from av.stream import Stream
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.media.containers import CONTAINERS, SOUND_FILES, check_output, choose_codec
from ccstereo.media.copying import PacketCopier, describe, fresh
from ccstereo.media.editlist import cut_priming
from ccstereo.media.encode import StereoEncoder, encoder_rate
from ccstereo.media.probe import default_audio, default_video, open_input
from ccstereo.media.soundfiles import SoundWriter
from ccstereo.media.writer import Writer


class StereoWriter(Writer):
    """Copies a video with a stereo track in place of its default sound; see `Writer`.

    Every video track, and of the subtitles, attachments and chapters what the output can hold, is copied as it is;
    other sound tracks are dropped. `notes` says what is skipped. The video is copied as far as the sound has come,
    so that memory stays small.

    The sound stands at its time to the sample in MP4, to half a millisecond (the container's clock) in Matroska, and
    reads back as many samples as were written. AAC and Opus in MP4 fill their last frame; edit list and duration tell
    its true end, but a decoder that looks at neither, such as bare FFmpeg, gives up to 1023 samples of silence more.
    """

    def __init__(
        self,
        input_path: str | Path,
        output_path: str | Path,
        *,
        sample_rate: int,
        audio_start: float = 0.0,
        codec: str | None = None,
        bitrate: int | None = None,
    ) -> None:
        """Open the input and start the output.

        Args:
            input_path: the video to copy.
            output_path: another name, ending in .mp4, .m4v, .mov, .mkv or .webm.
            sample_rate: Hz of the sound to come. It is kept, but for Opus (48 kHz) and rates AAC does not have.
            audio_start: when its first sample is played, in seconds on the input's clock: `MediaReader.audio_start`.
            codec: "aac", "opus", "flac" or "alac"; None for AAC, in .webm Opus.
            bitrate: bits a second for AAC and Opus; None for 192 kbit/s at 48 kHz, less at lower rates.

        Raises:
            MediaError: as `check_output` does, or the output cannot be started.
        """
        check_output(input_path, output_path, codec=codec, bitrate=bitrate)
        self._source = open_input(Path(input_path))
        self._target: OutputContainer | None = None
        super().__init__(Path(output_path))
        try:
            codec = choose_codec(self.path, codec)
            self._rate = encoder_rate(codec, sample_rate)
            self._target = self._start_output()
            shift = _shift(self._source, Fraction(audio_start))
            self._start = Fraction(audio_start) + shift
            self._given = 0
            self._sample_rate = sample_rate
            self._copier = PacketCopier(Path(input_path), self._source, self._target, shift)
            self._add_streams(codec, bitrate)
            self._target.metadata.update(fresh(self._source.metadata))
            self._copy_chapters(shift)
            self._target.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            self.abort()
            other_kind = isinstance(error, ValueError) and self.path.suffix.lower() != ".mkv"
            advice = "try .mkv" if other_kind else "choose another place"
            raise MediaError(f"{self.path}: cannot be started ({_text(error)}); {advice}") from error
        except BaseException:
            self.abort()
            raise

    def _start_output(self) -> OutputContainer:
        muxer = CONTAINERS[self.path.suffix.lower()].muxer
        # The same input gives the same bytes: Matroska's writer has random ids otherwise.
        options = {"fflags": "+bitexact"}
        if muxer in ("mp4", "mov"):
            # Edit lists count in the movie's time scale: the sound's rate makes them exact to the sample, where the
            # usual 1000 would round its end. The index goes in front, so that a browser can start at once.
            # What marks a 360 degree video is not in FFmpeg's idea of the standard.
            options |= {"movie_timescale": str(self._rate), "movflags": "+faststart", "strict": "unofficial"}
        return av.open(f"file:{self._temporary}", "w", format=muxer, container_options=options)

    def _add_streams(self, codec: str, bitrate: int | None) -> None:
        assert self._target is not None
        sound, video = default_audio(self._source), default_video(self._source)
        encoder: StereoEncoder | None = None
        for stream in self._source.streams:
            if sound is not None and stream.index == sound.index:
                encoder = self._add_sound(codec, bitrate, sound)
            elif stream.type == "audio":
                self.notes.append(f"{describe(stream)} is skipped: only the default sound is made stereo")
            elif not self._copier.add(stream) and video is not None and stream.index == video.index:
                raise MediaError(f"{self.path}: {self.path.suffix} cannot hold its {describe(stream)}; try .mkv")
        self._encoder = encoder or self._add_sound(codec, bitrate, None)
        self.notes += self._copier.notes

    def _add_sound(self, codec: str, bitrate: int | None, replaced: Stream | None) -> StereoEncoder:
        assert self._target is not None
        encoder = StereoEncoder(self._target, codec, sample_rate=self._sample_rate, start=self._start, bitrate=bitrate)
        if replaced is not None:
            encoder.stream.disposition = replaced.disposition
            encoder.stream.metadata.update(fresh(replaced.metadata))
        return encoder

    def _copy_chapters(self, shift: Fraction) -> None:
        assert self._target is not None
        chapters = self._source.chapters()
        for chapter in chapters:
            if chapter["time_base"]:
                ticks = round(shift / chapter["time_base"])
                chapter["start"] += ticks
                chapter["end"] += ticks
        if chapters:
            self._target.set_chapters(chapters)

    def _write(self, stereo: NDArray[np.float32]) -> None:
        assert self._target is not None
        try:
            packets = self._encoder.encode(stereo)
            self._given += stereo.shape[1]
            self._copier.copy_until(self._start + Fraction(self._given, self._sample_rate))
            self._target.mux(packets)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be written on ({_text(error)}); is the disk full?") from error

    def _finish(self) -> None:
        assert self._target is not None
        try:
            packets = self._encoder.finish()
            self._copier.copy_until(self._start + Fraction(self._given, self._sample_rate))
            self._target.mux(packets)
            self._copier.copy_until(None)
            self._target.close()
            if self._encoder.late and self._encoder.priming:
                cut_priming(self._temporary, self._encoder.priming, self._rate)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be finished ({_text(error)}); is the disk full?") from error
        self._source.close()

    def _release(self) -> None:
        if self._target is not None:
            with contextlib.suppress(av.FFmpegError, OSError):
                self._target.close()
        self._source.close()


def open_writer(
    input_path: str | Path,
    output_path: str | Path,
    *,
    sample_rate: int,
    audio_start: float = 0.0,
    codec: str | None = None,
    bitrate: int | None = None,
) -> StereoWriter | SoundWriter:
    """The writer that the output's suffix asks for: `SoundWriter` for .wav and .flac, else `StereoWriter`.

    Raises:
        MediaError: as `check_output` does, or the output cannot be started.
    """
    if Path(output_path).suffix.lower() in SOUND_FILES:
        check_output(input_path, output_path, codec=codec, bitrate=bitrate)
        return SoundWriter(output_path, sample_rate=sample_rate)
    return StereoWriter(
        input_path, output_path, sample_rate=sample_rate, audio_start=audio_start, codec=codec, bitrate=bitrate
    )


def _shift(source: InputContainer, audio_start: Fraction) -> Fraction:
    """Seconds to add to the input's clock: broadcasts count from anywhere, and no sound may start before 0."""
    shift = Fraction(0)
    if source.format.flags & cast(int, Flags.ts_discont.value):
        shift = -Fraction(source.start_time or 0, av.time_base)
    return max(shift, -audio_start)


def _text(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
