"""Writing a video again with new stereo sound: its video is copied, never encoded."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.codec import Properties
from av.container import InputContainer, OutputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.media.containers import CONTAINERS, LOSSY, SOUND_FILES, check_output, choose_codec
from ccstereo.media.copying import PacketCopier, describe, fresh
from ccstereo.media.editlist import Edit, read_edits
from ccstereo.media.encode import SoundEncoder, encoder_rate
from ccstereo.media.finish import finish_matroska, finish_movie
from ccstereo.media.probe import default_audio, default_video, open_input
from ccstereo.media.programs import other_program
from ccstereo.media.soundfiles import SoundWriter
from ccstereo.media.source import as_source
from ccstereo.media.writer import Writer, failure

Cut = tuple[Fraction, Fraction | None]


class StereoWriter(Writer):
    """Copies a video with a stereo track in place of its default sound; see `Writer`.

    Every video track, and of the subtitles, attachments and chapters what the output can hold, is copied as it is;
    text subtitles are converted where the container has them in another form; other sound tracks are dropped. `notes`
    says what is skipped. The video is copied as far as the sound has come, so that memory stays small.

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
        audio_start: float | Fraction = 0.0,
        codec: str | None = None,
        bitrate: int | None = None,
        audio_tracks: tuple[int, ...] | None = None,
        cut: Cut | None = None,
        reencode: bool = False,
        ambisonic: bool = False,
    ) -> None:
        """Open the input and start the output.

        Args:
            input_path: the video to copy.
            output_path: another name, ending in .mp4, .m4v, .mov, .mkv or .webm.
            sample_rate: Hz of the sound to come. It is kept, but for Opus (48 kHz) and rates AAC does not have.
            audio_start: when its first sample is played, in seconds on the input's clock: `MediaReader.audio_start`.
            codec: "aac", "opus", "flac", "alac" or "pcm" (24 bits); None for AAC, in .webm Opus.
            bitrate: bits a second for AAC and Opus; None for 192 kbit/s at 48 kHz, less at lower rates.
            audio_tracks: indices of the sound tracks that the new sound was made of; None for the default one.
            cut: start and end of what is copied, in seconds on the input's clock; the output begins at its start, best
                at a key frame. An end of None is the input's.
            reencode: encode the default video anew, as H.264, for containers that cannot hold its codec.
            ambisonic: the sound is first-order ambisonics, (4, T): W, Y, Z, X (AmbiX, SN3D).

        Raises:
            MediaError: as `check_output` does, or the output cannot be started.
        """
        check_output(input_path, output_path, codec=codec, bitrate=bitrate, reencode=reencode)
        self._reencoded = reencode
        source = as_source(input_path)
        self._source, edits = _open_source(source)
        self._target: OutputContainer | None = None
        super().__init__(Path(output_path), 4 if ambisonic else 2)
        try:
            chosen = choose_codec(self.path, codec, ambisonic=ambisonic)
            self._rate = encoder_rate(chosen, sample_rate)
            self._target = self._start_output()
            start = Fraction(audio_start).limit_denominator(1_000_000)  # a float's own fraction fits no clock
            shift = _shift(self._source, start, cut)
            self._start = start + shift
            self._given = 0
            self._sample_rate = sample_rate
            self._copier = PacketCopier(source, self._source, self._target, shift=shift, edits=edits, cut=cut)
            self._add_streams(chosen, bitrate, audio_tracks, reencode=reencode, by_default=codec is None)
            self._metadata = fresh(self._source.metadata)
            self._target.metadata.update(self._metadata)
            self._copy_chapters(shift, cut)
            self._target.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            self.abort()
            raise failure(self.path, "started", error, reencoded=self._reencoded) from error
        except BaseException:
            self.abort()
            raise

    def _start_output(self) -> OutputContainer:
        muxer = CONTAINERS[self.path.suffix.lower()].muxer
        # The same input gives the same bytes: Matroska's writer has random ids otherwise.
        options = {"fflags": "+bitexact"}
        if muxer in ("mp4", "mov"):
            # Edit lists count in the movie's time scale: the sound's rate makes them exact to the sample, where the
            # usual 1000 would round its end. What marks a 360 degree video is not in FFmpeg's idea of the standard.
            options |= {"movie_timescale": str(self._rate), "strict": "unofficial"}
        return av.open(f"file:{self._temporary}", "w", format=muxer, container_options=options)

    def _add_streams(
        self, codec: str, bitrate: int | None, audio_tracks: tuple[int, ...] | None, *, reencode: bool, by_default: bool
    ) -> None:
        assert self._target is not None
        sound, video = default_audio(self._source), default_video(self._source)
        used = audio_tracks or (() if sound is None else (sound.index,))
        encoder: SoundEncoder | None = None
        for stream in self._source.streams:
            if stream.index in used:
                if encoder is None and by_default:
                    self._note_loss(codec, stream)
                encoder = encoder or self._add_sound(codec, bitrate, stream)
            elif video is not None and other_program(self._source, stream, video):
                self.notes.append(f"{describe(stream)} is skipped: it belongs to another programme")
            elif stream.type == "audio":
                self.notes.append(f"{describe(stream)} is skipped: it is no part of the new sound")
            elif reencode and video is not None and stream.index == video.index:
                self._copier.encode(video)
            elif not self._copier.add(stream) and video is not None and stream.index == video.index:
                raise MediaError(f"{self.path}: {self.path.suffix} cannot hold its {describe(stream)}")
        self._encoder = encoder or self._add_sound(codec, bitrate, None)
        self.notes += self._copier.notes

    def _note_loss(self, codec: str, stream: Stream) -> None:
        """Say that sound which was kept without loss no longer is, where nobody chose so."""
        kind = stream.codec_context.codec
        lossless = kind.properties & cast(int, Properties.LOSSLESS.value)
        if codec in LOSSY and lossless and not kind.properties & cast(int, Properties.LOSSY.value):
            others = [name for name in CONTAINERS[self.path.suffix.lower()].codecs if name not in LOSSY]
            way = f"--codec {' or '.join(others)} keeps" if others else "another kind of file, such as .mkv, can keep"
            self.notes.append(f"its sound ({kind.canonical_name}) was lossless and is {codec} now; {way} it lossless")

    def _add_sound(self, codec: str, bitrate: int | None, replaced: Stream | None) -> SoundEncoder:
        assert self._target is not None
        encoder = SoundEncoder(
            self._target,
            codec,
            sample_rate=self._sample_rate,
            start=self._start,
            bitrate=bitrate,
            ambisonic=self.channels == 4,
        )
        if self.channels == 4:
            encoder.stream.metadata["ambisonics"] = "first order, ACN channel order (W Y Z X), SN3D"
        if replaced is not None:
            encoder.stream.disposition = replaced.disposition
            encoder.stream.metadata.update(fresh(replaced.metadata))
        return encoder

    def _copy_chapters(self, shift: Fraction, cut: Cut | None) -> None:
        assert self._target is not None
        start, end = cut or (None, None)
        if end is None and self._source.duration:  # a chapter that ends after the film would make an MP4 longer
            end = Fraction(self._source.duration + (self._source.start_time or 0), av.time_base)
        kept = []
        for chapter in self._source.chapters():
            base = chapter["time_base"]
            if not base:
                continue
            begin, stop = chapter["start"] * base, chapter["end"] * base
            begin = begin if start is None else max(begin, start)
            stop = stop if end is None else min(stop, end)
            if begin < stop:
                kept.append(chapter | {"start": round((begin + shift) / base), "end": round((stop + shift) / base)})
        if kept:
            self._target.set_chapters(kept)

    def _write(self, stereo: NDArray[np.float32]) -> None:
        assert self._target is not None
        packets = self._encode(stereo)
        try:
            self._given += stereo.shape[1]
            self._copier.copy_until(self._start + Fraction(self._given, self._sample_rate))
            self._target.mux(packets)
        except (av.FFmpegError, OSError) as error:
            raise failure(self.path, "continued", error, reencoded=self._reencoded) from error

    def _encode(self, stereo: NDArray[np.float32] | None) -> list["Packet[AudioStream]"]:
        try:
            return self._encoder.finish() if stereo is None else self._encoder.encode(stereo)
        except av.FFmpegError as error:
            loud = f"; it peaks at {self.peak:.3g} times full scale, lower it" if self.peak > 2 else ""
            raise MediaError(f"{self.path}: its sound cannot be encoded ({error.strerror}){loud}") from error

    def _finish(self) -> None:
        assert self._target is not None
        packets = self._encode(None)
        try:
            self._copier.copy_until(self._start + Fraction(self._given, self._sample_rate))
            self._target.mux(packets)
            self._copier.copy_until(None)
            self._target.close()
            if self._target.format.name in ("mp4", "mov"):
                finish_movie(self._temporary, self._target.format.name, self._encoder, self._copier, self._metadata)
            else:
                finish_matroska(self._temporary, max(self._copier.end, self._encoder.start + self._encoder.length))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise failure(self.path, "finished", error, reencoded=self._reencoded) from error
        self.notes += self._copier.late_notes()
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
    audio_start: float | Fraction = 0.0,
    codec: str | None = None,
    bitrate: int | None = None,
    audio_tracks: tuple[int, ...] | None = None,
    cut: Cut | None = None,
    reencode: bool = False,
    ambisonic: bool = False,
) -> StereoWriter | SoundWriter:
    """The writer that the output's suffix asks for: `SoundWriter` for .wav and .flac, else `StereoWriter`.

    A sound file whose sound starts after the video begins with silence, so that both stay in step.

    Raises:
        MediaError: as `check_output` does, or the output cannot be started.
    """
    if Path(output_path).suffix.lower() not in SOUND_FILES:
        return StereoWriter(
            input_path,
            output_path,
            sample_rate=sample_rate,
            audio_start=audio_start,
            codec=codec,
            bitrate=bitrate,
            audio_tracks=audio_tracks,
            cut=cut,
            reencode=reencode,
            ambisonic=ambisonic,
        )
    check_output(input_path, output_path, codec=codec, bitrate=bitrate)
    channels = 4 if ambisonic else 2
    writer = SoundWriter(output_path, sample_rate=sample_rate, codec=codec, channels=channels)
    missing = round((Fraction(audio_start) - _beginning(as_source(input_path), cut)) * sample_rate)
    try:
        for done in range(0, missing, sample_rate):  # a second at a time
            writer.write(np.zeros((channels, min(sample_rate, missing - done)), np.float32))
    except BaseException:
        writer.abort()
        raise
    return writer


