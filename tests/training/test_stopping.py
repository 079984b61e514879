"""A training that is killed or interrupted leaves a checkpoint from which the documented command resumes."""

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
from ccstereo.training.runs import ENVIRONMENT, choose_run
from small import TRAIN_SMALL

OPTIONS = [
    *(
        "--config",
        "lite-stage",
        *TRAIN_SMALL,
        "--data.windows_per_frame",
        "2",
        "--data.batch_size",
        "4",
        "--data.workers",
        "0",
    ),
    *("--data.epoch_size", "400", "--data.validation_size", "2", "--trainer.num_sanity_val_steps", "0"),
]
OFTEN = [  # a checkpoint every other step
    *("--trainer.callbacks+", "ccstereo.training.callbacks.LastCheckpoint"),
    *("--trainer.callbacks.every_n_train_steps", "2"),
]


@contextmanager
def running(folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A training without an end, in a process group of its own, which is gone when the test continues."""
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
        wait_for(tmp_path / "runs" / "lite-stage" / "1" / "last.ckpt", run)
        if request.param == signal.SIGTERM:
            os.killpg(run.pid, request.param)
        else:
            run.send_signal(request.param)
        _, said = run.communicate(timeout=120)
        return request.param, run.returncode, said


@pytest.mark.parametrize("last", [False, True])
def test_only_a_checkpoint_is_said_to_resume(last: bool, tmp_path: Path, monkeypatch, capsys) -> None:
    """Ctrl-C before the first checkpoint: `--ckpt_path last` would resume an earlier run."""

    def stopped(_: object) -> None:
        choose_run("mine", str(tmp_path))
        if last:
            (tmp_path / "last.ckpt").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("ccstereo.training.main.train", stopped)
    monkeypatch.setenv(ENVIRONMENT, "")  # is put back afterwards
    assert main(["train", "--config", "lite-stage"]) == 130
    said = "the same command with --ckpt_path last resumes" if last else "there is no checkpoint yet"
    assert capsys.readouterr().err == f"\nccstereo: interrupted; {said}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be killed so there")
def test_a_stopped_training_resumes(stopped: tuple[int, int, str], tmp_path: Path, monkeypatch) -> None:
    sent, status, said = stopped
    if sent != signal.SIGKILL:
        how, expected = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}[sent]
        assert status == expected
        assert said.strip().splitlines()[-1] == f"ccstereo: {how}; the same command with --ckpt_path last resumes"
        assert "KeyboardInterrupt" not in said
        assert "Traceback" not in said
    monkeypatch.chdir(tmp_path)
    left = torch.load("runs/lite-stage/1/last.ckpt", weights_only=True)
    assert left["global_step"] > 0
    position = left["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    assert position == [{"epoch": 0, "batches": left["global_step"]}]
    steps = str(left["global_step"] + 2)
    assert main(["train", *OPTIONS, "--trainer.max_steps", steps, "--ckpt_path", "last"]) == 0
    last = torch.load("runs/lite-stage/1/last.ckpt", weights_only=True)
    assert last["global_step"] == left["global_step"] + 2
    assert last["loops"]["fit_loop"]["state_dict"]["combined_loader"] == [{"epoch": 0, "batches": int(steps)}]
    assert not list(Path("runs/lite-stage/1").glob("*.tmp*"))


NOTING = """
import sys
import ccstereo.training.task as task

step = task.SpatialTask.training_step

def noting(self, batch, batch_idx):
    loss = step(self, batch, batch_idx)
    print("step", float(batch["sound"].abs().sum()), file=open("steps.txt", "a"))
    return loss

task.SpatialTask.training_step = noting
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_an_interrupted_training_loses_no_batch_and_has_none_twice(tmp_path: Path, monkeypatch) -> None:
    """Ctrl-C came between the loader and the step: the batch was counted, and never trained on."""
    (tmp_path / "noting.py").write_text(NOTING)
    noted = tmp_path / "steps.txt"
    with running(tmp_path, "--import", "noting", "--trainer.default_root_dir", "stopped") as run:
        wait_for(noted, run)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=120)
        assert run.returncode == 130, said
    steps = torch.load(tmp_path / "stopped/last.ckpt", weights_only=True)["global_step"]
    assert len(noted.read_text().split()) == 2 * steps
    command = [sys.executable, "-m", "ccstereo", "train", *OPTIONS, "--import", "noting"]
    more = ["--trainer.max_steps", str(steps + 3), "--trainer.default_root_dir"]
    resumed = subprocess.run([*command, *more, "stopped", "--ckpt_path", "last"], cwd=tmp_path, check=False)
    assert resumed.returncode == 0
    pieces = noted.read_text()
    noted.unlink()
    assert subprocess.run([*command, *more, "whole"], cwd=tmp_path, check=False).returncode == 0
    assert pieces == noted.read_text()
