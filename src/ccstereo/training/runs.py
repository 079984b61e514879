"""Where a run writes: a folder of its own, so that no training overwrites another."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ccstereo.errors import CCStereoError

ENVIRONMENT = "CCSTEREO_RUN_FOLDER"  # in which the other processes of a run find what the first one has chosen
WRITTEN = ("last.ckpt", "best.ckpt", "weights")


@dataclass(frozen=True)
class Run:
    """A run's folder, and the checkpoint that it resumes, if any."""

    folder: Path
    checkpoint: Path | None = None


def choose_run(name: str, folder: str | None = None, checkpoint: str | None = None, *, overwrite: bool = False) -> Run:
    """Choose a new folder, `runs/NAME/N`, or take the one that is given; nothing is written.

    Args:
        name: of the config or set.
        folder: that was asked for instead.
        checkpoint: a file to resume, or "last", the newest run's: of `folder`, or of those in `runs/NAME`. Where there
            is none yet, the run begins anew.
        overwrite: whether a run in `folder` may be replaced.

    Raises:
        CCStereoError: there is a run in `folder` already, or no such checkpoint.
    """
    if checkpoint not in (None, "last") and not Path(checkpoint).is_file():
        raise CCStereoError(f"{checkpoint}: there is no such checkpoint")
    if "LOCAL_RANK" in os.environ and ENVIRONMENT in os.environ:
        chosen = Path(os.environ[ENVIRONMENT])
    elif folder is not None:
        chosen = Path(folder)
        taken = [chosen / written for written in WRITTEN if (chosen / written).exists()]
        if taken and checkpoint is None and not overwrite:
            raise CCStereoError(
                f"{taken[0]}: is of another run; resume it with --ckpt_path last, replace it with --overwrite, or give "
                "another --trainer.default_root_dir"
            )
    else:
        numbered = _numbered(Path("runs") / name)
        resumable = [path for path in numbered if (path / "last.ckpt").exists()]
        if checkpoint == "last" and resumable:
            chosen = resumable[-1]
        else:
            chosen = Path("runs") / name / str(int(numbered[-1].name) + 1 if numbered else 1)
    os.environ[ENVIRONMENT] = str(chosen.absolute())
    if checkpoint == "last":
        last = chosen / "last.ckpt"
        return Run(chosen, last if last.exists() else None)
    return Run(chosen, None if checkpoint is None else Path(checkpoint))


def can_resume() -> bool:
    """Whether the run that this process chose last has a checkpoint to resume from."""
    return ENVIRONMENT in os.environ and (Path(os.environ[ENVIRONMENT]) / "last.ckpt").exists()


def clear(run: Run) -> None:
    """Remove what an earlier run has left in the folder of a new one."""
    for path in (*(run.folder / written for written in WRITTEN), *run.folder.glob("events.out.tfevents.*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def remove_if_empty(run: Run) -> None:
    """Remove the folder of a run that failed before its first checkpoint, and the folders around it that are empty."""
    if not any(run.folder.glob("*.ckpt")):
        shutil.rmtree(run.folder, ignore_errors=True)
        with suppress(OSError):
            run.folder.parent.rmdir()
            run.folder.parent.parent.rmdir()


def _numbered(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*") if path.name.isdigit()), key=lambda path: int(path.name))
