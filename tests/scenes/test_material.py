import hashlib
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import spherical_head
from ccstereo.scenes.material import Material, load_material, load_whole, split_of
from ccstereo.scenes.placement.stage import sample_scene
from ccstereo.scenes.rendering import render_frame, render_sources
from ccstereo.scenes.synthetic import material as synthetic
from ccstereo.scenes.synthetic.material import synthetic_material

SPLITS = ("train", "val", "test")
STAGE = Path(__file__).parents[3] / "shared" / "stage"
NAMES = st.lists(st.text("abc012.-_é", min_size=1, max_size=12), unique=True, max_size=60)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes of ten photos and ten sounds, each file with a colour and a pitch of its own."""
    for kind in ("photos/cat", "photos/dog", "sounds/cat", "sounds/dog", "backgrounds", "photos/mute"):
        (tmp_path / kind).mkdir(parents=True)
    for i in range(10):
        for k, label in enumerate(("cat", "dog")):
            Image.new("RGB", (40, 30), (20 * i, 100 * k, 7)).save(tmp_path / f"photos/{label}/{i}.png")
            tone = np.sin(2 * np.pi * (300 + 50 * i + 1_000 * k) * np.arange(8_000) / 16_000)
            soundfile.write(tmp_path / f"sounds/{label}/{i}.wav", 0.5 * tone, 16_000, subtype="FLOAT")
        Image.new("RGB", (60, 30), (20 * i, 50, 200)).save(tmp_path / f"backgrounds/{i}.png")
    (tmp_path / "photos/cat/notes.txt").write_text("not a photo")
    return tmp_path


def prints(material: Material) -> set[bytes]:
    arrays = [a for kind in (material.photos, material.sounds) for label in kind for a in kind[label]]
    return {array.tobytes() for array in [*arrays, *material.backgrounds]}


class TestSplits:
    @given(names=NAMES, data=st.data())
    @settings(deadline=None)
    def test_every_name_has_one_side_whatever_the_order(self, names, data):
        sides = {split: split_of(names, split) for split in SPLITS}
        assert sorted(name for side in sides.values() for name in side) == sorted(names)
        shuffled = data.draw(st.permutations(names))
        assert {split: split_of(shuffled, split) for split in SPLITS} == sides

    def test_fractions(self):
        names = [f"{i}.jpg" for i in range(200)]
        assert [len(split_of(names, split)) for split in SPLITS] == [150, 20, 30]

    @pytest.mark.parametrize("count", range(3, 30))
    def test_three_names_are_enough_and_training_has_most(self, count):
        train, val, test = (split_of([str(i) for i in range(count)], split) for split in SPLITS)
        assert min(len(train), len(val), len(test)) >= 1
        assert len(train) >= 0.5 * (count - 1)

    def test_sides_are_those_of_every_machine(self):
        names = [f"{i:02d}.jpg" for i in range(20)]
        assert split_of(names, "val") == ["14.jpg", "08.jpg"]  # held-out results depend on it

    def test_nothing_of_a_file_stands_on_two_sides(self, folder):
        sides = [prints(load_material(folder, split)) for split in SPLITS]
        assert [len(side) for side in sides] == [40, 5, 5]  # 8, 1 and 1 file of 10 in 5 folders
        for one, other in combinations(sides, 2):
            assert not one & other

    def test_nor_does_a_copy_of_it_in_the_real_material(self):
        if not STAGE.is_dir():
            pytest.skip("the stage's material is not there")
        side_of: dict[str, str] = {}
        for parent in {path.parent for path in STAGE.rglob("*") if path.suffix in {".jpg", ".ogg"}}:
            for split in SPLITS:
                for name in split_of([path.name for path in parent.iterdir()], split):
                    content = hashlib.sha256((parent / name).read_bytes()).hexdigest()
                    assert side_of.setdefault(content, split) == split
        assert len(side_of) > 1_000


class TestFolder:
    def test_reads_classes_with_photos_and_sounds(self, folder):
        material = load_material(folder, "train")
        assert material.labels == ("cat", "dog")
        assert material.name == folder.name
        assert {len(material.photos["cat"]), len(material.sounds["dog"]), len(material.backgrounds)} == {8}
        photo, sound = material.photos["dog"][0], material.sounds["dog"][0]
        assert (photo.shape, photo.dtype) == ((30, 40, 3), np.uint8)
        assert photo[0, 0, 1:].tolist() == [100, 7]
        assert (sound.shape, sound.dtype) == ((8_000,), np.float32)

    def test_sounds_are_resampled_and_mixed_to_one_channel(self, folder):
        for path in (folder / "sounds/cat").iterdir():
            tone = np.sin(2 * np.pi * 440 * np.arange(22_050) / 44_100)
            soundfile.write(path, np.stack([tone, 0 * tone], axis=-1), 44_100, subtype="FLOAT")
        for sound in load_material(folder, "test", 16_000).sounds["cat"]:
            assert sound.shape == (8_000,)
            spectrum = np.abs(np.fft.rfft(sound[1_000:-1_000] * np.hanning(6_000)))
            assert spectrum.argmax() * 16_000 / 6_000 == pytest.approx(440, abs=2)
            assert np.abs(sound[1_000:-1_000]).max() == pytest.approx(0.5, abs=0.01)

    def test_large_and_grey_photos_become_small_and_coloured(self, folder):
        for path in (folder / "photos/cat").glob("*.png"):
            Image.new("L", (3_000, 1_000), 70).save(path)
        for photo in load_material(folder, "test").photos["cat"]:
            assert photo.shape == (171, 512, 3)
            assert (photo == 70).all()

    def test_photos_are_upright_and_transparent_where_they_are(self, folder):
        exif = Image.Exif()
        exif[274] = 6  # turned by a quarter
        for path in (folder / "photos/cat").glob("*.png"):
            Image.new("RGB", (40, 30), (9, 9, 9)).save(path, exif=exif)
        for path in [*(folder / "photos/dog").glob("*.png"), *(folder / "backgrounds").glob("*.png")]:
            Image.new("RGBA", (40, 30), (200, 100, 50, 128)).save(path)
        material = load_material(folder, "test")
        assert {photo.shape for photo in material.photos["cat"]} == {(40, 30, 3)}
        assert {photo.shape for photo in material.photos["dog"]} == {(30, 40, 4)}
        assert {photo.shape for photo in material.backgrounds} == {(30, 40, 3)}

    def test_scenes_can_be_made_of_it(self, folder):
        material = load_material(folder, "test")
        scene = sample_scene(material, 0, duration=0.5, sources=2)
        assert render_frame(scene, material).shape == (240, 480, 3)
        assert render_sources(scene, material, spherical_head(16_000)).any((1, 2)).all()


def listed(folder: Path, **sides: str) -> None:
    """Write a list: file i of every class is in the split named first whose digits hold it."""
    files = [path.relative_to(folder).as_posix() for path in folder.glob("*/**/*.*") if path.suffix != ".txt"]
    lines = [f"{name},{next(s for s, digits in sides.items() if Path(name).stem in digits)}" for name in sorted(files)]
    (folder / "splits.csv").write_text("file,split\n" + "\n".join(lines) + "\n")


class TestList:
    def test_it_says_which_split_a_file_belongs_to(self, folder):
        listed(folder, train="0123", val="45", test="67", final="89")
        greys = {
            split: sorted({int(photo[0, 0, 0]) for photo in load_material(folder, split).backgrounds})
            for split in (*SPLITS, "final")
        }
        assert greys == {"train": [0, 20, 40, 60], "val": [80, 100], "test": [120, 140], "final": [160, 180]}
        for one, other in combinations([prints(load_material(folder, split)) for split in (*SPLITS, "final")], 2):
            assert not one & other

    def test_a_class_without_sounds_in_a_split_is_not_in_it(self, folder):
        listed(folder, train="0123456", val="789")
        text = (folder / "splits.csv").read_text()
        (folder / "splits.csv").write_text(re.sub(r"(sounds/cat/.*),val", r"\1,train", text))
        assert load_material(folder, "val").labels == ("dog",)
        assert load_material(folder, "train").labels == ("cat", "dog")
        with pytest.raises(DatasetError, match=r"splits.csv: has no class or no background in the test split"):
            load_material(folder, "test")

    def test_what_was_cut_out_of_a_photo_is_of_its_split(self, folder):
        listed(folder, train="01234567", val="89")
        (folder / "cutouts/dog").mkdir(parents=True)
        for i in range(0, 10, 2):
            Image.new("RGBA", (9, 9), (20 * i, 0, 0, 0)).save(folder / f"cutouts/dog/{i}.png")
        material = load_material(folder, "val")
        assert [photo.shape for photo in material.photos["dog"]] == [(30, 40, 3), (30, 40, 3), (9, 9, 4)]
        assert material.photos["dog"][2][0, 0].tolist() == [160, 0, 0, 0]
        assert len(load_material(folder, "train").photos["dog"]) == 8 + 4

    def test_it_must_name_every_file_and_known_splits(self, folder):
        listed(folder, train="01234567", val="89")
        Image.new("RGB", (9, 9)).save(folder / "photos/cat/new.png")
        with pytest.raises(DatasetError, match=r"photos/cat/new.png: .*splits.csv does not say which split it belongs"):
            load_material(folder, "train")
        listed(folder, train="01234567", rest="89new")
        with pytest.raises(DatasetError, match=r"splits.csv: no split is named 'rest'; there are train, val, test"):
            load_material(folder, "train")
        (folder / "splits.csv").write_text("name\nx\n")
        with pytest.raises(DatasetError, match=r"splits.csv: cannot be read .*it needs columns file and split"):
            load_material(folder, "train")

    def test_only_a_list_has_a_final_split(self, folder):
        with pytest.raises(DatasetError, match=r"has no final split, which a splits.csv would have to name"):
            load_material(folder, "final")
        with pytest.raises(DatasetError, match="synthetic material has no final split; give a folder"):
            synthetic_material("final")

    def test_a_folder_can_be_taken_whole(self, folder):
        material = load_whole(folder)
        assert [len(files[label]) for files in (material.photos, material.sounds) for label in ("cat", "dog")] == [
            10
        ] * 4
        with pytest.raises(DatasetError, match="nowhere: no class has both"):
            load_whole(folder / "nowhere")


class TestRefusing:
    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(DatasetError, match="nowhere: needs folders photos/<class> and sounds/<class>"):
            load_material(tmp_path / "nowhere", "train")

    def test_photos_and_sounds_of_different_things(self, tmp_path):
        (tmp_path / "photos/cat").mkdir(parents=True)
        (tmp_path / "sounds/dog").mkdir(parents=True)
        with pytest.raises(DatasetError, match="no class has both"):
            load_material(tmp_path, "train")

    @pytest.mark.parametrize("kind", ["photos/cat", "sounds/dog", "backgrounds"])
    def test_too_few_files_to_be_split(self, folder, kind):
        for path in sorted((folder / kind).iterdir())[2:]:
            path.unlink()
        with pytest.raises(DatasetError, match=f"{kind}: 2 files are too few for a val split"):
            load_material(folder, "val")

    def test_no_backgrounds_at_all(self, folder):
        for path in (folder / "backgrounds").iterdir():
            path.unlink()
        (folder / "backgrounds").rmdir()
        with pytest.raises(DatasetError, match="backgrounds: 0 files are too few for a train split"):
            load_material(folder, "train")

    @pytest.mark.parametrize("kind", ["photos/dog", "sounds/dog", "backgrounds"])
    @pytest.mark.parametrize("keep", [0, 40])
    def test_a_damaged_file_is_named(self, folder, kind, keep):
        for path in (folder / kind).iterdir():
            path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(DatasetError, match=rf"{kind}/\d\....: cannot be read") as caught:
            load_material(folder, "test")
        assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def few() -> dict[str, Material]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "COUNTS", dict.fromkeys(SPLITS, 2))
        return {split: synthetic_material(split) for split in SPLITS}


class TestSynthetic:
    def test_needs_no_folder(self, few):
        material = few["test"]
        assert material.labels == ("bell", "bird", "car", "drum")
        for label in material.labels:
            for photo, sound in zip(material.photos[label], material.sounds[label], strict=True):
                assert (photo.dtype, photo.shape[0], photo.shape[2]) == (np.uint8, 192, 3)
                assert photo.std() > 20
                assert (sound.dtype, sound.shape) == (np.float32, (80_000,))
                assert np.abs(sound).max() == pytest.approx(0.9)
        for seed in range(5):
            scene = sample_scene(material, seed, duration=0.63, sources=2)
            assert render_frame(scene, material).std() > 10
            assert render_sources(scene, material, spherical_head(16_000)).any((1, 2)).all()

    def test_its_splits_differ_in_everything(self, few):
        sides = [prints(material) for material in few.values()]
        assert [len(side) for side in sides] == [18, 18, 18]
        for one, other in combinations(sides, 2):
            assert not one & other

    def test_its_splits_have_different_seeds(self):
        ranges = [set(range(first, first + synthetic.COUNTS[split])) for split, first in synthetic.FIRST_SEED.items()]
        assert sorted(synthetic.FIRST_SEED) == sorted(SPLITS)
        assert sum(map(len, ranges)) == len(set.union(*ranges)) == sum(synthetic.COUNTS.values())

    def test_a_seed_makes_its_photos_and_sounds_again(self, few):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(synthetic, "COUNTS", dict.fromkeys(SPLITS, 1))
            again = synthetic_material("val")
        for label in again.labels:
            assert np.array_equal(again.photos[label][0], few["val"].photos[label][0])
            assert np.array_equal(again.sounds[label][0], few["val"].sounds[label][0])

    def test_classes_differ_in_pitch(self, few):
        """Where the middle of each spectrum lies: a drum and a car below a bell, a bird above all."""
        middle = {}
        for label in few["val"].labels:
            power = np.mean(
                [np.abs(np.fft.rfft(sound)) ** 2 for m in few.values() for sound in m.sounds[label]], axis=0
            )
            middle[label] = np.searchsorted(np.cumsum(power) / power.sum(), 0.5) / 5
        assert max(middle["drum"], middle["car"]) < 450 < middle["bell"] < 2_000 < middle["bird"]
