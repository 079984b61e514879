"""Rows in which nobody can know the side, scores by class, and calibration, from Python and the command line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from ccstereo.cli.main import main
from ccstereo.errors import DatasetError
from ccstereo.evaluation import Mono, Origin, make_benchmark, score, summarise
from ccstereo.evaluation.benchmark.classes import by_class
from ccstereo.models import create_model, save_model
from small import SMALL

TINY = {"scenes": 3, "seconds": 1.3}


@pytest.fixture(scope="module")
def unsure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unsure") / "bench"
    return make_benchmark(folder, rows=["one", "off screen", "one, music"], **TINY)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights") / "small"
    save_model(create_model("ccstereo-lite", **SMALL), folder)
    return str(folder)


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """A class that no synthetic scene has."""
    (tmp_path / "photos/kettle").mkdir(parents=True)
    (tmp_path / "sounds/kettle").mkdir(parents=True)
    Image.new("RGB", (40, 30), (250, 0, 250)).save(tmp_path / "photos/kettle/0.png")
    soundfile.write(tmp_path / "sounds/kettle/0.wav", np.random.default_rng(0).normal(0, 0.1, 16_000), 16_000)
    return tmp_path


def test_off_screen_mono_is_as_far_as_mono_and_no_ear_is_asked_for(unsure):
    rows = {row.row: row.scores for row in summarise(score({"mono": Mono()}, unsure))}
    assert rows["off screen"]["stft_to_mono"].value == pytest.approx(1)
    assert rows["off screen"]["louder_ear"] is None
    assert rows["off screen"]["own_side"] is None
    assert rows["one, music"]["own_side"].value == 0  # of the source alone: music has no side


def test_unknown_classes_come_from_a_folder_of_their_own(tmp_path, strangers):
    made = make_benchmark(tmp_path / "made", Origin(unknown=strangers), rows=["one", "unknown class"], **TINY)
    labels = {scene.row: {source.label for source in scene.sources} for scene in made.scenes}
    assert labels["unknown class"] == {"kettle"}
    assert labels["one"] <= {"bell", "bird", "car", "drum"}
    assert made.settings["unknown"]["name"] == strangers.name


def test_unknown_classes_must_be_named_and_unknown(tmp_path, strangers):
    with pytest.raises(DatasetError, match=r'the row "unknown class" needs --unknown'):
        make_benchmark(tmp_path / "none", rows=["unknown class"], **TINY)
    for kind in ("photos", "sounds"):
        (strangers / kind / "kettle").rename(strangers / kind / "bell")
    with pytest.raises(DatasetError, match="bell are classes of synthetic, too"):
        make_benchmark(tmp_path / "known", Origin(unknown=strangers), rows=["unknown class"], **TINY)


def test_classes_take_the_place_of_a_row(unsure):
    run = score({"mono": Mono()}, unsure)
    found = by_class(run, unsure)
    sounding = {scene.id: scene.sources[0].label for scene in unsure.scenes if scene.row == "one"}
    assert dict(sorted(found.items.items())) == sounding
    for label in found.rows:
        ids = [scene for scene, of in found.items.items() if of == label]
        whole = dict(zip(run.items, run.scores["mono"]["stft"], strict=True))
        assert found.column("mono", "stft", label).tolist() == [whole[scene] for scene in ids]
    with pytest.raises(DatasetError, match="no scene of row 'two' in which one source sounds"):
        by_class(run, unsure, "two")


def test_the_command_prints_classes_and_calibration(unsure, weights, tmp_path, capsys):
    folder = str(unsure.folder)
    assert (
        main(
            ["bench", "score", folder, "--weights", weights, "--by-class", "one", "--ledger", str(tmp_path / "ledger")]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "'one' by class:" in said
    assert any(f"| {label} (" in said for label in ("bell", "bird", "car", "drum"))
    figure = tmp_path / "calibration.png"
    command = ["bench", "calibrate", folder, "--weights", weights, "--rows", "one;one, music", "--jobs", "1"]
    pytest.importorskip("matplotlib")
    assert main([*command, "--figure", str(figure)]) == 0
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| small")]
    predicted = [float(line[2]) for line in lines]
    assert len(predicted) == 8
    assert predicted == sorted(predicted)
    assert figure.stat().st_size > 5_000
