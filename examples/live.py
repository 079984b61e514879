"""Live binaural sound: a microphone and a camera in, headphones out. docs/live.md says what to expect.

    python examples/live.py                                        microphone, camera, headphones
    python examples/live.py --sound film.mp4 --video film.mp4      a film in real time
    python examples/live.py --sound film.mp4 -o out.wav --seconds 10

Three threads share the work: a clock (the sound card's, or this program's) takes a block of sound in and gives a block
out; a worker pushes what came in through the network; a camera keeps its newest frame. The clock waits for neither:
what the network has not finished in time is played as mono, and where the camera stalls its last frame stands.
Ctrl-C ends it.
"""

import argparse
import platform
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import numpy as np

import ccstereo
from ccstereo.errors import CCStereoError
from ccstereo.inference import BinauralStream
from ccstereo.media import SoundWriter, read_mono

BLOCK = 0.02  # seconds of sound in and out at a time
STALLED = 1.0  # seconds without a frame that are worth a message
SAMPLE_RATE = 48_000  # of a microphone
CAMERAS = {"Linux": ("v4l2", "/dev/video0"), "Darwin": ("avfoundation", "0:none"), "Windows": ("dshow", "")}


def main(arguments: list[str] | None = None) -> int:
    """Run until the sound ends, the time is over, or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sound", type=Path, metavar="FILE", help="play this in real time (default: the microphone)")
    parser.add_argument(
        "--video", metavar="FILE", help="a video, or FFmpeg's name of a camera (default: the first one)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.wav", help="write there (default: the headphones)")
    parser.add_argument("--seconds", type=float, default=float("inf"), metavar="S", help="end after so long")
    parser.add_argument("--weights", default=ccstereo.DEFAULT_WEIGHTS, metavar="W")
    parser.add_argument("--hop", type=float, default=0.2, metavar="S", help="seconds between windows (default: 0.2)")
    parser.add_argument("--delay", type=float, metavar="S", help="play so late (default: what this computer needs)")
    options = parser.parse_args(arguments)
    try:
        return run(options)
    except CCStereoError as error:
        print(f"live.py: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before anything was played
        return 130


def run(options: argparse.Namespace) -> int:
    """Connect the threads, let the clock run, and report."""
    sound, rate = read_mono(options.sound) if options.sound else (None, SAMPLE_RATE)
    binauralizer = ccstereo.Binauralizer.from_pretrained(options.weights, hop=options.hop)
    with ExitStack() as stack:
        camera = stack.enter_context(Camera(options.video))
        worker = Worker(lambda: binauralizer.stream(rate, live=True), camera.newest, binauralizer.config.frame_rate)
        needed = worker.warm_up(rate)
        latency = worker.stream.latency
        print(f"a window takes {needed:.3f} s to compute, and a new one begins every {options.hop:g} s")
        if needed > options.hop:
            print("that is too slow: most will be mono; try a longer --hop (at most 0.63), or smaller weights")
        delay = options.delay or latency + 2 * needed + 3 * BLOCK
        playout = Playout(round(delay * rate))
        print(f"a sample is ready after {latency:.2f} s (promised), and is played after {delay:.2f} s; Ctrl-C ends")
        worker.start(playout, rate)
        stack.callback(worker.end)
        writer = stack.enter_context(SoundWriter(options.output, sample_rate=rate)) if options.output else None
        blocks = None if sound is None else in_blocks(sound, round(BLOCK * rate), silence=playout.delay)

        def tick(block: np.ndarray | None) -> np.ndarray | None:
            """Take a block in, give one out; None at the end."""
            block = block if blocks is None else next(blocks, None)
            if block is None or playout.played >= options.seconds * rate:
                return None
            playout.put(block)
            worker.put(block)
            stereo = playout.take(len(block))
            if writer is not None:
                writer.write(stereo)
            return stereo

        def watch() -> None:
            camera.watch()
            playout.watch()

        try:
            run_clock(tick, rate, microphone=sound is None, headphones=writer is None, watch=watch)
        except KeyboardInterrupt:
            print()
    waits = np.array(worker.waits or [np.nan])
    print(
        f"{playout.played / rate:.1f} s: ready after {np.median(waits):.2f} s (median), {waits.max():.2f} s (longest); "
        f"{playout.underruns} underruns, {100 * playout.mono / max(1, playout.played):.0f} % played as mono"
    )
    return 0


class Playout:
    """Sound on its way out: played a fixed time after it came, in stereo where that is ready, else as it came.

    Args:
        delay: samples.

    Attributes:
        played: samples taken, the silence of the delay included.
        mono: of these, samples that were not ready in time.
        underruns: how often stereo gave way to mono.
    """

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self.played = self.mono = self.underruns = 0
        self._size = 4 * delay + 2**16  # of the rings below, in which sample n stands at n modulo size
        self._dry = np.zeros(self._size, np.float32)
        self._stereo = np.zeros((2, self._size), np.float32)
        self._ready = np.zeros(self._size, bool)
        self._came = 0
        self._gain = 0.0  # of stereo; mono has the rest
        self._said = 0
        self._lock = threading.Lock()

    def put(self, mono: np.ndarray) -> None:
        """Add what has come in, (T,)."""
        with self._lock:
            self._dry[self._places(self._came, len(mono))] = mono
            self._ready[self._places(self._came, len(mono))] = False
            self._came += len(mono)

    def put_stereo(self, start: int, stereo: np.ndarray) -> None:
        """Add what was made of the samples from `start` on, (2, T)."""
        with self._lock:
            places = self._places(start, stereo.shape[1])
            self._stereo[:, places] = stereo
            self._ready[places] = True

    def take(self, count: int) -> np.ndarray:
        """Samples (2, count) to be played now. A block fades from stereo to mono if the next one is not ready."""
        with self._lock:
            start = self.played - self.delay
            self.played += count
            places = self._places(start, count)
            if start + count <= 0:
                return np.zeros((2, count), np.float32)
            here = bool(self._ready[places].all())
            gain = 1.0 if here and self._ready[self._places(start + count, count)].all() else 0.0
            if not here:
                self._gain = 0.0
            self.underruns += gain < self._gain
            self.mono += 0 if gain else count
            ramp = np.linspace(self._gain, gain, count, dtype=np.float32)
            self._gain = gain
            return np.where(
                np.arange(start, start + count) < 0, 0, self._dry[places] * (1 - ramp) + self._stereo[:, places] * ramp
            )

    def watch(self) -> None:
        """Say so when stereo has given way to mono."""
        if self.underruns != self._said:
            self._said = self.underruns
            print("too slow: mono until the network has caught up")

    def _places(self, start: int, count: int) -> np.ndarray:
        return np.arange(start, start + count) % self._size


class Worker:
    """Pushes sound and frames through a stream, in a thread of its own, and starts anew when it has fallen behind."""

    def __init__(
        self, make_stream: Callable[[], BinauralStream], newest: Callable[[], np.ndarray], frame_rate: float
    ) -> None:
        self.waits: list[float] = []  # seconds from the coming of a block to its being ready
        self._make_stream = make_stream
        self._newest = newest
        self._frame_rate = frame_rate
        self._blocks: queue.Queue[tuple[float, int, np.ndarray] | None] = queue.Queue()
        self._came = 0
        self._over = threading.Event()
        self.stream = make_stream()

    def warm_up(self, rate: int) -> float:
        """Seconds that a window takes once everything is loaded, the median of two seconds' windows."""
        times = []
        step = round(BLOCK * rate)
        for k in range(round(2.5 / BLOCK)):
            if k % round(1 / self._frame_rate / BLOCK) == 0:
                self.stream.push_frame(self._newest())
            begin, before = time.perf_counter(), self.stream.windows_done
            self.stream.push_samples(np.zeros(step, np.float32) + 1e-3)
            if self.stream.windows_done > before:
                times.append((time.perf_counter() - begin) / (self.stream.windows_done - before))
        return float(np.median(times[2:]))

    def start(self, playout: Playout, rate: int) -> None:
        """Begin, with a new stream."""
        self._playout, self._rate = playout, rate
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, block: np.ndarray) -> None:
        """Hand over a block, and go on at once."""
        self._blocks.put((time.monotonic(), self._came, block))
        self._came += len(block)

    def end(self) -> None:
        """Stop, whatever is still to be done."""
        self._over.set()
        self._blocks.put(None)
        self._thread.join()

    def _work(self) -> None:
        rate, first, pushed, given, frames = self._rate, 0, 0, 0, 0
        times: list[tuple[int, float]] = []  # end of a block, and when it came
        stream = self._make_stream()
        while (item := self._blocks.get()) is not None and not self._over.is_set():
            came, start, block = item
            if time.monotonic() - came > self._playout.delay / rate:  # too late already: what comes next may not be
                while not self._blocks.empty():
                    if (item := self._blocks.get()) is None:
                        return
                came, start, block = item
                stream, first, pushed, given, frames, times = self._make_stream(), start, 0, 0, 0, []
            while frames * rate <= pushed * self._frame_rate:
                stream.push_frame(self._newest())
                frames += 1
            stream.push_samples(block)
            pushed += len(block)
            times.append((pushed, came))
            stereo = stream.pull()
            self._playout.put_stereo(first + given, stereo)
            given += stereo.shape[1]
            while times and times[0][0] <= given:
                self.waits.append(time.monotonic() - times.pop(0)[1] + len(block) / rate)


