"""A tiny drawn benchmark, scored: scores that mean what they say, kept, with intervals."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from ccstereo.benchmark import (
    ROWS,
    Mono,
    Oracle,
    Weights,
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
from ccstereo.errors import WeightsError
from ccstereo.models import create_model, save_model
from ccstereo.scenes import render_sources, sample_scene, spherical_head

DRY = [row for row, kind in ROWS.items() if not kind.room]
HEAD = spherical_head(16_000)


def by_name(systems, scores):
    return {system.name: found for system, found in zip(systems, scores, strict=True)}


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
        rows = summarise(made, by_name(systems, score_benchmark(made, systems)))
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
        rows = summarise(made, by_name(systems, scores))
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
