"""Material for scenes, small videos, and raw data sets in their layouts, with their quirks."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from ccstereo.scenes.material import Material

COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250)}


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def material() -> Material:
    """Three classes with a colour, three pictures and two noises each, on grounds that are darker on their left."""
    rng = np.random.default_rng(7)
    ground = np.repeat(np.linspace(60, 180, 200).astype(np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=-1)
    return Material(
        "coloured",
        {label: tuple(np.full((60, w, 3), c, np.uint8) for w in (40, 60, 80)) for label, c in COLOURS.items()},
        {label: tuple(rng.standard_normal((2, 40_000)).astype(np.float32)) for label in COLOURS},
        (ground,),
    )


@pytest.fixture(scope="session")
def make_video():
    """Write a small video whose picture k is a grey of 10 * k + 20 (mod 200), with noise of the kind asked for.

    `make_video(path, seconds, kind)`: "binaural" (the right ear is later and softer), "panned", "equal", "tone"
    (equal even as AAC stores it, whose noise above 4 kHz differs), "one" channel, "left" alone.
    """
    from ccstereo.media import write_video

    def write(path: Path, seconds: float = 2.0, kind: str = "binaural", seed: int = 0, rate: int = 16_000) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = (10 * np.arange(round(10 * seconds)) + 20) % 200
        frames = np.broadcast_to(grey[:, None, None, None], (len(grey), 48, 96, 3)).astype(np.uint8)
        rng = np.random.default_rng(seed)
        dry = np.convolve(
            rng.standard_normal(round(seconds * rate)), 0.9 ** np.arange(60), "same"
        )  # more below than above
        dry *= 0.1 / dry.std()
        pairs = {
            "binaural": (dry, 0.6 * np.roll(dry, round(0.0004 * rate))),
            "panned": (dry, 0.4 * dry),
            "equal": (dry, dry),
            "tone": (tone := 0.1 * np.sin(2 * np.pi * 440 / rate * np.arange(len(dry))), tone),
            "one": (dry,),
            "left": (dry, 0 * dry),
        }
        write_video(path, frames, np.stack(pairs[kind]).astype(np.float32), sample_rate=rate)
        return path

    return write


@pytest.fixture(scope="session")
def tree():
    """`tree(folder)`: every file's content by its path, to compare two folders byte by byte."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234567\n"


def cut_off(path: Path, share: float = 0.5) -> None:
    """Keep the first part of a file, as of a download that stopped."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


@pytest.fixture(scope="session")
def folder_raw(tmp_path_factory, make_video) -> Path:
    """Nine good videos, a truncated one, one of one channel, one of equal channels, one half silent, and a text."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(9):
        make_video(folder / "day 1" / f"{number}.mp4", 2.5, "panned" if number == 8 else "binaural", number)
    cut_off(make_video(folder / "cut.mp4", 3.0), 2 / 3)
    for kind in ("one", "equal", "left"):
        make_video(folder / f"{kind}.mp4", 1.0, kind)
    (folder / "page.mp4").write_text("<html>not found</html>")
    make_video(folder / "day 1" / "0.mkv", 1.0)
    (folder / "notes.txt").write_text("not a video")
    return folder


@pytest.fixture(scope="session")
def music_raw(tmp_path_factory, make_video) -> SimpleNamespace:
    """`.videos` in folders, and `.ids`, of which one is gone and one is there twice."""
    folder = tmp_path_factory.mktemp("music")
    make_video(folder / "solo" / "flute" / "-aB_c1.mp4", 21.0)
    make_video(folder / "duet" / "Dxy-2.webm.mkv", 1.0)  # another id
    make_video(folder / "duet" / "Dxy-2.mkv", 10.5, "panned")
    make_video(folder / "third6.mp4", 10.0, seed=6)
    make_video(folder / "mono3.mp4", 10.0, "tone")
    make_video(folder / "short5.mp4", 3.0)
    cut_off(make_video(folder / "cut7.mp4", 10.0))
    return SimpleNamespace(
        videos=folder, ids=["-aB_c1", "Dxy-2", "mono3", "gone4", "short5", "third6", "cut7", "Dxy-2"]
    )


@pytest.fixture(scope="session")
def fairplay_raw(tmp_path_factory, make_video) -> Path:
    """Clips 1 to 4 as video, png and jpg; then a pointer, no picture, a short video, a gap, mono, a truncated one."""
    folder = tmp_path_factory.mktemp("FAIR-Play")
    (folder / "binaural_audios").mkdir()
    for number in range(1, 11):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, (57_600, 2))
        soundfile.write(folder / "binaural_audios" / f"{number:06d}.wav", noise, 48_000, subtype="PCM_16")
        make_video(folder / "videos" / f"{number:06d}.mp4", 1.2, seed=number)
    for name, pattern, first in (
        ("000002.mp4", "%06d.png", 1),
        ("000003", "%d.jpg", 0),
        ("000004", "%d.jpg", 1),
        ("000008", "%d.jpg", 1),
    ):
        (folder / "frames" / name).mkdir(parents=True)
        for k in range(12):
            picture = Image.fromarray(np.full((90, 160, 3), 10 * k + 20, np.uint8))
            picture.save(folder / "frames" / name / (pattern % (first + k)))
    (folder / "binaural_audios" / "000005.wav").write_bytes(POINTER)
    (folder / "videos" / "000006.mp4").unlink()
    make_video(folder / "videos" / "000007.mp4", 0.4)
    (folder / "frames" / "000008" / "5.jpg").unlink()
    soundfile.write(folder / "binaural_audios" / "000009.wav", np.zeros(48_000), 48_000)
    cut_off(folder / "videos" / "000010.mp4")
    write_fairplay_splits(folder / "splits")
    return folder


def write_fairplay_splits(folder: Path) -> None:
    """Split 1 as the authors' HDF5 with their own paths, split 2 as pointers, split 3 as text, split 4 with a twin."""
    h5py = pytest.importorskip("h5py")
    parts = {"train": [1, 2, 77], "val": [3], "test": [4]}
    for name in ("split1", "split2", "split3", "split4"):
        (folder / name).mkdir(parents=True)
        for part, numbers in parts.items():
            if name == "split1":
                with h5py.File(folder / name / f"{part}.h5", "w") as file:
                    paths = [f"/private/home/someone/FAIR-Play/binaural_audios/{n:06d}.wav" for n in numbers]
                    file["audio"] = np.array(paths, dtype="S")
            elif name == "split2":
                (folder / name / f"{part}.h5").write_bytes(POINTER)
            else:
                twice = numbers[:1] if name == "split4" else []
                (folder / name / f"{part}.txt").write_text("".join(f"{n:06d}.mp3\n" for n in [*numbers, *twice]))
