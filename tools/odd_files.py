"""Convert every file of folders to each kind of container, and check the results with FFmpeg's own command line.

    python tools/odd_files.py FOLDER ... [--expected expected.csv] [--page docs/files.md]

Of each result that is written, a second reader (`ffmpeg` and `ffprobe`, of the system) must find: every frame that a
player shows of the input, at its time, and no other; the packets of the video as they were; the sound in step, by the
peak of the cross-correlation with the input's; and the input's length. One line a file and container is printed; exit
status 1 if any of them is wrong. With --page, the table on that page is written anew.
"""

import argparse
import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ccstereo import Binauralizer, create_model
from ccstereo.errors import CCStereoError
from ccstereo.media.editlist import read_edits

SUFFIXES = (".mp4", ".mov", ".mkv", ".wav")
RATE = 48_000
WORDS = {"picture subtitles": "subtitles that are images", "pictures": "frames", "picture": "frame", "told": "given"}
MARKS = ("<!-- odd files: begin -->", "<!-- odd files: end -->")
SMALL = {
    **{"resize": (60, 120), "frame_size": (56, 112), "trunk": "slim", "trunk_channels": (8, 16, 24, 32)},
    **{"trunk_strides": (2, 2, 2, 2), "visual_channels": 32, "aspp_channels": 8, "audio_channels": (8, 16, 16, 16, 32)},
    **{"feedforward_channels": 32, "audio_blocks": (), "decoder_blocks": (), "log_magnitude": False, "context": 0},
}
FRAME_TIME = Fraction(1, 900)  # Matroska counts milliseconds
SOUND_TIME = 0.001


@dataclass
class Result:
    """What came of one file in one container."""

    outcome: str  # "ok", "error", or "WRONG"
    text: str = ""
    notes: list[str] = field(default_factory=list)
    sync: float | None = None


