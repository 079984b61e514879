"""Three tiny models, one a target, through every command: trained, streamed, saved, loaded, evaluated and benched.

What somebody writes outside the package is imported by `--import`; nothing in the package knows these models.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from ccstereo.audio.ambisonics import encode
from ccstereo.cli.main import main
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.models import load_model

MODELS = ("tiny-mid-side", "tiny-left-right", "tiny-foa")
CLIPS = {"a": 40.0, "b": -30.0, "c": 60.0, "d": -70.0}  # azimuths


def clips(source: Source, foa: bool):
    """A second of noise from the side whose half of the frame is bright: both ears, or ambisonics."""
    import torch

    rng = np.random.default_rng(ord(source.key))
    sound = encode(torch.from_numpy(0.1 * rng.standard_normal(16_000)).float(), CLIPS[source.key]).numpy()
    if not foa:
        sound = np.stack([sound[0] + 0.5 * sound[1], sound[0] - 0.5 * sound[1]])
    frame = np.zeros((240, 480, 3), np.uint8)
    frame[:, : 240 if CLIPS[source.key] > 0 else 480] = 200
    yield Clip(source.key, sound, [encode_jpeg(frame)] * 10)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Prepared sets of two ears and, by True, of first-order ambisonics."""
    from functools import partial

    folds = {"default": {"train": ["a", "b"], "val": ["c"], "test": ["d"]}}
    found = {}
    for foa in (False, True):
        found[foa] = tmp_path_factory.mktemp("sets") / ("foa" if foa else "ears")
        info = SetInfo("noises", sound="foa" if foa else "binaural")
        prepare([Source(name, ()) for name in CLIPS], partial(clips, foa=foa), found[foa], info, folds=lambda _: folds)
    return found


def run(*arguments: object) -> None:
    assert main(["--import", "tiny_models", *map(str, arguments)]) == 0


@pytest.mark.parametrize("name", MODELS)
def test_through_every_command(name: str, sets, clip: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCSTEREO_IMPORT", "")
    foa = name == "tiny-foa"
    run(
        *("train", "--config", "lite-stage", "--data.path", sets[foa], "--model.model", name),
        *("--model.imagenet", "false", "--model.frozen_trunk", "false", "--trainer.max_steps", 2),
        *("--data.batch_size", 2, "--data.epoch_size", 4, "--data.validation_size", 1, "--data.workers", 0),
        *("--trainer.precision", "32-true", "--trainer.enable_progress_bar", "false", "--trainer.logger", "false"),
        *("--trainer.enable_model_summary", "false", "--trainer.default_root_dir", "run"),
    )
    model = load_model("run/weights")
    assert (model.name, model.target.name) == (name, name.removeprefix("tiny-"))
    assert model.scale == 0.5  # the buffer that one of them does not save

    run("binauralize", clip, "-o", "out.mp4", "--weights", "run/weights")
    assert Path("out.mp4").is_file()
    assert "side-to-mid ratio" in capsys.readouterr().out

    head = ("--decoder", "magls") if foa else ()
    run("evaluate", sets[foa], "--weights", "run/weights", "-o", "evaluated", "--jobs", 1, *head)
    assert "| STFT ↓ |" in capsys.readouterr().out

    run("bench", "--scenes", 1, "--rows", "one", "--weights", "run/weights", "--jobs", 1, "--json", "bench.json")
    table = capsys.readouterr().out
    assert "Mono-Mono" in table
    (ours,) = [row for row in json.loads(Path("bench.json").read_text())["rows"] if row["system"] == "run"]
    assert np.isfinite(ours["stft_to_mono"]["value"])
