"""A tiny synthetic benchmark, scored: scores that mean what they say, kept, with intervals."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from ccstereo.errors import DatasetError, WeightsError
from ccstereo.evaluation import (
    ROWS,
    USUAL_ROWS,
    Item,
    Mono,
    Oracle,
    Weights,
    record,
    render_scene,
    rows_table,
    score,
    score_item,
    summarise,
    weights_name,
)
from ccstereo.evaluation.benchmark.rendering import ears_of
from ccstereo.evaluation.report import csv_text, scene_columns
from ccstereo.models import create_model, save_model
from ccstereo.scenes import render_sources, sample_scene, spherical_head
from small import SMALL

DRY = [row for row in USUAL_ROWS if not ROWS[row].room]
HEAD = spherical_head(16_000)


BENCH = ("stft", "stft_mono", "snr", "louder_ear", "own_side", "azimuth_error")


def scored(predicted, sources, facts) -> dict[str, float]:
    """The benchmark's scores of one prediction."""
    head = ears_of(HEAD)
    truth = sources.sum(0)
    item = Item(
        id="scene",
        sound=truth,
        ears=truth,
        sample_rate=16_000,
        frame_rate=10.0,
        read_frames=lambda: np.zeros((1, 24, 48, 3), np.uint8),
        sources=sources,
        facts=facts,
        responses=torch.from_numpy(head.responses),
        azimuths=torch.from_numpy(head.directions[:, 0]).float(),
    )
    return {name: value.item() for name, value in score_item(predicted[None], item, BENCH).items()}


class TestScores:
    @pytest.fixture
    def scene(self, material):
        facts, _, _ = render_scene(material, HEAD, "two", 0, 0.7)
        sources = tuple(replace(s, azimuths=(a,)) for s, a in zip(facts.sources, (40.0, -30.0), strict=True))
        moved = [render_sources(_at(material, a), material, HEAD)[0] for a in (40.0, -30.0)]
        return replace(facts, sources=sources), torch.from_numpy(np.stack(moved))

    def test_of_the_truth(self, scene):
        facts, sources = scene
        score = scored(sources.sum(0), sources, facts)
        assert score["stft"] == 0
        assert score["own_side"] == 1
        assert np.isnan(score["azimuth_error"])

    def test_own_side_counts_each_source(self, scene):
        facts, (left, right) = scene
        both = torch.stack([left, right])
        assert scored(left + right.flip(0), both, facts)["own_side"] == 0.5
        assert scored(left.flip(0) + right.flip(0), both, facts)["own_side"] == 0
        near = replace(facts, sources=(facts.sources[0], replace(facts.sources[1], azimuths=(-10.0,))))
        assert scored(left + right.flip(0), both, near)["own_side"] == 1

    def test_azimuth_is_that_of_a_lone_dry_still_source(self, scene, material):
        facts, sources = scene
        lone = replace(facts, sources=(facts.sources[0], replace(facts.sources[1], silent=True)))
        alone = torch.stack([sources[0], torch.zeros_like(sources[1])])
        elsewhere = torch.from_numpy(render_sources(_at(material, 52.0), material, HEAD)[0])
        assert scored(elsewhere, alone, lone)["azimuth_error"] == pytest.approx(12, abs=1)
        moving = replace(lone, sources=(replace(lone.sources[0], azimuths=(40.0, 30.0)), lone.sources[1]))
        assert np.isnan(scored(elsewhere, alone, moving)["azimuth_error"])
        off_screen = replace(lone, sources=(replace(lone.sources[0], azimuths=(120.0,)), lone.sources[1]))
        assert np.isnan(scored(elsewhere, alone, off_screen)["azimuth_error"])


def _at(material, azimuth: float):
    """One source standing at an azimuth."""
    scene = sample_scene(material, 0, duration=0.7)
    (source,) = scene.sources
    return replace(scene, sources=(replace(source, path=(0.5 - azimuth / 120,)),))


@pytest.fixture(scope="module")
def weights(lite, tmp_path_factory) -> str:
    return str(save_model(lite, tmp_path_factory.mktemp("weights") / "tiny"))


