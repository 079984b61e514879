"""The main job: mono sound and frames in, spatial sound out; arrays to array, file to file."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray

from ccstereo import DEFAULT_WEIGHTS as DEFAULT_WEIGHTS
from ccstereo.conversion import ConversionOptions, ConversionReport
from ccstereo.errors import CCStereoError, MediaError
from ccstereo.inference import Backend, BinauralStream, load_backend, make_backend
from ccstereo.inference.arrays import check_frame_rate, check_sample_rate
from ccstereo.inference.ears import EarRenderer
from ccstereo.pipeline import prefetched, written_behind
from ccstereo.targets import TARGETS

if TYPE_CHECKING:
    from ccstereo.audio.ambisonics import FOADecoder
    from ccstereo.mastering import AmbisonicFinisher, Finisher
    from ccstereo.media import AudioChunk, FrameChunk, SoundWriter, StereoWriter
    from ccstereo.models import SpatialModel

FAST_HOPS = 3
Progress = Callable[[float, float], None]


class Binauralizer:
    """Gives mono sound its place in space, guided by frames.

    Args:
        model: any registered model; it stays as it is, and later changes of its weights change nothing here. Or a
            backend, such as `ccstereo.inference.load_backend` gives.
        hop: seconds between two windows; None takes `model.config.hop`.
        tdss: test-time dynamic scene simulation.
        batch_size: windows computed together.
        adaptive: whether frames that hardly differ from the last one through the same crop are not encoded again.
        precision: "float32", "bfloat16" or "float16"; None is float16 on CUDA, else float32.
        backend: what runs a model, see `ccstereo.inference.make_backend`.
        decoder: renders ambisonics to ears, for models that predict those; by default eight virtual loudspeakers
            through a spherical head. It must be at the rate of the sound.

    Attributes:
        config: of the network.
        target: what the network predicts, and how sound comes back from it.

    Raises:
        ValueError: an argument is out of range.
        BackendError: the backend is not installed, or cannot run the network.
    """

    def __init__(
        self,
        model: Union["SpatialModel", Backend],
        *,
        hop: float | None = None,
        tdss: bool = True,
        batch_size: int = 16,
        adaptive: bool = True,
        precision: str | None = None,
        backend: str = "auto",
        decoder: "FOADecoder | None" = None,
    ) -> None:
        given = hasattr(model, "parameters")  # a model, no backend: torch need not be loaded to tell
        self._backend: Backend = make_backend(model, backend, precision) if given else model  # type: ignore[arg-type, assignment]
        self._model: Any = model if given else None
        self._weights: str | None = None  # from which the model can be loaded
        self.config = self._backend.config
        self.target = TARGETS[self.config.target]
        self.hop = self.config.hop if hop is None else hop
        self.tdss = tdss
        self.batch_size = batch_size
        self.adaptive = adaptive
        self.precision = self._backend.precision
        self.decoder = decoder
        self.stream(self.config.sample_rate)  # refuses arguments that are out of range now, not at the first file

    @classmethod
    def from_pretrained(
        cls,
        weights: str | Path = DEFAULT_WEIGHTS,
        *,
        device: str = "auto",
        backend: str = "auto",
        precision: str | None = None,
        fast: bool = False,
        tell: Callable[[str], None] | None = None,
        **options: Any,
    ) -> "Binauralizer":
        """Load weights by embedded name, folder, file or "hf-hub:owner/name" (see `load_model`).

        Args:
            weights: which, or a folder that `ccstereo export` wrote.
            device: torch's name, "cpu", "cuda:1"; or "auto": CUDA, then MPS if the network runs on it, else the CPU.
            backend: "auto", "torch", "openvino" or "onnx"; see `ccstereo.inference.load_backend`.
            precision: "float32", "bfloat16" or "float16"; None is float16 on CUDA, else float32.
            fast: windows three times as far apart, unless `options` say how far: quicker and less exact, see
                docs/speed.md.
            tell: called with a line for people, of what takes long or is done in another way than by default.
            options: as `Binauralizer` takes them.

        Raises:
            WeightsError: the weights are not found or damaged.
            BackendError: the device or the backend is not there.
        """
        running = load_backend(weights, backend=backend, device=device, precision=precision, tell=tell)
        if fast and options.get("hop") is None:
            options["hop"] = FAST_HOPS * running.config.hop
        made = cls(running, **options)
        made._weights = str(weights)
        return made

    @property
    def model(self) -> "SpatialModel":
        """The network in PyTorch; where another backend runs it, loaded when it is asked for.

        Raises:
            WeightsError: it is known as an exported network alone.
        """
        if self._model is None:
            from ccstereo.errors import WeightsError
            from ccstereo.models import load_model

            if self._weights is None:
                raise WeightsError("this Binauralizer was made of a backend: it has no model in PyTorch")
            self._model = load_model(self._weights, device=self._backend.device)
        return self._model  # type: ignore[no-any-return]

    @property
    def runs_on(self) -> str:
        """Device, what runs the network, and precision, such as "cpu (openvino, float32)"."""
        return f"{self._backend.device} ({self._backend.name}, {self.precision})"

    def stream(self, sample_rate: int, *, live: bool = False) -> BinauralStream:
        """Start a stream: push samples at this rate and frames at the model's, pull spatial sound.

        Args:
            sample_rate: Hz.
            live: keep the delay small, see `BinauralStream`.
        """
        return BinauralStream(
            self._backend,
            sample_rate=sample_rate,
            hop=self.hop,
            tdss=self.tdss,
            batch_size=self.batch_size,
            adaptive=self.adaptive,
            live=live,
        )

    def binauralize(self, mono: Any, sample_rate: int, frames: Any, frame_rate: float = 10.0) -> NDArray[np.float32]:
        """Convert arrays to the sound of two ears.

        Args:
            mono: (T,) sound, full scale +-1; int16, int32 and uint8 are scaled to it.
            sample_rate: Hz.
            frames: (N, H, W, 3) uint8, N >= 1, the first at the first sample; the last one stays to the end.
            frame_rate: frames a second.

        Returns:
            (2, T) float32 at the same rate, left ear first.

        Raises:
            ValueError: shapes, types or rates are not as above.

        >>> from ccstereo.models import create_model
        >>> model = create_model("ccstereo-lite")
        >>> sound, frames = np.zeros(8000, dtype=np.float32), np.zeros((5, 48, 96, 3), dtype=np.uint8)
        >>> Binauralizer(model).binauralize(sound, 16000, frames, 10.0).shape
        (2, 8000)
        """
        return self._ears(sample_rate).render(self.spatialize(mono, sample_rate, frames, frame_rate), last=True)

    def spatialize(self, mono: Any, sample_rate: int, frames: Any, frame_rate: float = 10.0) -> NDArray[np.float32]:
        """Do the same as `binauralize`, but give the sound as the model's target has it: (2, T), or (4, T) of FOA."""
        sample_rate, frame_rate = check_sample_rate(sample_rate), check_frame_rate(frame_rate)
        samples = mono.detach().cpu().numpy() if hasattr(mono, "detach") else np.asarray(mono)
        pixels = frames.detach().cpu().numpy() if hasattr(frames, "detach") else np.asarray(frames)
        if samples.ndim != 1:
            raise ValueError(f"expected mono sound (T,), got an array of shape {samples.shape}")
        if pixels.ndim != 4 or len(pixels) == 0:
            raise ValueError(f"expected frames (N, H, W, 3) with N >= 1, got an array of shape {pixels.shape}")
        stream = self.stream(sample_rate)
        own_rate = self.config.frame_rate
        step = sample_rate / own_rate
        pieces = [stream.pull()]
        for k in range(max(1, math.ceil(len(samples) / step))):
            shown = int(k / own_rate * frame_rate + 1e-6)
            stream.push_frame(pixels[min(shown, len(pixels) - 1)])
            stream.push_samples(samples[round(k * step) : round((k + 1) * step)])
            pieces.append(stream.pull())
        stream.finish()
        return np.concatenate([*pieces, stream.pull()], axis=1)

    def convert(
        self,
        input_path: str | Path,
        output_path: str | Path,
        options: ConversionOptions = ConversionOptions(),  # noqa: B008  (frozen)
        *,
        progress: Progress | None = None,
        **changes: Any,
    ) -> ConversionReport:
        """Convert a video file: its frames are copied, its sound is mixed to mono and made binaural, as loud as it was.

        Args:
            input_path: any video with sound that FFmpeg reads, the address of one, or "-" for standard input.
            output_path: .mp4, .m4v, .mov, .mkv or .webm; .wav or .flac write the sound alone. The file appears when it
                is whole; a file of that name stays as it was until then. "-" is standard output.
            options: see `ConversionOptions`.
            progress: called with seconds done and seconds in all; 0 while those are not known.
            changes: fields of `options` that differ from it, such as gain=-3.0.

        Raises:
            MediaError: the input cannot be read or the output cannot be written.
            ValueError: an option is out of range.
        """
        from ccstereo.media import default_output, delivered, stored

        begin = time.monotonic()
        options = replace(options, **changes)
        with stored(input_path) as source, delivered(output_path, default_output(source).suffix) as target:
            report = self._convert(source, target, options, progress or _no_progress)
        return replace(report, input=Path(input_path), output=Path(output_path), elapsed=time.monotonic() - begin)

    def _convert(
        self, source: Path | str, target: Path, options: ConversionOptions, progress: Progress
    ) -> ConversionReport:
        from ccstereo.analysis import plan_reading
        from ccstereo.mastering import AmbisonicFinisher, Finisher
        from ccstereo.media import SOUND_FILES, MediaReader, check_output, open_writer

        self._check_format(options)
        check_output(source, target, codec=options.codec, bitrate=options.bitrate, reencode=options.reencode)
        plan = plan_reading(source, options, copies_video=target.suffix.lower() not in SOUND_FILES)
        config = self.config
        with (
            MediaReader(
                source,
                frame_rate=config.frame_rate,
                frame_size=config.resize,
                selection=plan.selection,
                mixdown=plan.mixdown,
                wanted=self.stream(config.sample_rate).plan.looks_at,
            ) as reader,
            prefetched(reader) as chunks,
        ):
            rate, total = reader.sample_rate, reader.duration
            stream, ears = self.stream(rate), self._ears(rate, options)
            finisher: Finisher | AmbisonicFinisher
            if options.format == "foa":
                finisher = AmbisonicFinisher(rate, gain=options.gain, true_peak=options.true_peak)
            else:
                finisher = Finisher(
                    rate,
                    gain=options.gain,
                    side_gain=options.side_gain,
                    keep_bed=options.keep_bed,
                    true_peak=options.true_peak,
                )
            with open_writer(
                source,
                target,
                sample_rate=rate,
                audio_start=reader.audio_start,
                codec=options.codec,
                bitrate=options.bitrate,
                audio_tracks=reader.audio_tracks,
                cut=reader.cut,
                reencode=options.reencode,
                ambisonic=options.format == "foa",
            ) as writer:
                output = _Output(ears, finisher, writer)
                with written_behind(output.take) as give:
                    done = 0
                    for sound in _through(stream, chunks, give):
                        done += sound.shape[1]
                        progress(min(done / rate, total or np.inf), total)
                if output.samples == 0 and options.start:
                    raise MediaError(f"{source}: its sound ends before --start {options.start:g}; begin earlier")
                if output.samples == 0:
                    raise MediaError(f"{source}: its sound track is empty; nothing to make binaural")
        samples, power = output.samples, output.power
        progress(samples / rate, samples / rate)  # the header's total may be longer
        return ConversionReport(
            input=Path(source),
            output=target,
            duration=samples / rate,
            start=reader.start,
            sample_rate=rate,
            elapsed=0.0,
            windows=stream.windows_done,
            frames=stream.frames_encoded,
            peak=writer.peak,
            true_peak=20 * math.log10(max(finisher.true_peak, 1e-10)),
            input_loudness=finisher.input_loudness,
            output_loudness=finisher.output_loudness,
            side_to_mid=float(np.sqrt(power[1] / max(power[0], 1e-20))),
            notes=(*plan.notes, *_snapped(options, reader.start), *reader.notes, *writer.notes, *finisher.notes),
            runs_on=self.runs_on,
        )

    def _check_format(self, options: ConversionOptions) -> None:
        if self.target.has_ears and (options.format == "foa" or options.sofa):
            what = "--format foa" if options.format == "foa" else "--sofa"
            raise CCStereoError(
                f"{what} is for weights that predict ambisonics, and these predict both ears; `ccstereo models` says "
                f"what each model predicts"
            )

    def _ears(self, sample_rate: int, options: ConversionOptions = ConversionOptions()) -> EarRenderer:  # noqa: B008
        if self.target.has_ears or options.format == "foa":
            return EarRenderer()
        if self.decoder is not None and self.decoder.sample_rate != sample_rate:
            raise ValueError(f"the decoder is for {self.decoder.sample_rate} Hz, the sound is at {sample_rate} Hz")
        from ccstereo.scenes.acoustics.decoders import load_decoder

        if options.sofa:
            return EarRenderer(load_decoder(sofa=Path(options.sofa), sample_rate=sample_rate))
        return EarRenderer(self.decoder or load_decoder(sample_rate=sample_rate))