class Camera:
    """Keeps the newest frame of a camera, or of a video played in real time, in a thread of its own."""

    def __init__(self, name: str | None) -> None:
        kind, first = CAMERAS.get(platform.system(), ("v4l2", "/dev/video0"))
        self._file = name is not None and Path(name).is_file()
        self._name = name or first
        try:
            self._container: Any = av.open(self._name, format=None if self._file else kind)
            self._stream = self._container.streams.video[0]
        except (av.FFmpegError, OSError, IndexError, ValueError) as error:
            raise CCStereoError(f"{self._name}: no video and no camera ({error}); name one with --video") from error
        self._frame: np.ndarray | None = None
        self._came = self._begin = time.monotonic()
        self._stalled = self._end = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def newest(self) -> np.ndarray:
        """The newest frame, (H, W, 3) uint8."""
        assert self._frame is not None
        return self._frame

    def watch(self) -> None:
        """Say so when frames stop, and when they come again."""
        stalled = time.monotonic() - self._came > STALLED
        if stalled != self._stalled:
            print("no frames come; the last one stands" if stalled else "frames come again")
        self._stalled = stalled

    def _read(self) -> None:
        try:
            for frame in self._container.decode(self._stream):
                while self._file and self._frame is not None and not self._end:
                    ahead = (frame.time or 0) - (time.monotonic() - self._begin)
                    if ahead <= 0:
                        break
                    time.sleep(min(ahead, BLOCK))
                if self._end:
                    return
                self._frame = frame.to_ndarray(format="rgb24")
                self._came = time.monotonic()
        except (av.FFmpegError, OSError) as error:
            print(f"{self._name}: {error}")

    def __enter__(self) -> "Camera":
        self._thread.start()
        while self._frame is None and self._thread.is_alive() and time.monotonic() - self._begin < 10:
            time.sleep(0.01)
        if self._frame is None:
            raise CCStereoError(f"{self._name}: gives no frame")
        self._begin = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._end = True
        self._thread.join(1)


