"""What adversarial training comes to, step by step, in a table and a figure: so that a collapse is noticed."""

import csv
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray

from ccstereo.files import write_atomic
from ccstereo.training.logged import is_logged

TABLE, FIGURE = "adversarial.csv", "adversarial.png"
LOGGED = {
    "train/loss": "generator's objective",
    "train/adversarial": "adversarial loss",
    "train/discriminator/loss": "discriminator's loss",
    "train/discriminator/accuracy": "discriminator's accuracy (0.5 is chance)",
    "train/generator/gradient": "norm of the generator's gradient",
    "train/discriminator/gradient": "norm of the discriminator's gradient",
}


class AdversarialCurves(Callback):
    """Writes `adversarial.csv`, and `adversarial.png` where matplotlib is installed, into the run's folder.

    Both are written at every validation and when the training ends or is stopped. Signs of a collapse: an accuracy that
    stays at 1 while the generator's adversarial loss rises, or gradients that vanish.

    The table has a row for each step that is logged, see `Trainer(log_every_n_steps=...)`.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Continue the table of a run that is resumed."""
        table = Path(trainer.default_root_dir) / TABLE
        if trainer.global_step and table.is_file():
            with table.open(newline="") as file:
                rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
            self.rows = [row for row in rows if row["step"] <= trainer.global_step]

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:  # noqa: ARG002
        """Note a step."""
        if is_logged(trainer):
            found = {name: float(trainer.callback_metrics[name]) for name in LOGGED if name in trainer.callback_metrics}
            self.rows.append({"step": trainer.global_step, **found})

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write what there is."""
        self._write(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write all."""
        self._write(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Write what there is of a training that fails or is stopped."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if not self.rows or not trainer.is_global_zero or trainer.sanity_checking:
            return
        folder, text = Path(trainer.default_root_dir), io.StringIO()
        writer = csv.DictWriter(text, ["step", *LOGGED], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomic(folder / TABLE, text.getvalue())
        if find_spec("matplotlib") is not None:
            from ccstereo.viz import plot_training, save_figure

            curves = {title: self._curve(name) for name, title in LOGGED.items() if any(name in r for r in self.rows)}
            save_figure(plot_training({"": curves}), folder / FIGURE)

    def _curve(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values where there is one."""
        found = [(row["step"], row[name]) for row in self.rows if name in row]
        steps, values = np.array(found, dtype=np.float64).T
        return steps, values
