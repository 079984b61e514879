"""The examples run, from generated input."""

import importlib.util
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ccstereo.models import save_model

LIVE = Path(__file__).parents[1] / "examples" / "live.py"


@pytest.fixture(scope="module")
def live():
    spec = importlib.util.spec_from_file_location("live", LIVE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def command(lite, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two seconds of a drawn scene, through a small network."""
    weights = save_model(lite, tmp_path_factory.mktemp("live") / "weights")
    return [sys.executable, str(LIVE), "--sound", str(clip), "--video", str(clip), "--weights", str(weights)]


def test_a_film_in_real_time(command: list[str], clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    run = subprocess.run([*command, "-o", str(out)], check=False, capture_output=True, text=True, timeout=200)
    assert (run.returncode, run.stderr) == (0, "")
    promised, late = map(
        float, re.search(r"ready after (\S+) s \(promised\), and is played after (\S+) s", run.stdout).groups()
    )
    assert 0.6 < promised < late
    assert re.search(
        r"ready after \S+ s \(median\), \S+ s \(longest\); \d+ underruns, \d+ % played as mono", run.stdout
    )
    sound, rate = soundfile.read(out)
    assert np.abs(sound[: round((late - 0.05) * rate)]).max() == 0
    assert len(sound) / rate == pytest.approx(2.0 + late, abs=0.05)
    assert np.abs(sound[-2 * rate :]).max() > 0.1


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
def test_ctrl_c_ends_it_cleanly(command: list[str], clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [*command, "-o", str(out), "--delay", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        lines = iter(process.stdout.readline, "")
        assert any("Ctrl-C ends" in line for line in lines)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert "underruns" in said
    assert soundfile.info(out).duration > 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sound", "none.mp4"], "none.mp4: no such file"),
        (["--sound", "CLIP", "--video", "/dev/no-camera"], "/dev/no-camera: no video and no camera"),
    ],
)
def test_what_is_not_there_is_one_line(live, clip: Path, arguments: list[str], said: str, capsys) -> None:
    assert live.main([str(clip) if argument == "CLIP" else argument for argument in arguments]) == 1
    assert capsys.readouterr().err.startswith(f"live.py: error: {said}")


@pytest.mark.parametrize(
    ("error", "advice"), [(ImportError, "pip install sounddevice"), (OSError, "apt install libportaudio2")]
)
def test_without_a_sound_card_the_message_says_what_to_install(live, monkeypatch, error, advice: str) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise error

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(live.CCStereoError, match=advice):
        live.import_sounddevice()


class TestPlayout:
    """A ramp as sound, so that every sample shows where it comes from; stereo is its negative."""

    SOUND = np.arange(1, 10_001, dtype=np.float32)

    def play(self, live, ready: set[int], blocks: int = 20) -> np.ndarray:
        """Blocks of 100, played 300 later; stereo of the blocks in `ready` comes two blocks before it is needed."""
        self.playout = live.Playout(300)
        played = []
        for k in range(blocks):
            self.playout.put(self.SOUND[100 * k :][:100])
            if k - 1 in ready:
                self.playout.put_stereo(100 * (k - 1), -np.stack([self.SOUND[100 * (k - 1) :][:100]] * 2))
            played.append(self.playout.take(100))
        return np.concatenate(played, axis=1)

    def test_stereo_that_is_ready_is_played_late_and_whole(self, live) -> None:
        sound = self.play(live, set(range(20)))
        assert np.abs(sound[:, :300]).max() == 0
        np.testing.assert_array_equal(sound[:, 400:], -np.stack([self.SOUND[100:1_700]] * 2))
        assert (self.playout.underruns, self.playout.mono) == (0, 0)

    def test_what_is_not_ready_is_played_as_mono_after_a_fade(self, live) -> None:
        sound = self.play(live, set(range(20)) - {8, 9})
        np.testing.assert_array_equal(sound[:, 1_100:1_300], np.stack([self.SOUND[800:1_000]] * 2))  # mono
        np.testing.assert_array_equal(sound[:, 1_400:], -np.stack([self.SOUND[1_100:1_700]] * 2))  # stereo again
        fade = sound[0, 1_000:1_100] / self.SOUND[700:800]
        np.testing.assert_allclose(fade, np.linspace(-1, 1, 100), atol=1e-5)
        assert (self.playout.underruns, self.playout.mono) == (1, 300)


def test_a_worker_that_has_fallen_behind_starts_anew_at_what_comes_now(live) -> None:
    """A network that takes 30 ms for each block of 10: it skips, and what it makes stands where it belongs."""

    class Slow:
        def __init__(self) -> None:
            self.waiting: list[np.ndarray] = []

        def push_frame(self, frame: np.ndarray) -> None: ...

        def push_samples(self, samples: np.ndarray) -> None:
            time.sleep(0.03)
            self.waiting.append(samples)

        def pull(self) -> np.ndarray:
            return np.stack([np.concatenate([self.waiting.pop(0)])] * 2)

    made: list[Slow] = []

    def make() -> Slow:
        made.append(Slow())
        return made[-1]

    sound = np.arange(1, 5_001, dtype=np.float32)
    playout = live.Playout(100)  # 100 ms
    worker = live.Worker(make, lambda: np.zeros((2, 2, 3), np.uint8), 10.0)
    worker.start(playout, 1_000)
    for k in range(50):
        playout.put(sound[10 * k :][:10])
        worker.put(sound[10 * k :][:10])
        playout.take(10)
        time.sleep(0.01)
    worker.end()
    assert len(made) > 2
    assert 0 < playout.mono <= playout.played
    there = np.flatnonzero(playout._ready[:500])
    np.testing.assert_array_equal(playout._stereo[0, there], sound[there])
