"""How long a conversion takes: an earlier release, this one and the paper's algorithm, in turn, with ratios.

    python research/scripts/measure_speed.py FILM.mp4 --before ../release --runs 5 --avx2     # whole command lines
    python research/scripts/measure_speed.py FILM.mp4 --before ../release --repeat 4          # of the film four times
    python research/scripts/measure_speed.py FILM.mp4 --before ../release --busy              # beside a busy process
    python research/scripts/measure_speed.py --network --seconds 10                           # the full-size network

Runs alternate, so that whatever else the machine does meets all alike. A run is a process of its own, start-up
included; wall-clock and processor time are both given, the latter because it depends less on what else is running. The
first run of this release, which converts the network, is not counted. `--avx2` holds PyTorch and OpenVINO to AVX2.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def timed(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall-clock and processor seconds of a process and its children."""
    begin, before = time.perf_counter(), os.times()
    subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return time.perf_counter() - begin, used


def convert_with(checkout: Path, film: Path, out: Path, options: Sequence[str], environment: dict[str, str]):
    """A conversion by the command line of a checkout."""
    command = [sys.executable, "-m", "ccstereo", "binauralize", str(film), "-q", *options]

    def run() -> tuple[float, float]:
        out.unlink(missing_ok=True)
        return timed([*command, "-o", str(out)], environment | {"PYTHONPATH": str(checkout / "src")})

    return run


def network_with(kind: str, seconds: float, folder: Path, environment: dict[str, str]):
    """The full-size network on noise, by itself: `kind` is "paper", or how OpenVINO computes it, see `worker`."""
    command = [sys.executable, __file__, "--worker", kind, "--seconds", str(seconds), "--networks", str(folder)]

    def run() -> tuple[float, float]:
        path = {"PYTHONPATH": str(ROOT / "src")}
        found = subprocess.run(
            command, env=os.environ | environment | path, check=True, capture_output=True, text=True
        ).stdout.split()
        return float(found[0]), float(found[1])

    return run


def export_networks(folder: Path) -> None:
    """The full-size network for OpenVINO, as it is and with the encoder of frames in 8 bits."""
    import numpy as np
    import torch

    from ccstereo.inference.backends.openvino import OpenVINOBackend
    from ccstereo.inference.export import export_network
    from ccstereo.inference.quantize import Recorder, quantize_network
    from ccstereo.models import create_model

    torch.manual_seed(0)
    model = create_model("ccstereo").eval()
    for name in ("float32", "int8"):
        export_network(model, folder / name, "openvino")
    recorder = Recorder(OpenVINOBackend(folder / "int8"))
    recorder.encode_frames(np.random.default_rng(1).integers(0, 256, (16, 3, *model.config.frame_size), dtype=np.uint8))
    quantize_network(folder / "int8", recorder.asked)


def worker(kind: str, seconds: float, networks: Path) -> None:
    """Print wall-clock and processor seconds of the full-size network, without its start-up.

    `kind` is "paper", or OpenVINO's "float32", "bfloat16", "int8" or "int8 bfloat16": frames in 8 bits, windows in the
    other.
    """
    import numpy as np
    import torch

    from ccstereo import Binauralizer
    from ccstereo.audio import frame_index, istft, overlap_average, rms_gain, stft, window_count
    from ccstereo.inference.backends.openvino import OpenVINOBackend
    from ccstereo.models import create_model
    from ccstereo.vision.transforms import normalize

    torch.manual_seed(0)
    model = create_model("ccstereo").eval()
    config, rng = model.config, np.random.default_rng(0)
    sound = 0.1 * rng.standard_normal(round(seconds * config.sample_rate)).astype(np.float32)
    frames = rng.integers(0, 256, (round(10 * seconds) + 1, *config.resize, 3), dtype=np.uint8)

    @torch.inference_mode()
    def paper() -> None:
        """One window at a time, its frame encoded anew, as the released code does."""
        hop, windows = round(0.063 * config.sample_rate), []
        mixture = torch.from_numpy(2 * sound)
        count = window_count(len(sound), config.window, hop)
        mixture = torch.nn.functional.pad(mixture, (0, count * hop + config.window))
        for i in range(count):
            piece = mixture[i * hop :][: config.window][None]
            gain = rms_gain(piece)
            index = min(frame_index(i * hop, config.window, config.sample_rate, 10.0), len(frames) - 1)
            height, width = config.frame_size
            view = torch.from_numpy(frames[index]).permute(2, 0, 1)[None, :, :height, :width]
            spec = stft(piece * gain)
            windows.append(istft(model(spec, model.encode_frames(normalize(view))).diff_spec, config.window) / gain)
        overlap_average(torch.cat(windows), hop, len(sound))

    if kind == "paper":
        run: Callable[[], object] = paper
    else:
        folder = networks / ("int8" if "int8" in kind else "float32")
        backend = OpenVINOBackend(folder, "bfloat16" if "bfloat16" in kind else "float32")
        binauralizer = Binauralizer(backend, hop=0.063)
        run = lambda: binauralizer.binauralize(sound, config.sample_rate, frames, 10.0)  # noqa: E731
    wall, processor = time.perf_counter(), time.process_time()
    run()
    print(time.perf_counter() - wall, time.process_time() - processor)


