"""What is left out and why; nothing of a file on two sides; video crops."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from ccstereo.datasets.sources.simulated import survey
from ccstereo.datasets.sources.simulated.patches import read_patch
from ccstereo.errors import DatasetError
from ccstereo.media import write_video
from ccstereo.scenes.material import read_photo


def test_what_cannot_be_used(copied: Path) -> None:
    photos, sounds = copied / "photos", copied / "sounds"
    (photos / "bell" / "cut.png").write_bytes((photos / "bell" / "0.png").read_bytes()[:500])
    (photos / "bell" / "film.mp4").write_bytes(b"no video at all")
    (photos / "bell" / "notes.txt").write_text("no photo")
    (photos / "bell" / "bare").mkdir()
    shutil.copy(photos / "bell" / "1.png", photos / "drum" / "same.png")
    soundfile.write(sounds / "bell" / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(sounds / "bell" / "short.wav", np.ones(100), 16_000)
    (sounds / "bell" / "cut.wav").write_bytes((sounds / "bell" / "0.wav").read_bytes()[:30])
    (sounds / "bell" / ".hidden").write_text("")
    (photos / "kazoo").mkdir()
    (sounds / "whistle").mkdir()
    for kind in (photos, sounds):
        (kind / "gong").mkdir()
    shutil.copy(sounds / "car" / "0.wav", sounds / "gong" / "copy.wav")

    inputs, unused = survey(photos, sounds, copied / "backgrounds")
    reasons = {f"{item.source} {item.part}": item.reason for item in unused}
    for name, words in {
        "photos bell/cut.png": "cannot be read",
        "photos bell/film.mp4": "text file",
        "photos bell/notes.txt": ".txt is no photo",
        "photos bell/bare": "holds no photo",
        "photos drum/same.png": "is a copy of bell/1.png",
        "sounds bell/silent.wav": "is silent",
        "sounds bell/short.wav": "0.006 s long",
        "sounds bell/cut.wav": "cannot be read as audio",
        "photos kazoo": "is a class without sounds",
        "sounds whistle": "is a class without photos",
        "photos gong": "holds nothing usable",
        "sounds gong": "holds nothing usable",
        "sounds gong/copy.wav": "is a copy of car/0.wav",
    }.items():
        assert words in reasons.pop(name)
    assert not reasons
    assert inputs.labels == ("bell", "car", "drum")
    assert [len(inputs.photos[label]) for label in inputs.labels] == [4, 6, 4]
    assert "14 photos, 9 sounds, 3 backgrounds" in inputs.describe()


def test_no_file_is_in_two_splits(files: Path) -> None:
    inputs, _ = survey(files / "photos", files / "sounds", files / "backgrounds")
    splits = [inputs.split(split) for split in ("train", "val", "test")]
    for kind, wanted in (("photos", 14), ("sounds", 9)):
        held = [{path for paths in getattr(split, kind).values() for path in paths} for split in splits]
        assert sum(map(len, held)) == len(set().union(*held)) == wanted
        assert all(held)
    assert [len(split.backgrounds) for split in splits] == [1, 1, 1]


def test_a_video_and_its_sound_keep_together(tmp_path: Path) -> None:
    """Videos that are given as photos and as sounds, among sounds that are not: still one side each."""
    rng = np.random.default_rng(0)
    (tmp_path / "solos" / "a").mkdir(parents=True)
    for number in range(6):
        sound = (0.1 * rng.standard_normal((1, 4800))).astype(np.float32)
        frames = np.full((3, 32, 48, 3), 40 * number, np.uint8)
        write_video(tmp_path / "solos" / "a" / f"{number}.mp4", frames, sound, sample_rate=16_000)
    shutil.copytree(tmp_path / "solos", tmp_path / "sounds")
    for number in range(10):
        soundfile.write(tmp_path / "sounds" / "a" / f"more{number}.wav", rng.standard_normal(4800) * 0.1, 16_000)
    inputs, unused = survey(tmp_path / "solos", tmp_path / "sounds")
    assert not unused
    used = 0
    for split in ("train", "val", "test"):
        held = inputs.split(split)
        videos = {path.name for path in held.sounds["a"] if path.suffix == ".mp4"}
        assert videos == {path.name for path in held.photos["a"]}
        used += len(held.sounds["a"])
    assert used == 16


def test_errors_are_one_line(copied: Path, tmp_path: Path) -> None:
    photos, sounds = copied / "photos", copied / "sounds"
    with pytest.raises(DatasetError, match=r"none: no such folder; --photos"):
        survey(tmp_path / "none", sounds)
    with pytest.raises(DatasetError, match="holds no folders"):
        survey(photos / "bell", sounds)
    (tmp_path / "other" / "harp").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"no class in common: .*photos has bell, car, drum, .*other has harp; name"):
        survey(photos, tmp_path / "other")
    (tmp_path / "other" / "bell").mkdir()
    with pytest.raises(DatasetError, match=r"no class has both .* sounds/bell holds nothing usable"):
        survey(photos, tmp_path / "other")
    (copied / "backgrounds" / "0.png").unlink()
    with pytest.raises(DatasetError, match="2 usable photos; give three"):
        survey(photos, sounds, copied / "backgrounds")


@pytest.mark.parametrize("name", ["drive.mp4", "turn"])
def test_video_patches(files: Path, name: str) -> None:
    """Six frames of growing brightness, shown forwards and backwards in turn."""
    path = files / "photos" / "car" / name
    shown, begin = read_patch(path, 14)
    levels = shown.mean((1, 2, 3))
    there = [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 3]
    np.testing.assert_allclose(levels, 10 + 46 * np.array(there), atol=4)
    assert begin == 0
    shown, begin = read_patch(path, 3, begin=1.0)
    np.testing.assert_allclose(shown.mean((1, 2, 3)), [148, 194, 240], atol=4)
    assert begin == pytest.approx(0.3)
    shown, _ = read_patch(path, 6, fps=5)
    np.testing.assert_allclose(shown.mean((1, 2, 3)), [10, 10, 102, 102, 194, 194], atol=4)
    assert shown.shape == (6, 64, 96, 3)


def test_photos_are_read_upright_and_keep_their_transparency(tmp_path: Path) -> None:
    photo = Image.new("RGB", (800, 400), (200, 0, 0))
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    photo.save(tmp_path / "turned.jpg", exif=exif)
    assert read_photo(tmp_path / "turned.jpg").size == (128, 256)
    Image.new("LA", (40, 20), (9, 0)).save(tmp_path / "clear.png")
    assert read_photo(tmp_path / "clear.png").mode == "RGBA"