def main() -> int:
    """Check all files; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of media files, or one file")
    parser.add_argument("--expected", type=Path, metavar="CSV", help="file, want (ok or error) and why of each file")
    parser.add_argument("--page", type=Path, metavar="MD", help="page whose table is written anew")
    parser.add_argument("--suffixes", nargs="+", default=SUFFIXES, metavar="S", help="kinds of output")
    options = parser.parse_args()
    for tool in ("ffmpeg", "ffprobe"):
        if shutil.which(tool) is None:
            parser.error(f"needs {tool}, the second reader")
    expected = read_expected(options.expected)
    # Any network will do: what it predicts is the difference of both ears, and their sum is what is compared.
    binauralizer = Binauralizer(create_model("ccstereo-lite", **SMALL), hop=0.5)
    rows: list[tuple[str, str, dict[str, Result]]] = []
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in media_files(options.folders):
            results = {suffix: check(binauralizer, path, Path(folder), suffix) for suffix in options.suffixes}
            want, why = expected.get(path.name, ("", ""))
            best = "ok" if any(result.outcome == "ok" for result in results.values()) else "error"
            if want and best != want:
                results["all"] = Result("WRONG", f"{best}, expected {want}")
            for suffix, result in results.items():
                wrong += result.outcome == "WRONG"
                sync = "" if result.sync is None else f" (sound {1000 * result.sync:+.2f} ms)"
                print(
                    f"{path.name} {suffix}: {result.outcome}{sync} {result.text}".rstrip(), *result.notes, sep="\n    "
                )
                sys.stdout.flush()
            rows.append((path.name, why, results))
    if options.page is not None:
        write_page(options.page, rows, options.suffixes)
    print(f"{len(rows)} files, {wrong} wrong")
    return 1 if wrong else 0


def media_files(folders: list[Path]) -> Iterator[Path]:
    """All files of folders but tables and texts, in order."""
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
            if path.is_file() and path.suffix not in (".md", ".csv", ".txt"):
                yield path


def read_expected(path: Path | None) -> dict[str, tuple[str, str]]:
    """Outcome and reason by the name of a file."""
    if path is None:
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for word, ours in WORDS.items():  # as the glossary has them
            row["why"] = row["why"].replace(word, ours)
    return {row["file"]: (row["want"], row["why"]) for row in rows}


def check(binauralizer: Binauralizer, path: Path, folder: Path, suffix: str) -> Result:
    """Convert a file and look at the result with other eyes."""
    target = Path(tempfile.mkdtemp(dir=folder), f"out{suffix}")  # a path of its own: what is read is remembered
    try:
        report = binauralizer.convert(path, target)
    except CCStereoError as error:
        left = [p.name for p in target.parent.iterdir()]
        text = str(error).replace(str(target), f"out{suffix}").replace(str(path), path.name)
        return Result("WRONG", f"{text}; left {left}") if left or "\n" in text else Result("error", text)
    faults = []
    if suffix not in (".wav", ".flac"):
        faults += check_frames(path, target) + check_packets(path, target) + check_length(path, target)
    sync = sound_offset(path, target, sound_alone=suffix in (".wav", ".flac"))
    if sync is not None and abs(sync) > SOUND_TIME:
        faults.append(f"the sound is {1000 * sync:+.2f} ms late")
    target.unlink()
    return Result("WRONG" if faults else "ok", "; ".join(faults), list(report.notes), sync)


def check_frames(path: Path, target: Path) -> list[str]:
    """Whether a player shows the same frames at the same times."""
    before, after = shown_frames(path), shown_frames(target)
    if before is None or after is None:
        return ["the result does not decode"] if before is not None else []
    end = before[-1][0] - before[0][0] + after[0][0]
    after = list(after)
    while len(after) > len(before) and after[-1][0] > end and target.suffix == ".mkv" and not takes_time(path, after):
        after.pop()
    if [digest for _, digest in before] != [digest for _, digest in after]:
        return [f"{len(after)} frames of which {differing(before, after)} differ, of {len(before)}"]
    late = [float(b - a) for (a, _), (b, _) in zip(before, after, strict=True)]
    late = [time - late[0] for time in late]
    return [f"frames are up to {1000 * max(late, key=abs):+.1f} ms late"] if max(map(abs, late)) > FRAME_TIME else []


def takes_time(path: Path, frames: list[tuple[Fraction, str]]) -> bool:
    """Whether the last frame of a result comes before the input's edit list ends: later ones are there for others."""
    edits = read_edits(path)
    end = edits[video_index(path)].end if edits else None
    return end is None or frames[-1][0] + FRAME_TIME < end


def declared_length(path: Path) -> float:
    """Seconds that a file says it lasts."""
    text = run(["ffprobe", "-v", "error", "-show_format", "-of", "json", str(path)]) or b"{}"
    return float(json.loads(text).get("format", {}).get("duration", 0))


def check_length(path: Path, target: Path) -> list[str]:
    """Whether a file declares the length of what is in it, up to a frame, or the input's: subtitles may last longer."""
    frames, (begin, samples) = shown_frames(target) or [(Fraction(0), "")], sound(target)
    end = max(float(frames[-1][0]), begin + len(samples) / RATE)
    length = declared_length(target)
    if abs(length - declared_length(path)) < 0.03:
        return []
    step = float(frames[-1][0] - frames[0][0]) / max(1, len(frames) - 1)
    # FFmpeg's decoders give what an encoder put behind the end to fill its last frame of 1024 samples.
    filling = 1024 / float(stream_entry(target, "sample_rate", "a:0"))
    return [f"declares {length:.3f} s and holds {end:.3f} s"] if not -filling <= length - end <= step + 0.03 else []


def differing(before: list[tuple[Fraction, str]], after: list[tuple[Fraction, str]]) -> int:
    """How many frames of the second list are none of the first."""
    known = {digest for _, digest in before}
    return sum(digest not in known for _, digest in after)


