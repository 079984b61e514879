"""Whatever is wrong, one clear line says so before any clip is scored."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ccstereo.cli.main import main


@pytest.fixture
def fails(prepared, tmp_path, capsys):
    """`fails(status, *arguments)`: the one line in which evaluate says why it does not."""

    def run(status: int, *arguments, folder: Path = prepared.folder) -> str:
        output = tmp_path / "run"
        command = ["evaluate", folder, "-o", output, "--jobs", "1", "--fold", "one", *arguments]
        try:
            found = main([str(word) for word in command])
        except SystemExit as stop:
            found = stop.code
        error = capsys.readouterr().err
        assert found == status
        assert error.count("\n") == 1
        assert not output.exists()
        return error

    return run


def test_predictions_of_other_clips(fails, truths):
    (truths / "a.wav").rename(truths / "stranger.wav")
    (truths / "b.wav").unlink()
    error = fails(1, "--predictions", truths)
    assert "2 missing (a, b)" in error
    assert "1 of no clip of this split (stranger)" in error


def test_a_clip_that_is_there_twice(fails, truths):
    sound, rate = soundfile.read(truths / "a.wav")
    soundfile.write(truths / "a.flac", sound, rate)
    assert "1 there twice (a)" in fails(1, "--predictions", truths)


@pytest.mark.parametrize(
    ("shape", "rate", "reason"),
    [
        ((16_000 - 1, 2), 16_000, "samples instead of"),
        ((44_100, 2), 44_100, "44100 Hz instead of 16000"),
        ((17_600, 1), 16_000, "1 channel instead of 2"),
        ((17_600, 6), 16_000, "6 channels instead of 2"),
    ],
)
def test_predictions_of_another_form(fails, truths, shape, rate, reason):
    soundfile.write(truths / "a.wav", np.zeros(shape), rate)
    error = fails(1, "--predictions", truths)
    assert "a.wav" in error
    assert reason in error


def test_a_broken_prediction(fails, truths):
    (truths / "a.wav").write_text("no sound")
    assert "a.wav cannot be read" in fails(1, "--predictions", truths)


def test_places_that_are_not_there(fails, tmp_path, truths):
    assert "no such folder" in fails(1, "--predictions", tmp_path / "nowhere")
    assert "no prepared set" in fails(1, folder=tmp_path / "nowhere")
    assert "no weights" in fails(1, "--weights", "nowhere")
    assert "no such fold" in fails(1, "--fold", "three")
    assert "has 2 folds" in fails(1, "--fold", "")
    hint = "two/train has no clips; --split val and --split test have"
    assert hint in fails(1, "--fold", "two", "--split", "train")
    assert "no split 'tset'" in fails(1, "--split", "tset")
    assert "no folder" in fails(1, "--predictions", truths, "--table", tmp_path / "nowhere" / "t.csv")
    assert "no folder" in fails(1, "--predictions", truths, "--figure", tmp_path / "nowhere" / "f.png")
    assert "is a folder" in fails(1, "--predictions", truths, "--table", tmp_path)
    assert ".csv or .parquet" in fails(1, "--predictions", truths, "--table", tmp_path / "t.xlsx")


def test_wrong_usage(fails, tmp_path, truths):
    assert "exclude" in fails(2, "--predictions", truths, "--weights", "mine")
    assert ".svg" in fails(2, "--figure", tmp_path / "f.bmp")
    assert "--mask-bound" in fails(2, "--mask-bound", "0")
    assert "--jobs" in fails(2, "--jobs", "0")
    assert "--seed" in fails(2, "--seed", "-1")
    assert "no score 'loudness'; scores are stft" in fails(2, "--scores", "loudness")
    assert "hop" in fails(2, "--hop", "2")
    assert "hop" in fails(2, "--hop", "2", "--predictions", truths)


def test_a_model_at_another_rate(fails, tmp_path):
    from ccstereo.models import create_model, save_model

    save_model(create_model("ccstereo-lite", sample_rate=8_000), tmp_path / "slow")
    assert "the model takes 8000 Hz" in fails(1, "--weights", tmp_path / "slow")
