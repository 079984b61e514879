"""A tiny drawn benchmark, made and scored: the same whatever the number of processes, and safe against change."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from ccstereo.benchmark import (
    ROWS,
    Benchmark,
    Mono,
    Oracle,
    Weights,
    make_benchmark,
    read_benchmark,
    record,
    render_scene,
    scenes_csv,
    score_benchmark,
    score_scene,
    summarise,
    table,
)
from ccstereo.benchmark.rendering import ears_of
from ccstereo.benchmark.report import estimate
from ccstereo.benchmark.storage import read_ears, read_scene
from ccstereo.errors import DatasetError, WeightsError
from ccstereo.models import create_model, save_model
from ccstereo.scenes import drawn_material, render_sources, sample_scene, spherical_head

DRY = [row for row, kind in ROWS.items() if not kind.room]
TINY = {"scenes": 2, "seconds": 0.7}
HEAD = spherical_head(16_000)
DRAWN_FIRST = [
    ("one", ["car"], [-24.9745]),
    ("two", ["bell", "bird"], [25.8489, -40.2014]),
    ("two, one silent", ["bell", "bird"], [25.8489, -40.2014]),
    ("two, moving", ["bell", "bird"], [25.8489, 21.9656, -38.8018, -39.1424]),
]


@pytest.fixture(scope="module")
def material():
    return drawn_material("test")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Benchmark:
    return make_benchmark(tmp_path_factory.mktemp("bench") / "dry", rows=DRY, **TINY)


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return Path(shutil.copytree(made.folder, tmp_path / "copy"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class TestScenes:
    @pytest.mark.parametrize("row", DRY)
    def test_hold_what_is_rendered(self, material, row):
        facts, sound, frames = render_scene(material, HEAD, row, 3, 0.7, seed=5)
        kind = ROWS[row]
        assert (facts.id, facts.seed) == (f"{row.replace(', ', '-').replace(' ', '-')}-0003", 8)
        assert sound.shape == (kind.sources, 2, 11_200)
        assert frames.shape == (7 if kind.moving else 1, 240, 480, 3)
        assert facts.still != kind.moving
        assert len({source.label for source in facts.sources}) == kind.sources
        assert [not pair.any() for pair in sound] == [source.silent for source in facts.sources]
        assert sum(source.silent for source in facts.sources) == kind.silent
        scene = sample_scene(material, 8, duration=0.7, **{k: v for k, v in vars(kind).items() if k != "room"})
        expected = render_sources(scene, material, HEAD)
        if np.abs(expected).max() < 0.99:
            np.testing.assert_allclose(sound, expected, atol=1e-7)
        for pair, source in zip(sound, facts.sources, strict=True):
            if not source.silent and min(source.azimuths) > 15:
                assert np.square(pair[0]).sum() > np.square(pair[1]).sum()

    def test_hold_only_what_a_file_of_24_bits_can(self, material):
        for index in range(4):
            _, sound, _ = render_scene(material, HEAD, "two", index, 0.7)
            steps = sound.astype(np.float64) * 2**23
            np.testing.assert_array_equal(steps, np.round(steps))
            assert not np.signbit(sound[sound == 0]).any()
            assert np.abs(sound).max() < 1

    @pytest.mark.parametrize(("row", "labels", "azimuths"), DRAWN_FIRST)
    def test_are_drawn_as_ever(self, material, row, labels, azimuths):
        """A change in the order of the draws makes another benchmark of the same seeds: published figures end there."""
        facts, _, _ = render_scene(material, HEAD, row, 0, 1.0)
        assert [source.label for source in facts.sources] == labels
        assert [angle for source in facts.sources for angle in source.azimuths] == pytest.approx(azimuths, abs=1e-3)

    def test_in_rooms_are_the_dry_ones_with_echoes(self, material):
        pytest.importorskip("pyroomacoustics")
        dry, sound, picture = render_scene(material, HEAD, "two", 1, 0.7)
        wet, echoing, same = render_scene(material, HEAD, "two, room", 1, 0.7)
        np.testing.assert_array_equal(picture, same)
        assert [s.azimuths for s in wet.sources] == [s.azimuths for s in dry.sources]
        assert dry.room is None
        assert wet.room is not None
        assert wet.room.seed == 20_001
        assert wet.room.rt60 == pytest.approx(0.5678, abs=1e-4)  # as ever, likewise
        assert all(1.0 <= source.distance <= 3.0 for source in wet.sources)
        ratio = np.square(echoing).sum((1, 2)) / np.square(sound).sum((1, 2))
        assert ((ratio > 1.05) & (ratio < 20)).all()
        assert np.abs(echoing).max() < 1

    def test_of_an_index_differ_by_their_row_alone(self, material):
        """So that rows can be made apart and still be the same."""
        one, again = (render_scene(material, HEAD, "two", 4, 0.7) for _ in range(2))
        assert one[0] == again[0]
        np.testing.assert_array_equal(one[1], again[1])
        np.testing.assert_array_equal(one[2], again[2])


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
            _, expected, pictures = render_scene(material, HEAD, facts.row, int(facts.id[-4:]), 0.7)
            np.testing.assert_array_equal(sound, expected)
            np.testing.assert_array_equal(frames, pictures)
        responses, azimuths = read_ears(found.folder)
        np.testing.assert_array_equal(responses, ears_of(HEAD).responses)
        assert azimuths.tolist() == list(range(-90, 91))

    def test_any_player_can_play_it(self, made):
        sound, rate = soundfile.read(made.folder / "scenes" / "two-0000" / "sound.flac")
        assert (rate, sound.shape) == (16_000, (11_200, 4))
        assert Image.open(made.folder / "scenes" / "two-moving-0001" / "006.png").size == (480, 240)

    def test_one_that_was_stopped_goes_on(self, made, tmp_path):
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
        score_benchmark(read_benchmark(folder), [Mono()])

    def test_a_changed_picture(self, copy):
        path = copy / "scenes" / "one-0001" / "000.png"
        picture = np.asarray(Image.open(path)).copy()
        picture[0, 0, 0] ^= 1
        Image.fromarray(picture).save(path)
        with pytest.raises(DatasetError, match="one-0001: is not what was made"):
            self.score(copy)

    def test_a_changed_sample(self, copy):
        path = copy / "scenes" / "two-0000" / "sound.flac"
        sound, rate = soundfile.read(path, dtype="int32")
        sound[100, 0] += 256
        soundfile.write(path, sound, rate, subtype="PCM_24")
        with pytest.raises(DatasetError, match="two-0000: is not what was made"):
            self.score(copy)

    def test_a_missing_picture(self, copy):
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
        Image.open(path).save(path, compress_level=1)
        assert path.read_bytes() != before
        self.score(copy)


class TestScores:
    @pytest.fixture
    def scene(self, material):
        facts, _, _ = render_scene(material, HEAD, "two", 0, 0.7)
        sources = tuple(replace(s, azimuths=(a,)) for s, a in zip(facts.sources, (40.0, -30.0), strict=True))
        moved = [render_sources(_at(material, a), material, HEAD)[0] for a in (40.0, -30.0)]
        return replace(facts, sources=sources), torch.from_numpy(np.stack(moved))

    def ears(self):
        found = ears_of(HEAD)
        return torch.from_numpy(found.responses), torch.from_numpy(found.directions[:, 0]).float()

    def test_of_the_truth(self, scene):
        facts, sources = scene
        score = score_scene(sources.sum(0), sources, facts, 16_000, self.ears())
        assert score.stft == 0
        assert score.own_side == 1
        assert np.isnan(score.azimuth_error)

    def test_own_side_counts_each_source(self, scene):
        facts, (left, right) = scene
        both = torch.stack([left, right])
        assert score_scene(left + right.flip(0), both, facts, 16_000, self.ears()).own_side == 0.5
        assert score_scene(left.flip(0) + right.flip(0), both, facts, 16_000, self.ears()).own_side == 0
        near = replace(facts, sources=(facts.sources[0], replace(facts.sources[1], azimuths=(-10.0,))))
        assert score_scene(left + right.flip(0), both, near, 16_000, self.ears()).own_side == 1

    def test_azimuth_is_that_of_a_lone_dry_still_source(self, scene, material):
        facts, sources = scene
        lone = replace(facts, sources=(facts.sources[0], replace(facts.sources[1], silent=True)))
        alone = torch.stack([sources[0], torch.zeros_like(sources[1])])
        elsewhere = torch.from_numpy(render_sources(_at(material, 52.0), material, HEAD)[0])
        assert score_scene(elsewhere, alone, lone, 16_000, self.ears()).azimuth_error == pytest.approx(12, abs=1)
        moving = replace(lone, sources=(replace(lone.sources[0], azimuths=(40.0, 30.0)), lone.sources[1]))
        assert np.isnan(score_scene(elsewhere, alone, moving, 16_000, self.ears()).azimuth_error)


def _at(material, azimuth: float):
    """One source standing at an azimuth."""
    scene = sample_scene(material, 0, duration=0.7)
    (source,) = scene.sources
    return replace(scene, sources=(replace(source, path=(0.5 - azimuth / 120,)),))


class TestRuns:
    @pytest.fixture(scope="class")
    def weights(self, lite, tmp_path_factory) -> str:
        return str(save_model(lite, tmp_path_factory.mktemp("weights") / "tiny"))

    def test_floor_and_ceiling(self, made):
        systems = [Mono(), Oracle(bound=3.0)]
        rows = summarise(made, systems, score_benchmark(made, systems))
        assert [(row.row, row.system) for row in rows[:2]] == [("one", "Mono-Mono"), ("one", "oracle (mask to 3)")]
        assert len(rows) == 2 * len(DRY)
        for floor, ceiling in zip(rows[::2], rows[1::2], strict=True):
            assert floor.stft_to_mono.value == pytest.approx(1.0)
            assert floor.own_side.value == 0
            assert ceiling.stft_to_mono.value < 0.05
            assert ceiling.own_side.value == 1
            assert ceiling.snr.value > floor.snr.value + 6

    def test_scores_are_the_same_with_more_processes_and_kept(self, made, weights, tmp_path):
        systems = [Weights(weights, name="tiny", hop=0.3), Mono()]
        rows = ["one", "two, moving"]
        alone = score_benchmark(made, systems, rows=rows, keep=tmp_path)
        assert list(alone[0]) == ["one-0000", "one-0001", "two-moving-0000", "two-moving-0001"]
        shared = score_benchmark(made, systems, rows=rows, jobs=2)
        for one, other in zip(alone, shared, strict=True):
            for scene in one:
                assert asdict(other[scene]) == pytest.approx(asdict(one[scene]), rel=1e-5, nan_ok=True)

        kept = next(tmp_path.glob("tiny-*.jsonl"))
        lines = kept.read_text().splitlines(keepends=True)
        kept.write_text("".join(lines[:3]) + lines[3][:20])  # killed in the third scene
        calls = []
        again = score_benchmark(
            made, systems, rows=rows, keep=tmp_path, progress=lambda done, total: calls.append((done, total))
        )
        assert calls == [(7, 8), (8, 8)]
        assert str(again) == str(alone)  # where nan is nan
        assert kept.read_text() == "".join(lines)

        other = [replace(systems[0], hop=0.2)]
        score_benchmark(made, other, rows=["one"], keep=tmp_path)
        assert len(list(tmp_path.glob("tiny-*.jsonl"))) == 2

    def test_new_weights_of_an_old_name_are_scored_anew(self, made, weights, tmp_path):
        path = shutil.copytree(weights, tmp_path / "mine")
        before = score_benchmark(made, [Weights(str(path), hop=0.5)], rows=["one"], keep=tmp_path)
        torch.manual_seed(3)
        save_model(create_model("ccstereo-lite"), path)
        after = score_benchmark(made, [Weights(str(path), hop=0.5)], rows=["one"], keep=tmp_path)
        assert str(before) != str(after)

    def test_missing_weights_are_one_line(self):
        with pytest.raises(WeightsError):
            Weights("no-such-weights")

    def test_tables(self, made):
        systems = [Mono(), Oracle()]
        scores = score_benchmark(made, systems, rows=["one", "two"])
        rows = summarise(made, systems, scores)
        lines = table(rows).splitlines()
        assert len(lines) == 2 + 4
        assert lines[2].startswith("| one (2) | Mono-Mono | 1.000 [1.000, 1.000] | ")
        assert lines[4].endswith("| - |")  # two sources have no azimuth
        found = json.loads(json.dumps(record(made, systems, rows)))
        assert found["benchmark"]["sha256"] == made.sha256
        assert found["systems"][1] == {"name": "oracle (mask to 1)", "system": "oracle", "bound": 1.0, "hop": 0.1}
        assert found["rows"][2]["row"] == "two"
        assert found["rows"][2]["azimuth_error"] is None
        text = scenes_csv(made, systems, scores).splitlines()
        assert len(text) == 1 + 2 * 4
        assert text[1].startswith("Mono-Mono,one,one-0000,")


class TestIntervals:
    def test_cover_the_mean_as_often_as_they_say(self):
        """Of 300 samples of 40 normal values about 95 % have the true mean inside."""
        rng = np.random.default_rng(0)
        inside = 0
        for i in range(300):
            found = estimate(lambda x: x.mean(-1), rng.normal(3, 1, 40), seed=i)
            inside += found.low <= 3 <= found.high
        assert 0.9 < inside / 300 < 0.98

    def test_of_a_ratio_resample_pairs(self):
        mono = np.random.default_rng(1).uniform(0.1, 10, 50)
        found = estimate(lambda a, b: a.mean(-1) / b.mean(-1), 0.3 * mono, mono)
        assert (found.value, found.low, found.high) == pytest.approx((0.3, 0.3, 0.3))

    def test_without_a_score_there_is_none(self):
        assert estimate(lambda x: x.mean(-1), np.array([np.nan])) is None
