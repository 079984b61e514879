"""`ccstereo plot`: every kind writes its figure, and what cannot be drawn is said."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from ccstereo import viz
from ccstereo.cli.main import main
from ccstereo.models import save_model


@pytest.fixture(scope="module")
def weights(lite, tmp_path_factory) -> str:
    return str(save_model(lite, tmp_path_factory.mktemp("weights") / "random"))


def test_a_video_with_maps_over_it(weights, tmp_path: Path) -> None:
    from ccstereo.media import probe

    output = tmp_path / "maps.mp4"
    assert main(["plot", "relevance", "--weights", weights, "--seconds", "1", "-o", str(output)]) == 0
    assert probe(output, require_video=True, require_audio=True).duration == pytest.approx(1, abs=0.1)


def test_of_a_video(weights, tmp_path: Path, capsys) -> None:
    from ccstereo.media import write_video

    rng = np.random.default_rng(0)
    frames, sound = rng.integers(0, 256, (10, 48, 96, 3), dtype=np.uint8), 0.1 * rng.standard_normal((2, 16_000))
    write_video(tmp_path / "two.mp4", frames, sound.astype(np.float32))
    write_video(tmp_path / "one.mp4", frames, sound[:1].astype(np.float32))
    command = ["plot", "level", "--weights", weights, "-o", str(tmp_path / "level.svg")]
    assert main([*command, str(tmp_path / "two.mp4")]) == 0
    assert "<svg" in (tmp_path / "level.svg").read_text()
    assert main([*command, str(tmp_path / "one.mp4")]) == 1
    assert "one.mp4" in capsys.readouterr().err
    before = (tmp_path / "one.mp4").read_bytes()
    film = str(tmp_path / "one.mp4")
    assert main(["plot", "relevance", "--weights", weights, film, "-o", film]) == 1
    assert "one.mp4: is the input itself; write to another file" in capsys.readouterr().err
    assert (tmp_path / "one.mp4").read_bytes() == before


def test_a_video_keeps_its_proportions(weights, tmp_path: Path) -> None:
    from ccstereo.media import probe, write_video

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (10, 128, 72, 3), dtype=np.uint8)
    write_video(tmp_path / "upright.mp4", frames, 0.1 * rng.standard_normal((1, 16_000)).astype(np.float32))
    output = tmp_path / "maps.mp4"
    assert main(["plot", "relevance", "--weights", weights, str(tmp_path / "upright.mp4"), "-o", str(output)]) == 0
    video = probe(output, require_video=True).video
    assert video.width / video.height == pytest.approx(72 / 128, rel=0.1)


def test_intervals_and_sweeps_of_scores(tmp_path: Path, capsys) -> None:
    found = {"value": 0.5, "low": 0.4, "high": 0.6, "count": 3}
    rows = [{"row": "one", "system": system, "scenes": 3, "stft": found} for system in ("mono", "ours")]
    (tmp_path / "scores.json").write_text(json.dumps({"rows": rows}))
    output = str(tmp_path / "figure.png")
    assert main(["plot", "ablation", str(tmp_path / "scores.json"), "-o", output]) == 0
    assert main(["plot", "ablation", str(tmp_path / "scores.json"), "--score", "no", "-o", output]) == 1
    assert "holds no score 'no'" in capsys.readouterr().err

    runs = []
    for value in ("0.1", "1"):
        summary = {
            system: {"stft": {"mean": 1.0, "low": 0.9, "high": 1.1}} for system in ("mono", "prediction", "oracle")
        }
        settings = {"split": {"name": "test"}, "prediction": {"name": "ours"}}
        runs.append(tmp_path / f"zeta={value}")
        runs[-1].mkdir()
        (runs[-1] / "record.json").write_text(json.dumps({"settings": settings, "summary": summary}))
    assert main(["plot", "sweep", *map(str, runs), "--score", "stft", "-o", output]) == 0
    assert main(["plot", "sweep", str(tmp_path), "--score", "stft", "-o", output]) == 1
    assert "NAME=VALUE" in capsys.readouterr().err


def test_curves_of_a_training(tmp_path: Path, capsys) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    from ccstereo.training.curves import read_curves

    with tensorboard.SummaryWriter(tmp_path / "run") as writer:
        for step in (1, 2, 3):
            writer.add_scalar("train/loss", 10.0 / step, step)
    steps, values = read_curves(tmp_path / "run")["train/loss"]
    assert steps.tolist() == [1, 2, 3]
    np.testing.assert_allclose(values, [10, 5, 10 / 3], rtol=1e-6)
    output = str(tmp_path / "training.png")
    assert main(["plot", "training", str(tmp_path / "run"), "-o", output]) == 0
    assert main(["plot", "training", str(tmp_path / "run"), "--names", "val/no", "-o", output]) == 1
    assert "has not logged val/no" in capsys.readouterr().err
    assert main(["plot", "training", str(tmp_path / "nothing"), "-o", output]) == 1


def test_wrong_usage(tmp_path: Path, capsys) -> None:
    for arguments in (
        ["level", "-o", "x.jpg"],
        ["level", "-o", "x.mp4"],
        ["level", "--seconds", "0.1"],
        ["nothing"],
        [],
    ):
        with pytest.raises(SystemExit) as stop:
            main(["plot", *arguments])
        assert stop.value.code == 2


@pytest.mark.parametrize(
    ("files", "names"),
    [(("before.json", "after.json"), ("before", "after")), (("a/of.json", "b/of.json"), ("a/of.json", "b/of.json"))],
)
def test_what_two_files_score_differently_is_drawn_twice(files, names, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = {}
    draw = viz.plot_intervals

    def record(groups, *rest):
        drawn.update(groups)
        return draw(groups, *rest)

    monkeypatch.setattr(viz, "plot_intervals", record)
    for name, value in zip(files, (0.5, 0.4), strict=True):
        rows = [
            {"row": "one", "system": system, "stft": {"value": mean, "low": mean, "high": mean}}
            for system, mean in (("mono", 1.0), ("ours", value))
        ]
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(json.dumps({"rows": rows}))
    assert main(["plot", "ablation", *files, "-o", "figure.png"]) == 0
    assert {name: value[0] for name, value in drawn["one"].items()} == {
        "mono": 1.0,
        f"ours, {names[0]}": 0.5,
        f"ours, {names[1]}": 0.4,
    }
