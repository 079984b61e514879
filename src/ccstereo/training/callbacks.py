"""What a training does beside its steps: a checkpoint to go on from, and weights in the end."""

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ccstereo.training.export import export_checkpoint


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt`, from which `--ckpt_path last` goes on: every so many steps, after each epoch, when stopped.

    `ModelCheckpoint(save_top_k=0, save_last=True)` writes nothing before the end of a training that ends well. The file
    is replaced whole. `--ckpt_path last` looks where the run's `ModelCheckpoint` writes.

    Args:
        dirpath: folder; the command line fills in `--trainer.default_root_dir`.
        every_n_train_steps: between two checkpoints, so that a kill costs no more.
    """

    def __init__(self, dirpath: str | None = None, every_n_train_steps: int = 100) -> None:
        self.dirpath = dirpath
        self.every_n_train_steps = every_n_train_steps
        self.saved_step = 0

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:  # noqa: ARG002
        """Save every so many steps."""
        if trainer.global_step % self.every_n_train_steps == 0:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Save the end of an epoch, which a run's last step is, too."""
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Save when somebody stops the run; after an error the checkpoint before it is worth more."""
        if isinstance(exception, KeyboardInterrupt | SIGTERMException):
            self._save(trainer)

    def path(self, trainer: Trainer) -> Path:
        """Where the checkpoint is."""
        return Path(self.dirpath or trainer.default_root_dir) / "last.ckpt"

    def _save(self, trainer: Trainer) -> None:
        if trainer.global_step != self.saved_step and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.save_checkpoint(self.path(trainer), weights_only=False)  # unsaid, Lightning says so each time
            self.saved_step = trainer.global_step


class ExportWeights(Callback):
    """Writes the best checkpoint as a folder of weights, or the last where no validation of unseen files chose one.

    Args:
        folder: where to; by default `weights` in `--trainer.default_root_dir`.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write the folder; of a run of several processes, the first one does."""
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        best = [c.best_model_path for c in callbacks if isinstance(c, ModelCheckpoint) and c.best_model_path]
        if getattr(trainer.datamodule, "train_on_validation", False):  # type: ignore[attr-defined]
            best = []
        last = [c.path(trainer) for c in callbacks if isinstance(c, LastCheckpoint) and c.saved_step]
        if trainer.is_global_zero and (best or last):
            export_checkpoint((best or last)[0], self.folder or Path(trainer.default_root_dir) / "weights")