def _mid_and_side(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Energies (2,) of l + r and l - r; of ambisonics, those of two cardioids that face left and right: 2 W and 2 Y."""
    first, second = sound[:2].astype(np.float64)
    middle, side = (first + second, first - second) if len(sound) == 2 else (2 * first, 2 * second)
    return np.array([np.square(middle).sum(), np.square(side).sum()])


def _snapped(options: ConversionOptions, start: float) -> list[str]:
    if options.preview or abs(start - options.start) < 0.002:
        return []
    return [f"begins at {start:.2f} s, where the last key frame before {options.start:.2f} s is: the video is copied"]


def _no_progress(done: float, total: float) -> None:
    pass


def _through(
    stream: BinauralStream,
    chunks: "Iterator[AudioChunk | FrameChunk]",
    give: "Callable[[AudioChunk | _Sound], None]",
) -> Iterator[NDArray[np.float32]]:
    """Push all that a file gives; give the sound of it and what comes out to the output, and yield the latter."""
    from ccstereo.media import AudioChunk

    for chunk in chunks:
        if isinstance(chunk, AudioChunk):
            give(chunk)
            stream.push_samples(chunk.samples)
        else:
            stream.push_frame(chunk.frame, chunk.index)
        ready = stream.pull()
        if ready.shape[1]:
            give(_Sound(ready))
            yield ready
    stream.finish()
    rest = stream.pull()
    give(_Sound(rest, last=True))
    yield rest


@dataclass(frozen=True)
class _Sound:
    """A piece of what a stream gives, (K, T), and whether it is the last."""

    samples: NDArray[np.float32]
    last: bool = False


class _Output:
    """What becomes of a stream's sound: rendered to ears, finished and written, in a thread beside the prediction.

    Attributes:
        samples: written so far.
        power: energies (2,) of their middle and side.
    """

    def __init__(
        self, ears: EarRenderer, finisher: "Finisher | AmbisonicFinisher", writer: "StereoWriter | SoundWriter"
    ) -> None:
        self._ears, self._finisher, self._writer = ears, finisher, writer
        self.samples = 0
        self.power = np.zeros(2)

    def take(self, piece: "AudioChunk | _Sound") -> None:
        """Take the input's sound, and later what was predicted from it."""
        if not isinstance(piece, _Sound):
            self._finisher.push_input(piece.samples, piece.played)
            return
        stereo = self._finisher.push(self._ears.render(piece.samples, last=piece.last))
        if piece.last:
            stereo = np.concatenate([stereo, self._finisher.finish()], axis=1)
        self._writer.write(stereo)
        self.samples += stereo.shape[1]
        self.power += _mid_and_side(stereo)
