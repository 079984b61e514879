"""`ccstereo evaluate`, run for real on a small set."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.evaluation import read_run, score_item
from ccstereo.evaluation.scores import columns
from ccstereo.evaluation.sets import CLIP_SCORES
from ccstereo.models import save_model
from items import item_of

TEST = ["d", "a", "c", "b"]  # of fold "one", in its order


def run(prepared: PreparedSet, output: Path, *arguments: str | Path, fold: str = "one") -> dict:
    command = ["evaluate", prepared.folder, "-o", output, "--fold", fold, "--jobs", "1", *arguments]
    assert main([str(word) for word in command]) == 0
    return json.loads((output / "record.json").read_text())


COLUMNS = columns(CLIP_SCORES)


def clips_of(output: Path) -> list[dict[str, str]]:
    with (output / "clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def model_run(prepared, weights, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("run") / "model"
    run(prepared, output, "--weights", weights, "--save-predictions", "-q")
    return output


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "usage: ccstereo evaluate" in text
    assert "examples:" in text
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "ccstereo evaluate prepared/" in capsys.readouterr().out


class TestAModel:
    def test_record(self, prepared, model_run, weights):
        record = json.loads((model_run / "record.json").read_text())
        settings = record["settings"]
        table = (prepared.folder / "clips.jsonl").read_bytes()
        assert settings["dataset"] == {"name": "noises", "sha256": hashlib.sha256(table).hexdigest()}
        assert settings["split"]["name"] == "one/test"
        assert settings["split"]["clips"] == 4
        sha256 = hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest()
        prediction = {"name": "random", "system": "weights", "sha256": sha256, "model": "ccstereo-lite"}
        assert settings["prediction"] == prediction | {
            "hop": 0.1,
            "tdss": True,
            "precision": "float32",
            "adaptive": True,
        }
        assert settings["oracle"] == {"mask_bound": 2.5, "hop": 0.1}
        assert settings["scores"]["normalize"] == "none"
        assert set(record["versions"]) == {"ccstereo", "torch", "numpy", "scipy", "python"}
        assert record["seconds"] > 0
        assert (record["seed"], record["missing"], record["device"]) == (0, 1, "cpu")

    def test_files(self, model_run):
        assert sorted(p.name for p in model_run.iterdir()) == [
            *("clips.csv", "journal.jsonl", "predictions", "record.json", "summary.md")
        ]
        assert [(line["clip"], line["row"]) for line in clips_of(model_run)] == [
            (clip, row) for clip in TEST for row in ("mono", "prediction", "oracle")
        ]
        summary = (model_run / "summary.md").read_text()
        assert summary.startswith("4 clips of noises, one/test; no sound divided by its peak")
        assert "| Mono-Mono | random | oracle, mask within 2.5 |" in summary

    def test_mono_is_scored_as_mono(self, prepared, model_run):
        for line in clips_of(model_run):
            if line["row"] == "mono":
                truth = torch.from_numpy(prepared.sound(line["clip"]))
                expected = score_item(truth.mean(0).expand(1, 2, -1), item_of(truth), CLIP_SCORES)
                for name, value in expected.items():
                    assert float(line[name] or "nan") == pytest.approx(value.item(), rel=1e-4, nan_ok=True), name

    def test_predictions_are_the_models(self, prepared, model_run, lite):
        from ccstereo import Binauralizer
        from ccstereo.datasets.prepared.reader import decode_jpeg

        frames = np.stack([decode_jpeg(jpeg) for jpeg in prepared.jpegs("c")])
        expected = Binauralizer(lite).binauralize(prepared.sound("c").mean(0), 16_000, frames)
        saved, rate = soundfile.read(model_run / "predictions" / "c.wav", dtype="float32")
        assert rate == 16_000
        np.testing.assert_allclose(saved.T, expected, atol=1e-5)

    def test_saved_predictions_score_the_same(self, prepared, model_run, tmp_path):
        run(prepared, tmp_path / "files", "--predictions", model_run / "predictions", "--mask-bound", "2.5", "-q")
        assert clips_of(tmp_path / "files") == clips_of(model_run)

    def test_summary_is_of_the_clips(self, model_run):
        summary = json.loads((model_run / "record.json").read_text())["summary"]
        for row, scores in read_run(model_run).scores.items():
            for name, found in summary[row].items():
                values = scores[name][~np.isnan(scores[name])]
                assert found["clips"] == len(values)
                assert found["mean"] == pytest.approx(values.mean())
                assert found["deviation"] == pytest.approx(values.std(ddof=1))
                assert found["low"] <= found["mean"] <= found["high"]

    def test_hop_crops_and_bound_count(self, prepared, model_run, weights, tmp_path):
        record = run(prepared, tmp_path / "r", "--weights", weights, "--hop", "0.3", "--no-tdss", "--mask-bound", "inf")
        assert record["settings"]["prediction"]["hop"] == 0.3
        assert record["settings"]["prediction"]["tdss"] is False
        assert record["settings"]["oracle"] == {"mask_bound": None, "hop": 0.3}
        assert record["summary"]["oracle"]["stft"]["mean"] < 1e-8
        earlier = read_run(model_run).scores["prediction"]["stft"]
        assert not np.allclose(read_run(tmp_path / "r").scores["prediction"]["stft"], earlier, rtol=1e-5)


class TestPredictions:
    def test_truth_scores_nothing(self, prepared, truths, tmp_path):
        record = run(prepared, tmp_path / "r", "--predictions", truths)
        found = {name: score["mean"] for name, score in record["summary"]["prediction"].items()}
        assert found.pop("louder_ear") == 1
        assert found.pop("snr") > 10
        assert all(value < 1e-4 for value in found.values())
        assert record["settings"]["oracle"]["mask_bound"] == 1
        assert record["settings"]["prediction"]["name"] == "truths"
        assert record["summary"]["mono"]["phs"]["mean"] == pytest.approx(np.pi / 2, abs=0.02)

    def test_flac_and_the_papers_protocol(self, prepared, truths, tmp_path):
        for path in list(truths.iterdir()):
            sound, rate = soundfile.read(path)
            soundfile.write(path.with_suffix(".flac"), 0.5 * sound, rate, subtype="PCM_24")
            path.unlink()
        plain = run(prepared, tmp_path / "plain", "--predictions", truths)["summary"]["prediction"]
        peak = run(prepared, tmp_path / "peak", "--predictions", truths, "--normalize", "peak", "--wav", "sum")
        assert plain["stft"]["mean"] > 0.01
        assert peak["summary"]["prediction"]["stft"]["mean"] < 1e-8
        assert peak["settings"]["scores"] == {"normalize": "peak", "wav": "sum", "names": list(CLIP_SCORES)}

    def test_printed(self, prepared, truths, tmp_path, capsys):
        run(prepared, tmp_path / "r", "--predictions", truths)
        printed = capsys.readouterr().out
        assert (tmp_path / "r" / "summary.md").read_text() in printed
        assert "note: the set lacks 1 clip of this split" in printed
        run(prepared, tmp_path / "r", "--predictions", truths, "-q")
        assert capsys.readouterr().out == ""


class TestSplits:
    def predictions(self, prepared, folder: Path, clips: list[str]) -> Path:
        folder.mkdir()
        for clip in clips:
            soundfile.write(folder / f"{clip}.wav", prepared.sound(clip).T, 16_000)
        return folder

    @pytest.mark.parametrize(
        ("asked", "name", "clips"),
        [
            (["--fold", "two"], "two/test", ["c", "d", "e", "f"]),
            (["--fold", "two", "--split", "val"], "two/val", ["a", "b"]),
            (["--split", "all"], "all", ["a", "b", "c", "d", "e", "f"]),
        ],
    )
    def test_forms(self, prepared, tmp_path, asked, name, clips):
        folder = self.predictions(prepared, tmp_path / "p", clips)
        words = ["evaluate", prepared.folder, "-o", tmp_path / "r", "--jobs", "1", "--predictions", folder, *asked]
        assert main([str(word) for word in words]) == 0
        run = read_run(tmp_path / "r")
        assert run.settings["split"]["name"] == name
        assert list(run.items) == clips

    @pytest.mark.parametrize(("old", "now"), [("two", "--fold two"), ("two/val", "--fold two --split val")])
    def test_the_old_form_works_with_a_warning(self, prepared, tmp_path, capsys, old, now):
        clips = ["a", "b"] if "val" in old else ["c", "d", "e", "f"]
        folder = self.predictions(prepared, tmp_path / "p", clips)
        words = ["evaluate", prepared.folder, "-o", tmp_path / "r", "--predictions", folder, "--split", old, "-q"]
        assert main([str(word) for word in [*words, "--jobs", "1"]]) == 0
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert now in error
        assert list(read_run(tmp_path / "r").items) == clips

    def test_test_is_the_default(self, make_set, weights, tmp_path):
        small = make_set(tmp_path / "set", {"only": {"train": ["a"], "val": ["b"], "test": ["c"]}})
        command = ["evaluate", str(small.folder), "-o", str(tmp_path / "r"), "--weights", str(weights), "--jobs", "1"]
        assert main(command) == 0
        assert list(read_run(tmp_path / "r").items) == ["c"]


def test_one_process_on_a_gpu(monkeypatch):
    """They would share it; on a CPU every core scores."""
    import argparse

    from ccstereo.cli.evaluate import jobs

    monkeypatch.setattr("ccstereo.cli.evaluate.cores", lambda: 7)

    def given(device: str, count: int | None = None) -> argparse.Namespace:
        return argparse.Namespace(jobs=count, device=device, engine="processes")

    found = {device: jobs(given(device)) for device in ("cpu", "cuda", "cuda:1", "mps")}
    assert found == {"cpu": 7, "cuda": 1, "cuda:1": 1, "mps": 1}
    assert jobs(given("cuda", 3)) == 3


class TestNaN:
    """A prediction that is not finite is an error that names system and clip, never a score."""

    def test_in_a_file(self, prepared, truths, tmp_path, capsys):
        sound, rate = soundfile.read(truths / "a.wav")
        sound[7] = np.nan
        soundfile.write(truths / "a.wav", sound, rate, subtype="FLOAT")
        command = ["evaluate", prepared.folder, "-o", tmp_path / "run", "--fold", "one", "--predictions", truths]
        assert main([str(word) for word in [*command, "--jobs", "1"]]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "the prediction of a by truths holds NaN or infinite samples" in error

    def test_of_weights_that_are_nan(self, prepared, lite, tmp_path, capsys):
        """All of them NaN, as a training that diverged leaves them; saved by hand, as `save_model` refuses them."""
        from safetensors.torch import load_file, save_file

        folder = save_model(lite, tmp_path / "broken")
        state = load_file(folder / "model.safetensors")
        broken = {k: torch.full_like(v, torch.nan) if v.is_floating_point() else v for k, v in state.items()}
        save_file(broken, folder / "model.safetensors")
        command = ["evaluate", prepared.folder, "-o", tmp_path / "run", "--fold", "one", "--weights", folder]
        assert main([str(word) for word in [*command, "--jobs", "1"]]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "the prediction of d by broken holds NaN" in error


def test_a_mean_says_over_how_many_clips(make_set, tmp_path, capsys):
    """Clips whose ears are equally loud have no louder ear: 2 of 4 have one here."""
    prepared = make_set(tmp_path / "set", {"one": {"test": ["a", "b", "c", "d"]}}, even=("a", "c"))
    folder = tmp_path / "p"
    folder.mkdir()
    for clip in "abcd":
        soundfile.write(folder / f"{clip}.wav", prepared.sound(clip).T, 16_000)
    record = run(prepared, tmp_path / "r", "--predictions", folder)
    assert record["summary"]["prediction"]["louder_ear"]["clips"] == 2
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| louder ear right")]
    assert line.count(" of 2 |") == 3
    assert " of " not in (tmp_path / "r" / "summary.md").read_text().split("\n")[5]


class TestTablesAndFigure:
    def test_csv(self, prepared, truths, tmp_path):
        run(prepared, tmp_path / "r", "--predictions", truths, "--table", tmp_path / "t.csv")
        assert (tmp_path / "t.csv").read_bytes() == (tmp_path / "r" / "clips.csv").read_bytes()

    def test_parquet(self, prepared, model_run, tmp_path):
        parquet = pytest.importorskip("pyarrow.parquet")
        path = tmp_path / "t.parquet"
        run(prepared, tmp_path / "r", "--predictions", model_run / "predictions", "--table", path)
        columns = parquet.read_table(path).to_pydict()
        assert list(columns) == ["clip", "row", *COLUMNS]
        for name in COLUMNS:
            expected = [float(line[name]) if line[name] else None for line in clips_of(tmp_path / "r")]
            assert columns[name] == expected
        assert columns["clip"] == [clip for clip in TEST for _ in range(3)]

    def test_figure(self, prepared, model_run, tmp_path):
        pytest.importorskip("matplotlib")
        for name in ("scores.png", "scores.svg"):
            run(prepared, tmp_path / "r", "--predictions", model_run / "predictions", "--figure", tmp_path / name)
            assert (tmp_path / name).stat().st_size > 10_000
        assert "predictions: 4 clips of noises, one/test" in (tmp_path / "scores.svg").read_text()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["r", "scores.png", "scores.svg"]
        inside = tmp_path / "new" / "scores.png"  # of the run's own folder, which is not there yet
        run(prepared, tmp_path / "new", "--predictions", model_run / "predictions", "--figure", inside)
        assert inside.stat().st_size > 10_000

    def test_without_their_libraries(self, prepared, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr("ccstereo.evaluation.report.find_spec", lambda _: None)
        monkeypatch.setattr("ccstereo.cli.evaluate.find_spec", lambda _: None)
        command = ["evaluate", str(prepared.folder), "-o", str(tmp_path / "r"), "--fold", "one"]
        for option, name, library in (("--table", "t.parquet", "pyarrow"), ("--figure", "f.png", "matplotlib")):
            assert main([*command, option, str(tmp_path / name)]) == 1
            assert library in capsys.readouterr().err
        assert not (tmp_path / "r").exists()
