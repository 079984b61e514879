"""Speed and peak memory of the main job, as whole processes of the real command line.

python research/scripts/measure.py VIDEO                    speed: seconds of video converted in a second
python research/scripts/measure.py VIDEO --minutes 1 60     peak memory, the video repeated to a minute and to an hour
python research/scripts/measure.py VIDEO --minutes 60 --fast    the same with options of ccstereo binauralize
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av


def repeat(source: Path, target: Path, seconds: float) -> None:
    """Write a video again and again, packet by packet, until it is `seconds` long."""
    with av.open(str(source)) as first, av.open(str(target), "w") as out:
        wanted = [first.streams.best("video"), first.streams.best("audio")]
        copies = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in wanted}
        length = float(max(end_of(source, stream.index) for stream in wanted))
        for turn in range(max(1, round(seconds / length))):
            with av.open(str(source)) as again:
                for packet in again.demux([again.streams[index] for index in copies]):
                    if packet.dts is None:
                        continue
                    shift = round(turn * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = copies[packet.stream.index]
                    out.mux(packet)


def end_of(path: Path, index: int) -> float:
    """Seconds from a track's first decoding time to its end."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams[index]) if p.dts is not None]
        last = max(packets, key=lambda packet: packet.dts)
        return float((last.dts + max(last.duration or 0, 1) - packets[0].dts) * last.time_base)


def convert(source: Path, folder: Path, options: list[str]) -> tuple[float, float]:
    """Seconds and peak memory (MB) of one conversion."""
    out = str(folder / "out.mp4")
    command = [sys.executable, "-m", "ccstereo", "binauralize", str(source), "-o", out, "-q", "--overwrite", *options]
    begin = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the conversion failed")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def seconds_of(path: Path) -> float:
    with av.open(str(path)) as container:
        return container.duration / av.time_base


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--minutes", type=float, nargs="*", default=[])
    parser.add_argument("--runs", type=int, default=3)
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not options.minutes:
            length = seconds_of(options.video)
            for _ in range(options.runs):
                elapsed, memory = convert(options.video, folder, more)
                print(
                    f"{length:.1f} s in {elapsed:.1f} s: {length / elapsed:.1f} times real time, peak {memory:.0f} MB"
                )
        for minutes in options.minutes:
            video = folder / f"repeated{options.video.suffix}"
            repeat(options.video, video, 60 * minutes)
            elapsed, memory = convert(video, folder, more)
            print(f"{seconds_of(video) / 60:.1f} minutes in {elapsed:.0f} s, peak {memory:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