@lru_cache(maxsize=8)
def shown_frames(path: Path) -> list[tuple[Fraction, str]] | None:
    """Time and checksum of each frame that takes time, as FFmpeg's command line decodes the default video.

    The times are those of the file; in an .avi, which has none, those of decoding in their order. Of an MP4's edit list
    FFmpeg shows the first whole frame at once; here the list is heeded by its own rule, which cuts a frame in two.
    """
    index = video_index(path)
    edits = read_edits(path) if path.suffix in (".mp4", ".mov", ".m4v", ".3gp", ".3g2") else None
    raw = ["-ignore_editlist", "1"] if edits else []
    command = ["ffmpeg", "-v", "error", "-copyts", *raw, "-i", str(path), "-map", f"0:{index}", "-fps_mode"]
    lines = run([*command, "passthrough", "-enc_time_base", "-1", "-f", "framemd5", "-"])
    if lines is None:
        return None
    base = Fraction(1)
    frames: list[tuple[Fraction, str]] = []
    for line in lines.decode().splitlines():
        if line.startswith("#tb"):
            base = Fraction(line.split(":")[1].strip())
        elif line and not line.startswith("#"):
            cells = [cell.strip() for cell in line.split(",")]
            time = int(cells[2]) * base + (edits[index].offset if edits else 0)
            if frames and time <= frames[-1][0]:  # the one before took no time
                frames.pop()
            frames.append((time, cells[-1]))
    if edits and edits[index].end is not None:
        start, end = edits[index].start, edits[index].end
        ends = [*(time for time, _ in frames[1:]), end]
        shown = [(max(time, start), digest) for (time, digest), stop in zip(frames, ends, strict=True) if stop > start]
        frames = [(time, digest) for time, digest in shown if time < end]
    if path.suffix == ".avi":
        command = ["ffprobe", "-v", "error", "-select_streams", str(index), "-show_entries", "packet=dts_time"]
        stamps = (run([*command, "-of", "csv=p=0", str(path)]) or b"").decode().replace(",", " ").split()
        times = sorted(Fraction(stamp) for stamp in stamps if stamp != "N/A")
        frames = [(time, digest) for time, (_, digest) in zip(times, frames, strict=False)]
    return frames


def check_packets(path: Path, target: Path) -> list[str]:
    """Whether the packets are those of the input, whatever form a container gives to the units in them."""
    before, after = (set(packets(p)) for p in (path, target))
    missing, added = before - after, after - before
    faults = [f"{len(added)} packets are not of the input"] if added else []
    return [*faults, f"{len(missing)} packets are missing"] if missing and target.suffix != ".mkv" else faults


@lru_cache(maxsize=8)
def packets(path: Path) -> list[str]:
    """Checksums of the packets of the default video, their units without lengths and start codes."""
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams[video_index(path)]
        codec = stream.codec_context.codec.canonical_name
        header = stream.codec_context.extradata or b""
        found = []
        for packet in container.demux(stream):
            if packet.size:
                data = bytes(packet)
                if codec in ("h264", "hevc"):
                    data = b"|".join(units(data, lengths=header[:1] == b"\1"))
                found.append(hashlib.md5(data).hexdigest())
        return found


def units(data: bytes, *, lengths: bool) -> list[bytes]:
    """The units of a packet of H.264 or HEVC."""
    if not lengths:
        return [unit.rstrip(b"\0") for unit in re.split(b"\0\0\0?\1", data) if unit]
    found = []
    while len(data) > 4:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size].rstrip(b"\0"))
        data = data[4 + size :]
    return found


def sound_offset(path: Path, target: Path, *, sound_alone: bool) -> float | None:
    """Seconds by which the result's sound comes later against its video than the input's; None where there is none.

    FFmpeg is asked to take jumps of 20 ms for gaps, and of 5 ms: what lies between is a gap in one file, and wanders in
    another.
    """
    found = [_offset(path, target, gap, sound_alone=sound_alone) for gap in (0.02, 0.005)]
    return min((late for late in found if late is not None), key=abs, default=None)


def _offset(path: Path, target: Path, gap: float, *, sound_alone: bool) -> float | None:
    (begin, before), (begin_after, after) = sound(path, gap), sound(target)
    if min(len(before), len(after)) < RATE // 50 or not before.any():
        return None
    size = 1 << (len(before) + len(after)).bit_length()
    product = np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size))
    lag = int(np.abs(np.fft.irfft(product, size)).argmax())
    lag -= size if lag > size // 2 else 0
    late = lag / RATE + begin_after - begin
    return late + file_start(path) if sound_alone else late + video_start(path) - video_start(target)


