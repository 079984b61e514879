"""The main job through the real command line, and what it says when the input is bad."""

import io
import json
import os
import platform
import re
import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch

from ccstereo.cli.main import main
from ccstereo.locate import weights_sha256
from ccstereo.models import create_model, save_model
from small import SMALL


@pytest.fixture(scope="session")
def weights(lite, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("weights")
    save_model(lite, folder)
    return str(folder)


def video_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def failure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run, expect status 1 and one line, and return it."""
    assert main(["binauralize", *map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("ccstereo: error: ")
    return lines[0]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_video_gets_stereo_sound_and_keeps_pictures(clip: Path, weights: str, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    assert main(["binauralize", str(clip), "-o", str(out), "--weights", weights, "-q"]) == 0
    assert video_packets(out) == video_packets(clip)
    sound = decode(out)
    assert sound.shape[0] == 2
    assert np.abs(sound[0] - sound[1]).max() > 1e-3


def test_sound_alone_has_the_inputs_length(clip: Path, weights: str, tmp_path: Path) -> None:
    for suffix in ("wav", "flac"):
        out = tmp_path / f"out.{suffix}"
        assert main(["binauralize", str(clip), "-o", str(out), "--weights", weights]) == 0
        sound, rate = soundfile.read(out)
        assert (rate, sound.shape) == (16_000, (32_000, 2))


def test_output_has_a_default_name_and_a_report(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    copy = tmp_path / "holiday.mp4"
    shutil.copy(clip, copy)
    assert main(["binauralize", str(copy), "--weights", weights]) == 0
    assert (tmp_path / "holiday.binaural.mp4").is_file()
    assert "holiday.binaural.mp4: 2.0 s in" in capsys.readouterr().out


def test_overwrite_replaces_what_is_there(clip: Path, weights: str, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    out.write_text("earlier")
    arguments = ["binauralize", str(clip), "-o", str(out), "--weights", weights, "--hop", "0.5", "-q"]
    assert main([*arguments, "--overwrite"]) == 0
    assert soundfile.info(out).frames == 32_000


def test_json_is_one_line_with_the_numbers(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.wav"
    arguments = ["binauralize", str(clip), "-o", str(out), "--weights", weights, "--hop", "0.5", "--json"]
    assert main([*arguments, "--dry-run"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["state"], planned["input"], planned["output"]) == ("planned", str(clip), str(out))
    assert list(tmp_path.iterdir()) == []
    assert main(arguments) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["state"], done["seconds"], done["output_size"]) == ("done", 2.0, out.stat().st_size)
    assert done["settings"]["weights"] == weights_sha256(weights)
    assert re.fullmatch(r"cpu \((torch|openvino|onnx), float32\)", done["runs_on"])
    assert main(arguments) == 1
    failed = json.loads(capsys.readouterr().out)
    assert failed["state"] == "failed"
    assert "--overwrite" in failed["error"]


def test_side_gain_scales_the_difference_alone(clip: Path, weights: str, tmp_path: Path) -> None:
    sounds = {}
    for gain in ("0", "0.5", "1"):
        out = tmp_path / f"{gain}.wav"
        command = ["binauralize", str(clip), "-o", str(out), "--weights", weights, "--hop", "0.3", "-q"]
        assert main([*command, "--side-gain", gain]) == 0
        sounds[gain] = soundfile.read(out)[0].T
    middle, half = sounds["1"].mean(0), np.subtract(*sounds["1"]) / 2
    assert np.abs(half).max() > 1e-3
    for gain, sound in sounds.items():  # beside what both ears have in common: the loudness stays, so that changes
        np.testing.assert_allclose(np.subtract(*sound) / 2 * middle, float(gain) * half * sound.mean(0), atol=1e-5)


def test_width_is_the_old_name_of_side_gain(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.wav"
    assert main(["binauralize", str(clip), "-o", str(out), "--weights", weights, "--width", "0", "-q"]) == 0
    sound = soundfile.read(out)[0]
    np.testing.assert_array_equal(sound[:, 0], sound[:, 1])
    assert capsys.readouterr().err == (
        "warning: --width is now called --side-gain; the old name goes in the next release\n"
    )


@pytest.mark.parametrize(
    "option",
    [
        *(f"--side-gain={value}" for value in ("-0.1", "2.5", "nan", "wide")),
        *(f"--gain={value}" for value in ("nan", "inf", "-inf", "800", "-61", "loud")),
        *(f"--bitrate={value}" for value in ("-5", "0", "1.5")),
    ],
)
def test_a_number_out_of_range_is_wrong_usage(clip: Path, option: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(SystemExit) as exit_:
        main(["binauralize", str(clip), "-o", str(out), option])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"ccstereo binauralize: error: argument {option.split('=')[0]}: ")
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_bitrate_that_the_codec_does_not_have(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    for name, codec, bitrate, reason in [
        ("out.mkv", "opus", "192", "opus takes 6000 to 512000 bits a second"),
        ("out.mp4", "aac", "1000000", "aac takes 6000 to 512000 bits a second"),
        ("out.mkv", "flac", "192000", "flac is lossless"),
    ]:
        arguments = ("-o", tmp_path / name, "--codec", codec, "--bitrate", bitrate, "--weights", weights)
        assert reason in failure(capsys, clip, *arguments)
    assert ".wav is lossless" in failure(capsys, clip, "-o", tmp_path / "o.wav", "--bitrate", "9", "--weights", weights)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".avi", ".MP4", ""])
def test_the_default_output_can_be_written(clip: Path, weights: str, tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"holiday{suffix}"
    shutil.copy(clip, source)  # FFmpeg goes by the content
    assert main(["binauralize", str(source), "--weights", weights, "--hop", "0.5", "-q"]) == 0
    kept = suffix if suffix == ".MP4" else ".mkv"
    assert (tmp_path / f"holiday.binaural{kept}").is_file()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are any bytes on Linux alone")
@pytest.mark.parametrize(("encoding", "suffix"), [("utf-8", ".wav"), ("ascii", ".mp4"), ("cp1252", ".flac")])
def test_names_that_the_terminal_cannot_show(
    clip: Path, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, suffix: str
) -> None:
    """A name that is not UTF-8, or has a character that the terminal lacks: done, and the report is printed."""
    for name in (os.fsdecode(b"caf\xe9"), "caf\u00e9 \U0001f3a7"):
        shutil.copy(clip, tmp_path / f"{name}.mp4")
        out = tmp_path / f"out {name}{suffix}"
        terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", terminal)
        command = ["binauralize", str(tmp_path / f"{name}.mp4"), "-o", str(out), "--weights", weights, "--hop", "0.5"]
        assert main(command) == 0
        assert out.is_file()
        terminal.flush()
        assert b"2.0 s in" in terminal.buffer.getvalue()


def test_gain_and_no_tdss_change_the_sound(clip: Path, tmp_path: Path) -> None:
    sounds = []
    for name, extra in (("a", []), ("b", ["--gain", "-6.0206"]), ("c", ["--no-tdss"])):
        out = tmp_path / f"{name}.wav"
        assert main(["binauralize", str(clip), "-o", str(out), "-q", *extra]) == 0
        sounds.append(soundfile.read(out)[0])
    np.testing.assert_allclose(sounds[1], sounds[0] / 2, atol=1e-5)
    assert np.abs(sounds[2] - sounds[0]).max() > 1e-5


def test_fast_is_a_wider_hop_and_a_hop_that_is_given_counts(clip: Path, weights: str, tmp_path: Path) -> None:
    sounds = []
    for name, options in enumerate((["--fast"], ["--hop", "0.3"], ["--fast", "--hop", "0.1"], [])):
        out = tmp_path / f"{name}.wav"
        assert main(["binauralize", str(clip), "-o", str(out), "--weights", weights, *options]) == 0
        sounds.append(out.read_bytes())
    assert sounds[0] == sounds[1] != sounds[2] == sounds[3]


def test_bad_files_say_what_and_where(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.mp4"
    text, empty, cut = tmp_path / "text.mp4", tmp_path / "empty.mp4", tmp_path / "cut.mp4"
    text.write_text("this is not a video\n" * 50)
    empty.touch()
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    silent, blind = tmp_path / "silent.mp4", tmp_path / "blind.wav"
    with av.open(str(silent), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    soundfile.write(blind, np.zeros(16_000), 16_000)
    expected = {
        tmp_path / "none.mp4": "no such file",
        text: "text",
        empty: "empty",
        cut: "",
        silent: "sound|audio",
        blind: "video",
    }
    for path, reason in expected.items():
        line = failure(capsys, path, "-o", out, "--weights", weights)
        assert path.name in line
        assert not reason or any(word in line.lower() for word in reason.split("|")), line
        assert not out.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["text.mp4", "empty.mp4", "cut.mp4", "silent.mp4", "blind.wav"]
    )


def test_bad_outputs_say_what_and_where(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    before = clip.read_bytes()
    assert clip.name in failure(capsys, clip, "-o", clip, "--weights", weights)
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    failure(capsys, clip, "-o", link, "--weights", weights)
    assert "missing" in failure(capsys, clip, "-o", tmp_path / "missing" / "out.mp4", "--weights", weights)
    (tmp_path / "there.mp4").touch()
    there = failure(capsys, clip, "-o", tmp_path / "there.mp4", "--weights", weights)
    assert there.endswith("there.mp4: exists already; --overwrite replaces it")
    assert ".xyz" in failure(capsys, clip, "-o", tmp_path / "out.xyz", "--weights", weights)
    failure(capsys, clip, "-o", tmp_path / "out.mp4", "--codec", "mp3", "--weights", weights)
    assert clip.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.mp4", "there.mp4"]
    assert (tmp_path / "there.mp4").read_bytes() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="needs /proc")
def test_an_unwritable_place(clip: Path, weights: str, capsys) -> None:
    assert "/proc" in failure(capsys, clip, "-o", "/proc/out.mp4", "--weights", weights)


def test_a_dry_run_finds_what_is_wrong_with_the_weights(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    assert "nowhere" in failure(capsys, clip, "-o", tmp_path / "out.mp4", "--weights", "nowhere", "--dry-run")
    assert main(["binauralize", str(clip), "-o", str(tmp_path / "out.mp4"), "--weights", weights, "--dry-run"]) == 0
    assert not list(tmp_path.iterdir())


def test_weights_that_do_not_fit(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.mp4"
    assert "nowhere" in failure(capsys, clip, "-o", out, "--weights", "nowhere")
    other = tmp_path / "other"
    save_model(create_model("ccstereo-lite", **SMALL | {"aspp_channels": 4}), other)
    shutil.copy(Path(weights) / "config.json", other / "config.json")
    line = failure(capsys, clip, "-o", out, "--weights", other)
    assert "other" in line
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [["--hop", "0"], ["--hop", "-1"], ["--hop", "x"], ["--hop", "9"], ["--batch-size", "0"], ["--precision", "int3"]],
)
def test_wrong_usage_is_status_2_and_one_line(clip: Path, weights: str, tmp_path: Path, capsys, arguments) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(SystemExit) as stop:
        main(["binauralize", str(clip), "-o", str(out), "--weights", weights, *arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert arguments[0].strip("-").split("-")[0] in error
    assert not out.exists()


def test_an_absent_device(clip: Path, weights: str, tmp_path: Path, capsys) -> None:
    line = failure(capsys, clip, "-o", tmp_path / "out.mp4", "--weights", weights, "--device", "cuda:77")
    assert "cuda:77" in line
    line = failure(capsys, clip, "-o", tmp_path / "out.mp4", "--weights", weights, "--device", "gpu")
    assert line.endswith("device gpu: unknown; there are auto, cpu, cuda, cuda:1 and mps")
    line = failure(capsys, clip, "-o", tmp_path / "out.mp4", "--weights", weights, "--device", "xpu")
    assert len(line) < 200


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("machine", "capability", "precision", "warned"),
    [
        ("x86_64", "AVX2", "bfloat16", True),
        ("x86_64", "AVX2", "float32", False),
        ("AMD64", "AVX512", "bfloat16", False),
        ("aarch64", "DEFAULT", "bfloat16", False),
        ("arm64", "DEFAULT", "float16", False),  # Apple's name of its own processors
    ],
)
def test_a_precision_that_does_not_pay_is_one_line_of_warning(
    clip: Path, weights: str, tmp_path: Path, monkeypatch, capsys, machine, capability, precision, warned
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    arguments = ["binauralize", str(clip), "-o", str(tmp_path / "out.wav"), "--weights", weights, "--hop", "0.6", "-q"]
    assert main([*arguments, "--precision", precision]) == 0
    line = f"warning: this processor has no AVX-512 and is many times slower in {precision} than in float32\n"
    assert capsys.readouterr().err == (line if warned else "")


@pytest.mark.parametrize("name", ["nasa_13013.mp4", "big_buck_bunny_30s.mp4"])
def test_real_videos_with_the_embedded_weights(shared: Path, tmp_path: Path, name: str) -> None:
    source, out = shared / "media" / name, tmp_path / "out.mp4"
    assert main(["binauralize", str(source), "-o", str(out), "-q"]) == 0
    with av.open(str(source)) as before, av.open(str(out)) as after:
        assert len(before.streams.video) == len(after.streams.video)
        assert len(after.streams.audio) == 1
        for a, b in zip(before.streams.video, after.streams.video, strict=True):
            with av.open(str(source)) as one, av.open(str(out)) as two:
                kept = [bytes(packet) for packet in one.demux(one.streams[a.index]) if packet.size]
                assert kept == [bytes(packet) for packet in two.demux(two.streams[b.index]) if packet.size]
    sound = decode(out)
    assert sound.shape[0] == 2
    assert np.sqrt(np.mean(np.square(sound[0] - sound[1]))) > 0.01 * np.sqrt(np.mean(np.square(sound)))
