"""What a training does beside its steps: checkpoints, averaged weights, a last validation, logs, and its weights.

Each works with a `Trainer` in Python as on the command line; docs/training.md shows how to change one.
"""

import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint, ModelCheckpoint, WeightAveraging
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ccstereo.audio import STFTConfig, stft
from ccstereo.training.logged import is_logged
from ccstereo.training.profilers import WaitingProfiler
from ccstereo.training.task import SpatialTask
from ccstereo.training.weights import export_checkpoint


class BestCheckpoint(ModelCheckpoint):
    """Keeps `best.ckpt`, the weights with the lowest STFT distance over mono's at a validation.

    The last step of a run that ends with `max_steps` is followed by a validation, too, however short the run is.
    """

    def __init__(self) -> None:
        super().__init__(
            filename="best",
            monitor="val/stft_to_mono",
            mode="min",
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the run's folder."""
        self.dirpath = str(Path(trainer.default_root_dir).absolute())
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        """Have the last step validated."""
        super().on_train_batch_end(trainer, *arguments)
        if 0 < trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True  # before it stops, Lightning validates


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt`, from which `--ckpt_path last` resumes: every so many steps, after each epoch, when stopped.

    `ModelCheckpoint(save_top_k=0, save_last=True)` writes nothing before the end of a training that ends well. The file
    is replaced whole. Ctrl-C lets the step end first, so that no batch is lost and none comes twice; pressed again, it
    stops at once.

    Args:
        every_n_train_steps: between two checkpoints, so that a kill costs no more.
        least_seconds: between two of them, where steps are so short that writing would take a good part of the time.
    """

    def __init__(self, every_n_train_steps: int = 100, least_seconds: float = 0.0) -> None:
        self.every_n_train_steps = every_n_train_steps
        self.least_seconds = least_seconds
        self._saved_at = time.monotonic()
        self.saved_step = 0
        self.interrupted = False
        self._before: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Let Ctrl-C wait for the step."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, lambda *_: self._interrupt(trainer))

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:  # noqa: ARG002
        """Save every so many steps."""
        if trainer.global_step % self.every_n_train_steps == 0:
            due = time.monotonic() - self._saved_at >= self.least_seconds
            if trainer.strategy.reduce_boolean_decision(due, all=False):  # all processes write it together
                self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Save the end of an epoch, which a run's last step is, too."""
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Save when somebody stops the run; after an error the checkpoint before it is worth more."""
        if isinstance(exception, KeyboardInterrupt | SIGTERMException):
            exception.interrupted = self.interrupted  # type: ignore[union-attr]  # for whoever reports it
            self._save(trainer)
        self._give_back()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Let Ctrl-C stop at once again."""
        self._give_back()

    def path(self, trainer: Trainer) -> Path:
        """Where the checkpoint is."""
        return Path(trainer.default_root_dir) / "last.ckpt"

    def _give_back(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _interrupt(self, trainer: Trainer) -> None:
        if self.interrupted or not trainer.training:
            raise KeyboardInterrupt
        self.interrupted = True
        signal.raise_signal(signal.SIGTERM)  # after which Lightning stops all processes of a run at the same step

    def _save(self, trainer: Trainer) -> None:
        if trainer.global_step != self.saved_step and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.save_checkpoint(self.path(trainer), weights_only=False)  # unsaid, Lightning says so each time
            self.saved_step = trainer.global_step
            self._saved_at = time.monotonic()


class AverageWeights(WeightAveraging):
    """Averages the weights that are validated and exported, exponentially, from the first step on.

    The average of n steps forgets by (1 + n) / (10 + n) at most, as in TensorFlow's moving averages: so the weights of
    a short training are trained ones, too.

    Args:
        decay: in [0, 1), to which the forgetting rises; 0.998 for 10,000 steps, 0.99 for 1,000.
    """

    def __init__(self, decay: float = 0.998) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be at least 0 and less than 1, got {decay}")
        super().__init__()
        self.decay = decay
        self._averages: list[Tensor] = []
        self._currents: list[Tensor] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the average where the model is going to be; `configure_model` adds its auxiliary heads first."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You're using the WeightAveraging callback with a model that overrides")
            super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.to(trainer.strategy.root_device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *arguments: Any) -> None:  # noqa: ARG002
        """Average, in one operation over all weights that are trained and all statistics of norms."""
        if trainer.global_step <= self._latest_update_step or self._average_model is None:
            return
        if not self._averages:
            found = zip(_tensors_of(self._average_model.module), _tensors_of(pl_module), strict=True)
            changing = [pair for pair in found if pair[1].is_floating_point() and _changes(pair[1])]
            self._averages, self._currents = (
                [tensor.detach() for tensor in each] for each in zip(*changing, strict=True)
            )
        average = get_ema_multi_avg_fn(self.kept(trainer.global_step - 1))  # type: ignore[no-untyped-call]
        average(self._averages, self._currents, None)
        self._latest_update_step = trainer.global_step

    def kept(self, count: int) -> float:
        """How much of the average of `count` steps is kept at the next one."""
        return min(self.decay, (1 + count) / (10 + count)) if count else 0.0


class SeededSteps(Callback):
    """Lets random numbers of a step depend on the seed, the step and the process alone.

    So a run that was stopped and resumed does what one that never stopped does, and a shorter run of the same schedule
    gives the scores that a longer one had on its way.

    Args:
        seed: of all steps.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, *arguments: Any) -> None:  # noqa: ARG002
        """Seed PyTorch's generators, from which colours and dropped contexts come."""
        numbers = np.random.SeedSequence([self.seed, trainer.global_step, trainer.global_rank])
        torch.manual_seed(int(numbers.generate_state(1)[0]))


class LogProgress(Callback):
    """Logs the learning rate, `train/waiting` where a `WaitingProfiler` counts, and sounds to TensorBoard.

    The sounds are the true and the predicted one of each validation's first window.
    """

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *arguments: Any) -> None:  # noqa: ARG002
        """Log the rate of everything but the image encoder, and the fraction of time that is waiting."""
        if not is_logged(trainer):
            return
        pl_module.log("train/learning_rate", trainer.optimizers[0].param_groups[0]["lr"])
        profiler = trainer.profiler  # type: ignore[attr-defined]
        if isinstance(profiler, WaitingProfiler):
            pl_module.log("train/waiting", profiler.fraction)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Log the sound, and its spectrogram."""
        writer = _writer(trainer)
        if batch_idx or dataloader_idx or writer is None:
            return
        task = cast(SpatialTask, pl_module)
        config, target = task.model.config, task.model.target
        true = batch["sound"][:1]
        context = batch["context"][:1] if "context" in batch else None
        predicted = task.predict_sound(target.mixture(true), batch["frame"][:1], context)
        step = trainer.global_step
        for name, sound in (("true", true), ("predicted", predicted)):
            writer.add_image(f"val/spectrogram/{name}", spectrogram_image(sound[0], config.stft), step)
            for channel, track in zip(target.channels, sound[0], strict=True):
                peak = track.abs().amax().clamp_min(1e-9)
                writer.add_audio(f"val/sound/{name}/{channel}", track / peak, step, config.sample_rate)


class ExportWeights(Callback):
    """Writes the best checkpoint, or the last one of a run without validation, as `weights` in the run's folder."""

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write the folder; of a run of several processes, the first one does."""
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        best = [c.best_model_path for c in callbacks if isinstance(c, ModelCheckpoint) and c.best_model_path]
        last = [c.path(trainer) for c in callbacks if isinstance(c, LastCheckpoint) and c.saved_step]
        if trainer.is_global_zero and (best or last):
            folder = Path(trainer.default_root_dir) / "weights"
            export_checkpoint((best or last)[0], folder)
            rank_zero_info(f"{folder}: the weights; try ccstereo binauralize clip.mp4 --weights {folder}")


def _tensors_of(module: nn.Module) -> list[Tensor]:
    """Weights and statistics, in one order for a module and its copy."""
    return [*module.parameters(), *module.buffers()]


def _changes(tensor: Tensor) -> bool:
    """Whether training changes a weight or a statistic."""
    return tensor.requires_grad or not isinstance(tensor, nn.Parameter)


def spectrogram_image(sound: Tensor, config: STFTConfig) -> Tensor:
    """Magnitudes of sound (C, T) in dB, 80 dB below the loudest black: (1, C F, frames) from 0 to 1, low ones below."""
    power = stft(sound.float(), config).square().sum(-3)
    decibels = 10 * torch.log10(power.clamp_min(1e-12) / power.amax().clamp_min(1e-12))
    return (1 + decibels / 80).clamp(0, 1).flip(-2).flatten(0, 1)[None]


def _writer(trainer: Trainer) -> Any:
    """TensorBoard's writer of the first process, if there is one."""
    writer = getattr(trainer.logger, "experiment", None) if trainer.is_global_zero else None
    return writer if hasattr(writer, "add_audio") else None
