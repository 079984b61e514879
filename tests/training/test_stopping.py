"""A training that is killed or interrupted leaves a checkpoint from which the documented command goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from ccstereo.cli.main import main
from small import TRAIN_SMALL

OPTIONS = [
    *("--config", "lite-stage", *TRAIN_SMALL, "--data.windows_per_frame", "2", "--data.batch_size", "4", "--data.workers", "0"),
    *("--data.epoch_size", "400", "--data.validation_size", "2"),
]
OFTEN = [  # a checkpoint every other step
    *("--trainer.callbacks+", "ccstereo.training.callbacks.LastCheckpoint"),
    *("--trainer.callbacks.every_n_train_steps", "2", "--trainer.callbacks.dirpath", "runs/lite-stage"),
]


@contextmanager
def running(folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A training without an end, in a process group of its own, which is gone when the test goes on."""
    command = [sys.executable, "-m", "ccstereo", "train", *OPTIONS, *OFTEN, "--trainer.max_steps", "100000", *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A script's background job ignores SIGINT, and so would what the job starts: only a handler is not inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    run = subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes)
    signal.signal(signal.SIGINT, before)
    try:
        yield run
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)


def wait_for(path: Path, run: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not path.exists():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(params=[signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["killed", "interrupted", "terminated"])
def stopped(request, tmp_path: Path) -> tuple[int, int, str]:
    """How a stopped training ended: the signal, its status and what it said. SIGTERM goes to its worker, too."""
    with running(tmp_path, *(("--data.workers", "1") if request.param == signal.SIGTERM else ())) as run:
        wait_for(tmp_path / "runs" / "lite-stage" / "last.ckpt", run)
        if request.param == signal.SIGTERM:
            os.killpg(run.pid, request.param)
        else:
            run.send_signal(request.param)
        _, said = run.communicate(timeout=120)
        return request.param, run.returncode, said


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be killed so there")
def test_a_stopped_training_goes_on(stopped: tuple[int, int, str], tmp_path: Path, monkeypatch) -> None:
    sent, status, said = stopped
    if sent != signal.SIGKILL:
        how, expected = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}[sent]
        assert status == expected
        assert said.strip().splitlines()[-1] == f"ccstereo: {how}; the same command with --ckpt_path last goes on"
        assert "KeyboardInterrupt" not in said
        assert "Traceback" not in said
    monkeypatch.chdir(tmp_path)
    left = torch.load("runs/lite-stage/last.ckpt", weights_only=True)
    assert left["global_step"] > 0
    position = left["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    assert position == [{"epoch": 0, "batches": left["global_step"]}]
    steps = str(left["global_step"] + 2)
    assert main(["train", *OPTIONS, "--trainer.max_steps", steps, "--ckpt_path", "last"]) == 0
    last = torch.load("runs/lite-stage/last.ckpt", weights_only=True)
    assert last["global_step"] == left["global_step"] + 2
    assert last["loops"]["fit_loop"]["state_dict"]["combined_loader"] == [{"epoch": 0, "batches": int(steps)}]
    assert not list(Path("runs/lite-stage").glob("*.tmp*"))