def _beginning(path: Path | str, cut: Cut | None) -> Fraction:
    """When an input begins to play, in seconds on its own clock."""
    if cut is not None:
        return cut[0]
    with open_input(path) as source:
        if source.format.flags & cast(int, Flags.ts_discont.value):
            return Fraction(source.start_time or 0, av.time_base)
    return Fraction(0)


def _open_source(path: Path | str) -> tuple[InputContainer, list[Edit] | None]:
    """An input for copying: with all its packets at their media times, and the edits that say what is shown of them."""
    source = open_input(path)
    edits = read_edits(path) if isinstance(path, Path) and source.format.name.startswith("mov") else None
    if edits is None or len(edits) != len(source.streams):
        return source, None
    source.close()
    options = {"ignore_editlist": "1"}
    return av.open(f"file:{path}", "r", container_options=options, metadata_errors="replace"), edits


def _shift(source: InputContainer, audio_start: Fraction, cut: Cut | None) -> Fraction:
    """Seconds to add to the input's clock: broadcasts count from anywhere, and no sound may start before 0."""
    shift = Fraction(0)
    if cut is not None:
        shift = -cut[0]
    elif source.format.flags & cast(int, Flags.ts_discont.value):
        shift = -Fraction(source.start_time or 0, av.time_base)
    return max(shift, -audio_start)