class TestRuns:
    def test_floor_and_ceiling(self, made):
        rows = summarise(score({"floor": Mono(), "ceiling": Oracle(bound=3.0)}, made))
        assert [(row.row, row.system) for row in rows[:2]] == [("one", "floor"), ("one", "ceiling")]
        assert len(rows) == 2 * len(DRY)
        for floor, ceiling in zip(rows[::2], rows[1::2], strict=True):
            assert floor.scores["stft_to_mono"].value == pytest.approx(1.0)
            assert floor.scores["own_side"].value == 0
            assert ceiling.scores["stft_to_mono"].value < 0.05
            assert ceiling.scores["own_side"].value == 1
            assert ceiling.scores["snr"].value > floor.scores["snr"].value + 6

    def test_scores_are_the_same_with_more_processes_and_kept(self, made, weights, tmp_path):
        systems = {"tiny": Weights(weights, hop=0.3), "mono": Mono()}
        items = made.only(["one", "two, moving"])
        alone = score(systems, items, keep=tmp_path)
        assert list(alone.items) == ["one-0000", "one-0001", "two-moving-0000", "two-moving-0001"]
        shared = score(systems, items, jobs=2)
        for system, columns in alone.scores.items():
            for column, values in columns.items():
                np.testing.assert_allclose(shared.scores[system][column], values, rtol=1e-5)

        kept = tmp_path / "journal.jsonl"
        lines = kept.read_text().splitlines(keepends=True)
        kept.write_text("".join(lines[:6]) + lines[6][:20])  # killed in the third scene, after its first system
        calls = []
        again = score(systems, items, keep=tmp_path, progress=lambda done, total: calls.append((done, total)))
        assert calls == [(5, 8), (6, 8), (8, 8)]
        assert str(again.scores) == str(alone.scores)  # where nan is nan
        assert len(kept.read_text().splitlines()) == len(lines)

        more = score({**systems, "other": Weights(weights, hop=0.2)}, items, keep=tmp_path)
        assert str(more.scores["tiny"]) == str(alone.scores["tiny"])
        assert len(kept.read_text().splitlines()) == len(lines) + 4

    def test_scores_of_another_benchmark_are_not_mixed_in(self, made, tmp_path):
        score({"mono": Mono()}, made.only(["one"]), keep=tmp_path)
        with pytest.raises(DatasetError, match="begun with other settings: benchmark is"):
            score({"mono": Mono()}, replace(made, sha256="0" * 64), keep=tmp_path)

    def test_new_weights_of_an_old_name_are_scored_anew(self, made, weights, tmp_path):
        path, items = shutil.copytree(weights, tmp_path / "mine"), made.only(["one"])
        before = score({"mine": Weights(str(path), hop=0.5)}, items, keep=tmp_path / "scores")
        torch.manual_seed(3)
        save_model(create_model("ccstereo-lite", **SMALL), path)
        after = score({"mine": Weights(str(path), hop=0.5)}, items, keep=tmp_path / "scores")
        assert str(before.scores) != str(after.scores)

    def test_missing_weights_are_one_line(self):
        with pytest.raises(WeightsError):
            Weights("no-such-weights")

    def test_weights_are_named_after_their_run(self, weights, tmp_path):
        """A folder called "weights" says nothing: its run's name does, with its number where it has one."""
        for place in ("runs/mine/3/weights", "runs/yours/weights", "runs/theirs/weights/best", "plain"):
            shutil.copytree(weights, tmp_path / place)
        assert weights_name(tmp_path / "runs/mine/3/weights") == "mine-3"
        assert weights_name(tmp_path / "runs/mine/3/weights/model.safetensors") == "mine-3"
        assert weights_name(tmp_path / "runs/yours/weights") == "yours"
        assert weights_name(tmp_path / "runs/theirs/weights/best") == "best"
        assert Weights(str(tmp_path / "plain")).name == "plain"
        assert Weights(str(tmp_path / "runs/mine/3/weights"), frames="blur 1").name == "mine-3, blur 1"

    def test_tables(self, made):
        systems = {system.name: system for system in (Mono(), Oracle())}
        run = score(systems, made.only(["one", "two"]))
        rows = summarise(run)
        lines = rows_table(rows).splitlines()
        assert len(lines) == 2 + 4
        assert lines[2].startswith("| one (2) | Mono-Mono | 1.000 [1.000, 1.000] | ")
        assert lines[4].endswith("| - |")  # two sources have no azimuth
        found = json.loads(json.dumps(record(made, systems, rows)))
        assert found["benchmark"]["sha256"] == made.sha256
        assert found["systems"][1] == {"name": "oracle (mask to 1)", "system": "oracle", "bound": 1.0, "hop": 0.1}
        assert found["rows"][2]["row"] == "two"
        assert found["rows"][2]["azimuth_error"] is None
        text = csv_text(scene_columns(run)).splitlines()
        assert len(text) == 1 + 2 * 4
        assert text[0] == "system,row,scene,stft,stft_mono,snr,louder_ear,own_side,azimuth_error"
        assert text[1].startswith("Mono-Mono,one,one-0000,")

    def test_a_mean_says_over_how_many_scenes(self, made):
        """Scenes without a louder ear, or a source beyond 15 degrees, are not counted, and the table says so."""
        run = score({"mono": Mono()}, made.only(["one"]))
        run.scores["mono"]["louder_ear"][:] = [np.nan, 0.0]
        (row,) = summarise(run)
        assert row.scores["louder_ear"].count == 1
        assert "| 0.0 [0.0, 0.0] of 1 |" in rows_table([row])
