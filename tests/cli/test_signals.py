"""What ends a command: no half file stays, and the status says what it was."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ccstereo.cli.main import main
from ccstereo.cli.signals import raised_signals
from ccstereo.media import write_video
from ccstereo.models import save_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """A test run that was started by nohup ignores SIGHUP, and its children would, too; Ray handles SIGTERM."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def film(lite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes, beside weights of a small network: long enough to be stopped in the middle."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    sound = 0.1 * np.random.default_rng(0).standard_normal((1, 120 * 16_000)).astype(np.float32)
    write_video(path, np.zeros((1_200, 48, 96, 3), np.uint8), sound)
    save_model(lite, path.parent / "weights")
    return path


@contextmanager
def converting(film: Path, out: Path, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """A conversion that has begun to write."""
    command = [sys.executable, "-m", "ccstereo", "binauralize", str(film), "-o", str(out), "--overwrite"]
    # Started in the background, a test run ignores interrupts, and its children would, too: a handler is not inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [*prefix, *command, "--weights", str(film.parent / "weights")], stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            deadline = time.monotonic() + 100
            while not any(path.stat().st_size for path in out.parent.glob(".*.part*")):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "hung")],
)
def test_a_stopped_conversion_leaves_nothing_half_written(
    film: Path, tmp_path: Path, sent: str, status: int, said: str
) -> None:
    out = tmp_path / "out.mp4"
    out.write_text("earlier")
    with converting(film, out) as process:
        process.send_signal(getattr(signal, sent))
        _, error = process.communicate(timeout=120)
    assert process.returncode == status
    assert error.strip().splitlines()[-1].startswith(f"ccstereo: {said}")
    assert "Traceback" not in error
    assert out.read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_what_a_kill_left_goes_with_the_next_conversion(film: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with converting(film, out) as process:
        process.kill()
    assert len(list(tmp_path.glob(".*.part.mp4"))) == 1
    assert main(["binauralize", str(clip), "-o", str(out), "--weights", str(film.parent / "weights"), "-q"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_two_conversions_to_one_name_do_not_meet(film: Path, clip: Path, tmp_path: Path) -> None:
    """The second one's sweep spares what the first one writes, and the first one ends as if alone."""
    out = tmp_path / "out.mp4"
    with converting(film, out) as process:
        assert main(["binauralize", str(clip), "-o", str(out), "--weights", str(film.parent / "weights"), "-q"]) == 0
        assert len(list(tmp_path.glob(".*.part.mp4"))) == 1
        process.terminate()
        process.wait(60)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


DEAF = """
import sys, time
from ccstereo.cli import signals
from ccstereo.files import PartialFile
signals.GRACE = 0.2
partial = PartialFile(sys.argv[1])
with signals.raised_signals():
    while True:
        try:
            print("ready", flush=True)
            time.sleep(1)
        except KeyboardInterrupt:
            pass
"""


def test_what_swallows_an_interrupt_is_ended_all_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DEAF, str(tmp_path / "out.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        assert len(list(tmp_path.iterdir())) == 1
        process.terminate()
        assert process.wait(60) == 143
    assert list(tmp_path.iterdir()) == []


class TestRaisedSignals:
    def test_the_first_signal_interrupts_and_others_wait_no_more(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        with raised_signals() as signals:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)  # while files are being removed
            assert signals.status == 129
        assert signal.getsignal(signal.SIGTERM) is before

    def test_a_handler_of_ctrl_c_is_asked(self) -> None:
        """A training ends its step first."""
        asked = []
        before = signal.signal(signal.SIGINT, lambda *_: asked.append(1))
        try:
            with raised_signals():
                signal.raise_signal(signal.SIGTERM)
        finally:
            signal.signal(signal.SIGINT, before)
        assert asked == [1]

    def test_nohup_is_respected(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with raised_signals():
                signal.raise_signal(signal.SIGHUP)
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_a_handler_that_wraps_ours_is_in_charge(self) -> None:
        """Lightning's calls the one that it finds, and ends the training after the step."""
        with raised_signals() as signals:
            ours = signal.getsignal(signal.SIGTERM)
            before = signal.signal(signal.SIGTERM, lambda number, frame: ours(number, frame))
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.signal(signal.SIGTERM, before)
        assert signals.status == 130