@lru_cache(maxsize=8)
def sound(path: Path, gap: float = 0.02) -> tuple[float, NDArray[np.float64]]:
    """The default sound: time of its first sample on the file's clock, and the samples as mono, with its gaps."""
    index = json.loads(run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]) or b"{}")
    tracks = [s for s in index.get("streams", ()) if s["codec_type"] == "audio"]
    if not tracks:
        return 0.0, np.zeros(0)
    tracks.sort(key=lambda s: -s["disposition"]["default"])
    # The first channel with any sound: of a sound that is its own opposite in the other ear, the mean is silence.
    resample = f"aresample={RATE}:async=1:min_hard_comp={gap}"
    command = ["ffmpeg", "-v", "error", "-copyts", "-i", str(path), "-map", f"0:{tracks[0]['index']}"]
    data = run([*command, "-af", resample, "-ac", "1", "-f", "f32le", "-"])
    if data is not None and not np.frombuffer(data, np.float32).any():
        data = run([*command, "-af", f"pan=mono|c0=c0,{resample}", "-f", "f32le", "-"])
    frames = ["ffprobe", "-v", "error", "-select_streams", str(tracks[0]["index"]), "-read_intervals", "%+#20"]
    first = run([*frames, "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", str(path)]) or b""
    times = [float(line.strip(b",")) for line in first.splitlines() if line.strip(b", \r") not in (b"", b"N/A")]
    return times[0] if times else 0.0, np.frombuffer(data or b"", np.float32).astype(np.float64)


@lru_cache(maxsize=8)
def video_index(path: Path) -> int:
    """Index of the video that a player shows."""
    text = run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]) or b"{}"
    videos = [s for s in json.loads(text).get("streams", ()) if s["codec_type"] == "video"]
    moving = [s for s in videos if not s["disposition"]["attached_pic"]]
    return int(max(moving, key=lambda s: (s["disposition"]["default"], s.get("width", 0)))["index"])


def stream_entry(path: Path, name: str, stream: str = "v:0") -> str:
    """An entry that ffprobe knows of a track."""
    command = ["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", f"stream={name}", "-of", "csv=p=0"]
    return (run([*command, str(path)]) or b"0").decode().split("\n")[0].strip(" ,")


def video_start(path: Path) -> float:
    """When the first frame is shown, on the file's clock."""
    frames = shown_frames(path)
    return float(frames[0][0]) if frames else 0.0


def file_start(path: Path) -> float:
    """When a player starts a file, on the file's clock: a broadcast begins anywhere, other files at 0."""
    text = run(["ffprobe", "-v", "error", "-show_entries", "format=start_time,format_name", "-of", "json", str(path)])
    found = json.loads(text or b"{}").get("format", {})
    return float(found.get("start_time", 0)) if "mpeg" in found.get("format_name", "") else 0.0


def run(command: list[str]) -> bytes | None:
    """What a command prints; None if it fails."""
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def write_page(page: Path, rows: list[tuple[str, str, dict[str, Result]]], suffixes: list[str]) -> None:
    """Write the table of a page anew, between its two marks."""
    lines = [
        f"| file | what it is | {' | '.join(suffixes)} | what is said |",
        f"|---|---|{'---|' * (len(suffixes) + 1)}",
    ]
    for name, why, results in rows:
        cells = [results[suffix].outcome for suffix in suffixes]
        said: dict[str, list[str]] = {}
        for suffix in suffixes:
            result = results[suffix]
            for text in [result.text] if result.outcome != "ok" else result.notes:
                said.setdefault(text.replace(f"out{suffix}: ", ""), []).append(suffix)
        notes = [text if len(where) == len(suffixes) else f"{', '.join(where)}: {text}" for text, where in said.items()]
        lines.append(f"| `{name}` | {why} | {' | '.join(cells)} | {'<br>'.join(notes)} |")
    before, _, rest = page.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    page.write_text(f"{before}{MARKS[0]}\n{chr(10).join(lines)}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    sys.exit(main())