def in_blocks(sound: np.ndarray, size: int, silence: int) -> Iterator[np.ndarray]:
    """A sound (T,) in blocks of a size, and so much silence behind it that all of it is played."""
    padded = np.pad(sound, (0, silence + size - 1))
    for start in range(0, len(sound) + silence, size):
        yield padded[start : start + size]


def run_clock(
    tick: Callable[[np.ndarray | None], np.ndarray | None],
    rate: int,
    *,
    microphone: bool,
    headphones: bool,
    watch: Callable[[], None],
) -> None:
    """Call `tick` for every block, at the pace of the sound card where one is used, until it gives None."""
    size = round(BLOCK * rate)
    if not microphone and not headphones:
        begin, done = time.monotonic(), 0
        while tick(None) is not None:
            done += size
            watch()
            time.sleep(max(0.0, begin + done / rate - time.monotonic()))
        return
    sounddevice = import_sounddevice()
    over = threading.Event()

    failed: list[Exception] = []

    def callback(*arguments: Any) -> None:
        stereo = None
        try:
            stereo = tick(arguments[0][:, 0].copy() if microphone else None)
        except Exception as error:  # of writing; sounddevice would print it, and this would wait for ever
            failed.append(error)
        if headphones:
            arguments[1 if microphone else 0][:] = 0 if stereo is None else stereo.T
        if stereo is None:
            over.set()

    kind = {(True, True): "Stream", (True, False): "InputStream", (False, True): "OutputStream"}[microphone, headphones]
    channels = {"Stream": (1, 2), "InputStream": 1, "OutputStream": 2}[kind]
    try:
        with getattr(sounddevice, kind)(rate, size, channels=channels, dtype="float32", callback=callback):
            while not over.wait(0.1):
                watch()
    except sounddevice.PortAudioError as error:
        raise CCStereoError(f"the sound card cannot be used ({error}); give --sound FILE and -o OUT.wav") from error
    if failed:
        raise failed[0]


def import_sounddevice() -> Any:
    """The package that speaks to sound cards.

    Raises:
        CCStereoError: it, or the library below it, is not installed.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise CCStereoError("a microphone or headphones need sounddevice; pip install sounddevice") from error
    except OSError as error:  # on Linux its wheel comes without
        raise CCStereoError("sounddevice finds no PortAudio; on Debian: apt install libportaudio2") from error
    return sounddevice


if __name__ == "__main__":
    sys.exit(main())
