"""A tiny synthetic benchmark, made: the same whatever the number of processes, and safe against change."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from ccstereo.errors import DatasetError
from ccstereo.evaluation import ROWS, USUAL_ROWS, Mono, make_benchmark, read_benchmark, read_scene, render_scene, score
from ccstereo.evaluation.benchmark.rendering import ears_of
from ccstereo.evaluation.benchmark.storage import read_ears
from ccstereo.scenes import spherical_head

DRY = [row for row in USUAL_ROWS if not ROWS[row].room]
TINY = {"scenes": 2, "seconds": 0.7}
HEAD = spherical_head(16_000)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class TestMaking:
    def test_files_are_the_same_with_more_processes(self, made, tmp_path):
        other = make_benchmark(tmp_path / "other", rows=DRY, **TINY, jobs=2)
        assert other.sha256 == made.sha256
        assert files(other.folder) == files(made.folder)

    def test_what_is_read_is_what_was_made(self, made, material):
        found = read_benchmark(made.folder)
        assert found == made
        assert found.rows == dict.fromkeys(DRY, 2)
        for facts in found.scenes:
            sound, frames = read_scene(found.folder, facts)
            _, expected, painted = render_scene(material, HEAD, facts.row, int(facts.id[-4:]), 0.7)
            np.testing.assert_array_equal(sound, expected)
            np.testing.assert_array_equal(frames, painted)
        responses, azimuths = read_ears(found.folder)
        np.testing.assert_array_equal(responses, ears_of(HEAD).responses)
        assert azimuths.tolist() == list(range(-90, 91))

    def test_any_player_can_play_it(self, made):
        sound, rate = soundfile.read(made.folder / "scenes" / "two-0000" / "sound.flac")
        assert (rate, sound.shape) == (16_000, (11_200, 4))
        with Image.open(made.folder / "scenes" / "two-moving-0001" / "006.png") as frame:
            assert frame.size == (480, 240)

    def test_one_that_was_stopped_resumes(self, made, tmp_path):
        """Stopped after three scenes, one of which was being written."""
        calls = []

        def stop(done: int, total: int) -> None:
            calls.append(done)
            if done == 3:
                raise KeyboardInterrupt

        output = tmp_path / "stopped"
        with pytest.raises(KeyboardInterrupt):
            make_benchmark(output, rows=DRY, **TINY, progress=stop)
        with pytest.raises(DatasetError, match="holds no benchmark"):
            read_benchmark(output)
        last = sorted(output.glob("scenes/*"))[0]
        last.rename(last.with_name(f".{last.name}.part"))
        whole = make_benchmark(output, rows=DRY, **TINY, progress=lambda done, _: calls.append(done))
        assert calls == [1, 2, 3, 3, 4, 5, 6, 7, 8]
        assert whole.sha256 == made.sha256
        assert files(output) == files(made.folder)
        assert make_benchmark(output, rows=DRY, **TINY).sha256 == made.sha256  # nothing is left to do

    def test_other_settings_need_another_folder(self, copy, tmp_path):
        with pytest.raises(DatasetError, match=r"other settings: seconds is 0\.7"):
            make_benchmark(copy, rows=DRY, scenes=2, seconds=1.0)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("")
        with pytest.raises(DatasetError, match="exists and holds no benchmark"):
            make_benchmark(tmp_path / "mine", rows=DRY, **TINY)

    def test_other_seeds_are_another_benchmark(self, made, tmp_path):
        assert make_benchmark(tmp_path / "o", rows=["one"], scenes=1, seconds=0.7, seed=9).sha256 != made.sha256


class TestTampering:
    def score(self, folder: Path) -> None:
        score({"mono": Mono()}, read_benchmark(folder))

    def test_a_changed_frame(self, copy):
        path = copy / "scenes" / "one-0001" / "000.png"
        with Image.open(path) as image:
            frame = np.asarray(image).copy()
        frame[0, 0, 0] ^= 1
        Image.fromarray(frame).save(path)
        with pytest.raises(DatasetError, match="one-0001: is not what was made"):
            self.score(copy)

    def test_a_changed_sample(self, copy):
        path = copy / "scenes" / "two-0000" / "sound.flac"
        sound, rate = soundfile.read(path, dtype="int32")
        sound[100, 0] += 256
        soundfile.write(path, sound, rate, subtype="PCM_24")
        with pytest.raises(DatasetError, match="two-0000: is not what was made"):
            self.score(copy)

    def test_a_missing_frame(self, copy):
        (copy / "scenes" / "two-moving-0000" / "003.png").unlink()
        with pytest.raises(DatasetError, match="two-moving-0000: is not what was made"):
            self.score(copy)

    def test_a_missing_or_broken_sound(self, copy):
        path = copy / "scenes" / "one-0000" / "sound.flac"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(DatasetError, match="one-0000: cannot be read"):
            self.score(copy)
        path.unlink()
        with pytest.raises(DatasetError, match="one-0000: cannot be read"):
            self.score(copy)

    def test_a_changed_manifest(self, copy):
        path = copy / "manifest.json"
        content = json.loads(path.read_text())
        content["scenes"][0]["sources"][0]["azimuths"] = [20.0]
        path.write_text(json.dumps(content))
        with pytest.raises(DatasetError, match=r"manifest\.json: is not what was made"):
            read_benchmark(copy)
        path.write_text("{")
        with pytest.raises(DatasetError, match="is damaged"):
            read_benchmark(copy)

    def test_changed_ears(self, copy):
        responses, azimuths = read_ears(copy)
        np.savez(copy / "ears.npz", responses=responses, azimuths=-azimuths)
        with pytest.raises(DatasetError, match=r"ears\.npz: is not what was made"):
            read_benchmark(copy)

    def test_another_encoding_of_the_same_is_the_same(self, copy):
        path = copy / "scenes" / "one-0001" / "000.png"
        before = path.read_bytes()
        with Image.open(path) as image:
            image.load()
        image.save(path, compress_level=1)
        assert path.read_bytes() != before
        self.score(copy)