def compare(systems: dict[str, Callable[[], tuple[float, float]]], runs: int) -> None:
    """Run all in turn; print medians, and how many times the first one's each takes."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
    for _ in range(runs):
        for name, run in systems.items():
            found[name].append(run())
    first = next(iter(found.values()))
    print("| | wall clock, s | processor, s | times as fast | by processor time |\n|---|---|---|---|---|")
    for name, times in found.items():
        wall, used = (statistics.median(column) for column in zip(*times, strict=True))
        ratios = [statistics.median(a[k] / b[k] for a, b in zip(first, times, strict=True)) for k in (0, 1)]
        print(f"| {name} | {wall:.1f} | {used:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("--before", type=Path, help="checkout of an earlier release")
    parser.add_argument("--options", nargs="+", default=[], help="more rows of this release: fast, 'hop 0.2'")
    parser.add_argument("--repeat", type=int, default=1, help="how often the film is shown in one file")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--avx2", action="store_true", help="hold all to AVX2")
    parser.add_argument("--busy", action="store_true", help="each row again beside a process that computes")
    parser.add_argument("--network", action="store_true", help="the full-size network and the paper's algorithm")
    parser.add_argument("--seconds", type=float, default=10.0, help="of noise for --network")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--networks", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.seconds, options.networks)
        return
    environment = AVX2 if options.avx2 else {}
    print(f"{os.cpu_count()} processors, instruction set: {'AVX2' if options.avx2 else 'all that there is'}\n")
    if options.network:
        kinds = ("paper", "float32", "int8", *([] if options.avx2 else ["bfloat16", "int8 bfloat16"]))
        with tempfile.TemporaryDirectory() as folder:
            export_networks(Path(folder))
            systems = {kind: network_with(kind, options.seconds, Path(folder), environment) for kind in kinds}
            compare(systems, options.runs)
        return
    with tempfile.TemporaryDirectory() as folder:
        film, out = options.film, Path(folder) / "out.mp4"
        if options.repeat > 1:
            film = Path(folder) / f"film{options.film.suffix}"
            loop = ["ffmpeg", "-v", "error", "-stream_loop", str(options.repeat - 1), "-i", str(options.film)]
            subprocess.run([*loop, "-c", "copy", str(film)], check=True)
        systems = {}
        if options.before:
            systems["before"] = convert_with(options.before, film, out, [], environment)
        for text in ["", *options.options]:
            extra = [f"--{part}" if not k else part for k, part in enumerate(text.split())] if text else []
            systems[f"now {text}".strip()] = convert_with(ROOT, film, out, extra, environment)
        convert_with(ROOT, options.film, out, [], environment)()  # converts the network
        compare(systems, options.runs)
        if options.busy:
            print("\nbeside a busy process:")
            with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
                compare(systems, options.runs)
                busy.kill()


if __name__ == "__main__":
    main()
