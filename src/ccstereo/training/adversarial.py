"""Adversarial training of any model, after SAGM: a discriminator judges sound by the model's own visual features.

Every step has two updates. The discriminator's trains {D, image encoder} by binary cross-entropy on true and predicted
sound; the generator's trains the whole model by its objective and by how well the discriminator is deceived. Only the
model is exported: the discriminator stays in the run's checkpoints.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.audio import stft
from ccstereo.audio.targets import SPECTROGRAM
from ccstereo.errors import CCStereoError
from ccstereo.losses.objective import Step, objective
from ccstereo.models.parts.discriminator import Discriminator
from ccstereo.training.task import Batch, SpatialTask, repeat_windows

Players = Literal["both", "generator", "discriminator"]


@dataclass(frozen=True)
class Adversarial:
    """What SAGM's paper leaves open of its adversarial training; all values are this library's choice.

    Attributes:
        players: who is trained. "generator" alone is a usual training; "discriminator" alone learns to distinguish true
            sound from mono sound, which shows that the visual features and its input suffice.
        shared_features: whether the discriminator's update trains the image encoder, too; otherwise nobody does, which
            wants an encoder that was trained before (`--model.init`).
        weight: of the adversarial loss in the generator's objective.
        learning_rate: of the discriminator.
        widths: of the discriminator's convolutions.
        clip_norm: largest norm of each player's gradient.

    Raises:
        ValueError: a value is out of range.
    """

    players: Players = "both"
    shared_features: bool = True
    weight: float = 0.01
    learning_rate: float = 2e-4
    widths: tuple[int, ...] = (32, 64, 128, 128)
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("weight", "learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a number above 0, got {getattr(self, name)}")


class AdversarialTask(SpatialTask):
    """Trains a model and a discriminator by turns.

    Args:
        adversarial: who plays, and how.
        options: of `SpatialTask`.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(self, adversarial: Adversarial = Adversarial(), **options: Any) -> None:
        super().__init__(**options)
        self.automatic_optimization = False
        self.adversarial = adversarial
        self.discriminator = Discriminator(
            len(self.model.target.channels), self.model.feature_shape, adversarial.widths
        )
        if not adversarial.shared_features:
            self.model.visual.requires_grad_(False)

    def on_fit_start(self) -> None:
        """Refuse what two optimizers in one step cannot have.

        Raises:
            CCStereoError: there are several processes, or float16.
        """
        if self.trainer.world_size > 1 or self.trainer.precision in ("16-mixed", "16-true"):
            raise CCStereoError("adversarial training runs in one process, in float32 or bfloat16")

    def train(self, mode: bool = True) -> "AdversarialTask":
        """Switch to training, but for an image encoder that nobody trains."""
        super().train(mode)
        if hasattr(self, "adversarial") and not self.adversarial.shared_features:
            self.model.visual.eval()
        return self

    def training_step(self, batch: Batch, batch_idx: int) -> None:  # type: ignore[override]  # noqa: ARG002
        """Update the discriminator, then the generator; each starts from the frames, as the encoder has changed."""
        frames = self.augmented(batch["frame"])
        logged: dict[str, Tensor] = {}
        if self.adversarial.players != "generator":
            logged |= self._update_discriminator(batch, frames)
        if self.adversarial.players != "discriminator":
            logged |= self._update_generator(batch, frames)
        self.log_training(logged.pop("loss", logged.get("discriminator/loss")), logged)  # type: ignore[arg-type]
        self._step_schedule("step")

    def on_train_epoch_end(self) -> None:
        """Step a schedule of epochs."""
        self._step_schedule("epoch")

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's sums."""
        super().on_validation_epoch_start()
        self._judged = torch.zeros(2, device=self.device)

    def validated(self, step: Step) -> None:
        """Count the windows that the discriminator judges rightly."""
        if self.adversarial.players != "generator":
            right = self._right(self._judge(self._true(step), step), self._judge(self._false(step), step))
            self._judged += torch.stack([right.sum(), right.new_tensor(right.numel())])

    def on_validation_epoch_end(self) -> None:
        """Log the discriminator's accuracy beside the scores."""
        super().on_validation_epoch_end()
        if self.adversarial.players != "generator" and not self.trainer.sanity_checking:
            self.log("val/discriminator_accuracy", self._judged[0] / self._judged[1].clamp_min(1), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """One optimizer a player; the schedule is the generator's."""
        settings = super().configure_optimizers()
        discriminator = [{"params": list(self.discriminator.parameters()), "lr": self.adversarial.learning_rate}]
        visual = [weight for weight in self.model.visual.parameters() if weight.requires_grad]
        if visual:
            discriminator.append({"params": visual, "lr": self.visual_learning_rate})
        other = torch.optim.Adam(discriminator, betas=(0.5, 0.999))
        return [settings["optimizer"], other], [settings["lr_scheduler"]["scheduler"]]

    def generator_parameters(self) -> list[nn.Parameter]:
        """All that the generator's update trains."""
        own = set(self.discriminator.parameters())
        return [weight for weight in self.parameters() if weight not in own]

    def _update_discriminator(self, batch: Batch, frames: Tensor) -> dict[str, Tensor]:
        features = repeat_windows(self.encode(frames), len(batch["sound"]))
        with torch.no_grad():
            step = self.predict_windows(batch, features.detach())
        step.features = features
        true, false = self._judge(self._true(step), step), self._judge(self._false(step), step)
        loss = (_entropy(true, 1.0) + _entropy(false, 0.0)) / 2
        alone = self.adversarial.players == "discriminator"
        trained = [*self.discriminator.parameters(), *self.model.visual.parameters()]
        norm = self._step_optimizer(1, loss, trained, counts=alone)
        accuracy = self._right(true, false).mean()
        return {"discriminator/loss": loss, "discriminator/accuracy": accuracy, "discriminator/gradient": norm}

    def _update_generator(self, batch: Batch, frames: Tensor) -> dict[str, Tensor]:
        step = self.predict_windows(batch, repeat_windows(self.encode(frames), len(batch["sound"])))
        loss, terms = objective(step, self.weights)
        if self.adversarial.players == "both":
            self.discriminator.requires_grad_(False)
            # Of the predicted sound alone: frames must not be encoded so as to deceive.
            terms["adversarial"] = _entropy(self.discriminator(self._false(step), step.features.detach()), 1.0)
            loss = loss + self.adversarial.weight * terms["adversarial"]
        norm = self._step_optimizer(0, loss, self.generator_parameters(), counts=True)
        self.discriminator.requires_grad_(True)
        return {"loss": loss, **terms, "generator/gradient": norm}

    def _step_optimizer(self, number: int, loss: Tensor, trained: Iterable[nn.Parameter], *, counts: bool) -> Tensor:
        """Take one step; give the gradient's norm. The trainer counts one of a batch's steps, as of any other task."""
        optimizer = self.optimizers()[number]  # type: ignore[index]
        optimizer.zero_grad()
        self.manual_backward(loss)
        norm = nn.utils.clip_grad_norm_([w for w in trained if w.requires_grad], self.adversarial.clip_norm)
        (optimizer if counts else optimizer.optimizer).step()
        return norm

    def _step_schedule(self, interval: str) -> None:
        schedule: Any = self.lr_schedulers()
        if getattr(schedule, "interval", "epoch") == interval and self.adversarial.players != "discriminator":
            schedule.step()

    def _true(self, step: Step) -> Tensor:
        return step.target.decode(step.mix_spec, step.reference, dim=SPECTROGRAM)

    def _false(self, step: Step) -> Tensor:
        """The predicted sound, or mono where the discriminator is alone."""
        target, predicted = step.target, step.predicted
        if self.adversarial.players == "discriminator":
            predicted = stft(target.silent_prediction(target.mixture(step.batch["sound"])), self.model.config.stft)
        return target.decode(step.mix_spec, predicted, dim=SPECTROGRAM)

    def _judge(self, spec: Tensor, step: Step) -> Tensor:
        scores: Tensor = self.discriminator(spec, step.features)
        return scores

    @staticmethod
    def _right(true: Tensor, false: Tensor) -> Tensor:
        return torch.cat([true > 0, false < 0]).float()


def _entropy(scores: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(scores.float(), torch.full_like(scores, label, dtype=torch.float32))
