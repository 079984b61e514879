"""Small data made on the spot: raw sets in their own layouts with their quirks, a user's material, a prepared set."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from ccstereo.datasets.prepared.build import Folds, Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.media import write_video
from ccstereo.scenes.synthetic.photos import synthetic_background, synthetic_photo
from ccstereo.scenes.synthetic.sounds import synthetic_sound

MATERIAL = ("bell", "drum", "car")
MUSIC_IDS = ["-aB_c1", "Dxy-2", "mono3", "gone4", "short5", "third6", "cut7", "Dxy-2"]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234567\n"


def make_video(path: Path, seconds: float = 2.0, kind: str = "binaural", seed: int = 0, rate: int = 16_000) -> Path:
    """Write a small video whose frame k is a grey of 10 * k + 20 (mod 200), with noise of the kind asked for.

    Kinds: "binaural" (the right ear is later and softer), "panned", "equal", "tone" (equal even as AAC stores it, whose
    noise above 4 kHz differs), "one" channel, "left" alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = (10 * np.arange(round(10 * seconds)) + 20) % 200
    frames = np.broadcast_to(grey[:, None, None, None], (len(grey), 48, 96, 3)).astype(np.uint8)
    rng = np.random.default_rng(seed)
    dry = np.convolve(rng.standard_normal(round(seconds * rate)), 0.9 ** np.arange(60), "same")  # more below than above
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


def cut_off(path: Path, share: float = 0.5) -> None:
    """Keep the first part of a file, as of a download that stopped."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


def make_folder_set(folder: Path) -> Path:
    """Nine good videos, a truncated one, one of one channel, one of equal channels, one half silent, and a text."""
    for number in range(9):
        make_video(folder / "day 1" / f"{number}.mp4", 2.5, "panned" if number == 8 else "binaural", number)
    cut_off(make_video(folder / "cut.mp4", 3.0), 2 / 3)
    for kind in ("one", "equal", "left"):
        make_video(folder / f"{kind}.mp4", 1.0, kind)
    (folder / "page.mp4").write_text("<html>not found</html>")
    make_video(folder / "day 1" / "0.mkv", 1.0)
    (folder / "notes.txt").write_text("not a video")
    return folder


def make_music(folder: Path) -> Path:
    """Videos in folders, of `MUSIC_IDS`, of which one is gone and one is there twice."""
    make_video(folder / "solo" / "flute" / "-aB_c1.mp4", 21.0)
    make_video(folder / "duet" / "Dxy-2.webm.mkv", 1.0)  # another id
    make_video(folder / "duet" / "Dxy-2.mkv", 10.5, "panned")
    make_video(folder / "third6.mp4", 10.0, seed=6)
    make_video(folder / "mono3.mp4", 10.0, "tone")
    make_video(folder / "short5.mp4", 3.0)
    cut_off(make_video(folder / "cut7.mp4", 10.0))
    return folder


def make_fairplay(folder: Path) -> Path:
    """Clips 1 to 4 as video, png and jpg; then a pointer, no picture, a short video, a gap, mono, a truncated one."""
    (folder / "binaural_audios").mkdir(parents=True)
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


def make_material(folder: Path) -> Path:
    """Three classes of four photos and three sounds, three backgrounds; a video and a folder of frames of cars.

    A user's files: synthetic photos and sounds, as PNG and WAV.
    """
    for place, label in enumerate(MATERIAL):
        for kind in ("photos", "sounds"):
            (folder / kind / label).mkdir(parents=True)
        for number in range(4):
            photo = synthetic_photo(label, np.random.default_rng([place, number]))
            Image.fromarray(photo).save(folder / "photos" / label / f"{number}.png")
        for number in range(3):
            sound = synthetic_sound(label, 16_000, np.random.default_rng([place, number]))
            soundfile.write(folder / "sounds" / label / f"{number}.wav", sound[:24_000], 16_000)
    (folder / "backgrounds").mkdir()
    for number in range(3):
        Image.fromarray(synthetic_background(np.random.default_rng(number))).save(
            folder / "backgrounds" / f"{number}.png"
        )
    grey = np.linspace(10, 240, 6).astype(np.uint8)[:, None, None, None]
    frames = np.broadcast_to(grey, (6, 64, 96, 3)).copy()
    write_video(folder / "photos" / "car" / "drive.mp4", frames, np.zeros((1, 9600), np.float32), sample_rate=16_000)
    (folder / "photos" / "car" / "turn").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / "photos" / "car" / "turn" / f"{8 + number}.jpg")
    return folder


def make_unknown(folder: Path) -> Path:
    """The same under other names: classes that no training had."""
    for place in sorted(make_material(folder).glob("*/*")):
        if place.is_dir():
            place.rename(place.with_name(f"unknown {place.name}"))
    return folder


SPLITS = {
    "one": {"train": ["f"], "val": ["e"], "test": ["d", "a", "c", "b", "gone"]},
    "two": {"train": [], "val": ["a", "b"], "test": ["c", "d", "e", "f"]},
}


def make_prepared(folder: Path, splits: Folds = SPLITS, even: tuple[str, ...] = ()) -> PreparedSet:
    """A prepared set of six clips, a to f, of noise that is louder and earlier on the left or the right, or even."""
    worker = partial(noise_clips, even=even)
    prepare([Source(name, ()) for name in "abcdef"], worker, folder, SetInfo("noises"), folds=lambda _: splits)
    return PreparedSet(folder)


def noise_clips(source: Source, even: tuple[str, ...] = ()) -> Iterator[Clip]:
    rng = np.random.default_rng(ord(source.key))
    samples = 16_000 + 1_600 * (ord(source.key) % 3)
    dry = 0.1 * rng.standard_normal(samples)
    gain = 1.0 if source.key in even else 0.5
    pair = [dry, gain * np.roll(dry, 6) + 0.005 * rng.standard_normal(samples)]
    sound = np.stack(pair[:: 1 if ord(source.key) % 2 else -1]).astype(np.float32)
    frame = encode_jpeg(rng.integers(0, 255, (240, 480, 3), dtype=np.uint8))
    yield Clip(source.key, sound, [frame] * (samples // 1_600))
