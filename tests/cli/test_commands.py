"""The other subcommands, run for real on something tiny, and what importing the package costs."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.cli.main import COMMANDS, main
from ccstereo.models import list_models
from golden_recipe import weight

HEAVY = ("torch", "av", "lightning", "gradio", "ray", "matplotlib", "openvino", "numpy")


@pytest.mark.parametrize(
    "code",
    [
        "import ccstereo",
        "from ccstereo.cli.main import main; main(['--version'])",
        "from ccstereo.cli.main import main; main(['--help'])",
        "from ccstereo.cli.main import main; main(['binauralize', '--help'])",
        "from ccstereo.cli.main import main; main(['binauralize', 'a.mp4', '--gain', 'loud'])",
    ],
)
def test_version_help_and_import_load_nothing_heavy(code: str) -> None:
    """Under 0.3 s of a processor; best of several, each in a fresh interpreter, for other tests run beside this one."""
    program = f"""
import atexit, sys, time
start = time.process_time()
atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules], time.process_time() - start))
{code}
"""
    ends = []
    while not ends or (min(ends) >= 0.3 and len(ends) < 10):
        run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
        loaded, seconds = run.stdout.splitlines()[-1].rsplit(" ", 1)
        assert loaded == "[]"
        ends.append(float(seconds))
    assert min(ends) < 0.3


def test_every_command_is_there() -> None:
    assert {find_spec(f"ccstereo.cli.{name.replace('-', '_')}") is not None for name in COMMANDS} == {True}


def test_lazy_names_are_all_there() -> None:
    import ccstereo

    for name in ccstereo.__all__:
        assert getattr(ccstereo, name) is not None
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = ccstereo.no_such_thing


@pytest.mark.parametrize(
    "command", ["binauralize", "models", "import-checkpoint", "train", "demo", "bench", "prepare", "shard"]
)
def test_help(command: str, capsys) -> None:
    try:
        status = main([command, "--help"])
    except SystemExit as stop:
        status = stop.code
    assert status == 0
    text = capsys.readouterr().out
    assert f"usage: ccstereo {command}" in text
    assert "examples:" in text


@pytest.mark.parametrize(
    ("arguments", "place"),
    [(["binauralize", "a.mp4"], "binauralize"), (["bench", "make", "-o", "b"], "bench make"), (["bench"], "bench")],
)
def test_an_unknown_option_is_reported_with_its_place(arguments: list[str], place: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--nope"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error == f"ccstereo {place}: error: unrecognized arguments: --nope (see ccstereo {place} --help)\n"


@pytest.mark.parametrize("arguments", [[], ["sing"], ["binauralize"], ["import-checkpoint", "x.pth"]])
def test_wrong_usage(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["binauralize", ""], "argument IN: must be the name of a file, got ''"),
        (["binauralize", "v.mp4", "-o", ""], "argument -o/--output: must be the name of a file, got ''"),
        (
            ["binauralize", "v.mp4", "-o", "a\0b.mp4"],
            "argument -o/--output: must be the name of a file, got 'a\\x00b.mp4'",
        ),
        (["demo", "-o", ""], "argument -o/--output: must be the name of a file or folder, got ''"),
        (["binauralize", "v.mp4", "--bitrate", "192k"], "--bitrate: must be a whole number of at least 1, got '192k'"),
        (
            ["binauralize", "v.mp4", "--start", "0:01"],
            "argument --start: must be a number of seconds, 0 or more, got '0:01'",
        ),
        (["binauralize", "a.mp4", "b.mp4", "-o", "-"], "several files, folders and patterns need -o FOLDER"),
        (["train", "--config", "nope"], "no config 'nope': give a file or one of ablation/avad, "),
        (["train", "--config"], "argument --config/-c: expected one argument"),
        (["train", "--sweep", "seed_everything"], "--sweep seed_everything: expected NAME=VALUE,VALUE"),
    ],
)
def test_a_wrong_value_is_status_2_and_one_line(arguments: list[str], said: str, capsys) -> None:
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "error: " in error


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("import-checkpoint {} --model ccstereo -o w", "cannot read {} as a checkpoint of tensors: it is no file of"),
        ("export-checkpoint {} -o w", "{}: not a checkpoint of ccstereo train"),
        ("export-checkpoint {}.ckpt -o w", "{}.ckpt: cannot be read (No such file or directory)"),
        ("demo --sofa {} -o d", "{}: not a SOFA file; its name must end in .sofa"),
        ("demo -o {}", "{}: cannot be made a folder (File exists)"),
        ("prepare --check {}", "{}: is no prepared set"),
        ("shard {} -o s", "{}: is no prepared set"),
        ("evaluate {} -o e", "{}: is no prepared set"),
        ("bench score {}", "{}: holds no benchmark"),
        ("prepare folder {} -o p", "{}: no such folder"),
        ("binauralize {}", "{}: is a text file"),
        (f"binauralize {'x' * 300}.mp4", f"{'x' * 300}.mp4: cannot be read (File name too long)"),
    ],
)
def test_a_file_of_another_kind_is_status_1_and_one_line(
    command: str, said: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("hello\n")
    assert main([word.format("text") for word in command.split()]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ccstereo: error: " + said.format(*["text"] * 2))
    assert error.count("\n") == 1


def test_models(capsys) -> None:
    assert main(["models"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert set(list_models()) | {DEFAULT_WEIGHTS} <= set(lines)
    assert lines["mono2binaural"].split()[1:7] == ["34.3", "M", "102", "G/s", "l", "-"]
    assert "import-checkpoint" in lines["apnet"]
    assert "5 of 448x224" in lines["sagm"]
    assert lines["morgado2018"].endswith("train")


def test_import_checkpoint(tmp_path: Path, capsys) -> None:
    keys = json.loads((Path(__file__).parents[1] / "models" / "ccstereo_state_dict.json").read_text())
    state = {key: torch.from_numpy(np.asarray(weight(key, tuple(shape)))) for key, shape in keys}
    torch.save({"state_dict": state}, tmp_path / "best.pth")
    command = ["import-checkpoint", str(tmp_path / "best.pth"), "--model", "ccstereo", "-o"]
    assert main([*command, str(tmp_path / "weights")]) == 0
    assert json.loads((tmp_path / "weights" / "config.json").read_text())["model"] == "ccstereo"
    assert main([*command, str(tmp_path / "weights")]) == 1
    assert "weights: holds weights already" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "weights"), "--overwrite", "--half"]) == 0
    del state["net_audio.img_pos_embed.weight"]
    torch.save({"state_dict": state | {"net_audio.surprise": torch.zeros(1)}}, tmp_path / "best.pth")
    assert main([*command, str(tmp_path / "other")]) == 1
    error = capsys.readouterr().err
    assert "img_pos_embed" in error
    assert "surprise" in error
    assert not (tmp_path / "other").exists()


def test_demo(tmp_path: Path, capsys) -> None:
    """The embedded weights do better than mono on the synthetic scene that everybody gets first."""
    assert main(["demo", "-o", str(tmp_path / "demo")]) == 0
    lines = capsys.readouterr().out.splitlines()
    mono, predicted = (
        dict(zip(lines[1].replace("SNR dB", "SNR").split(), map(float, line.split()[1:]), strict=True))
        for line in lines[2:4]
    )
    assert predicted["STFT"] < 0.8 * mono["STFT"]
    assert predicted["SNR"] > mono["SNR"] + 1
    files = ["binaural.mp4", "mono.wav", "predicted.wav", "scene.mp4", "scene.png", "truth.wav"]
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == files
    truth, rate = soundfile.read(tmp_path / "demo" / "truth.wav")
    assert (rate, truth.shape) == (16_000, (160_000, 2))


def test_a_demo_replaces_no_other_files(tmp_path: Path, capsys) -> None:
    (tmp_path / "scene.mp4").write_text("of somebody's own")
    assert main(["demo", "-o", str(tmp_path), "--seconds", "1"]) == 1
    assert "holds a scene.mp4 that no demo has made; choose another folder with -o" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of somebody's own"]


def test_bench(tmp_path: Path, monkeypatch, capsys) -> None:
    """In one command, and in two steps."""
    monkeypatch.chdir(tmp_path)  # out of the checkout, whose ledger would note it
    scenes = ["--rows", "one; two", "--scenes", "3", "--seconds", "1"]
    assert main(["bench", *scenes, "--jobs", "1", "--hop", "0.3", "--json", str(tmp_path / "s.json")]) == 0
    at_once = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in at_once[4:7]] == [
        ["| one (3)", name] for name in ("Mono-Mono", DEFAULT_WEIGHTS, "oracle (mask to 2.5)")
    ]
    assert "synthetic (test files), spherical head, 1 s a scene; checksum " in at_once[0]
    rows = json.loads((tmp_path / "s.json").read_text())["rows"]
    assert rows[1]["stft_to_mono"]["high"] < 1

    assert main(["bench", "make", "-o", str(tmp_path / "b"), *scenes, "--jobs", "1"]) == 0
    assert at_once[0].split()[-1] in capsys.readouterr().out
    score = ["bench", "score", str(tmp_path / "b"), "--jobs", "1", "--hop", "0.3", "-o", str(tmp_path / "kept")]
    assert main([*score, "--csv", str(tmp_path / "s.csv")]) == 0
    assert capsys.readouterr().out.splitlines() == at_once
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 1 + 3 * 6
    with pytest.raises(SystemExit) as stop:
        main([*score, "--rows", "one; three"])
    assert stop.value.code == 2
    assert "no row 'three'; rows are one; two" in capsys.readouterr().err


def test_bench_without_pyroomacoustics_is_dry(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ccstereo.cli.bench.find_spec", lambda _: None)
    assert main(["bench", "--scenes", "1", "--seconds", "0.7", "--jobs", "1", "--hop", "0.5"]) == 0
    captured = capsys.readouterr()
    assert "ccstereo[rooms]" in captured.err
    assert "| two, moving (1) |" in captured.out
    assert "room" not in captured.out


def test_errors_of_the_stage_are_one_line(tmp_path: Path, capsys) -> None:
    assert main(["bench", "--folder", str(tmp_path)]) == 1
    assert main(["demo", "--sofa", str(tmp_path / "none.sofa"), "-o", str(tmp_path / "demo")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("ccstereo: error: ") for line in lines)
