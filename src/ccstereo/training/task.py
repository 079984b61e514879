"""What one training step is: the objective of CCStereo, and what a simulation's truth adds to it."""

from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn

from ccstereo.audio import istft, mix_and_difference, stft, to_binaural, to_binaural_spec
from ccstereo.inference import encoding_groups, fused_for_inference
from ccstereo.losses import contrastive_loss, difference_mse, magnitude_loss, phase_loss, shuffle_positions
from ccstereo.losses.auxiliary import AUXILIARY_TERMS, AuxiliaryHeads
from ccstereo.metrics import functional as metrics
from ccstereo.models import create_model, load_imagenet_trunk
from ccstereo.models.parts.context import TOLD
from ccstereo.training.start import start_from
from ccstereo.training.waiting import WaitingClock
from ccstereo.vision.transforms import jitter, normalize, tint

Batch = dict[str, Tensor]
CONTEXT_SPARED = 0.1  # share of batches without their context, as a sound is that is no longer than a window


@dataclass(frozen=True)
class ObjectiveWeights:
    """Weights of the objective's terms; the first four are the paper's (CCStereo, section 3.5).

    Attributes:
        difference: mean squared error of the difference spectrogram.
        magnitude: zeta, of equation 2.
        phase: eta, of equation 3.
        contrastive: lambda, of equations 6 and 7.
        columns: cross-entropy of where the sound comes from, by its similarity with the picture.
        relevance: the same of AVAD's relevance maps.
        classes: cross-entropy of what is heard, in a window and around it.
        cells: cross-entropy of what is seen in each cell.
    """

    difference: float = 1.0
    magnitude: float = 0.005
    phase: float = 1.0
    contrastive: float = 0.1
    columns: float = 0.0
    relevance: float = 0.0
    classes: float = 0.0
    cells: float = 0.0


class BinauralTask(LightningModule):
    """Trains any registered model on windows with a frame each.

    Args:
        model: registered name.
        model_config: what differs from the model's defaults.
        init: weights to start from, as `ccstereo.load_model` takes them; None draws random ones. They may be of windows
            of another length, or lack blocks and inputs that the model has: see `ccstereo.models.with_config`.
        imagenet: whether the image encoder's trunk starts from ImageNet weights, see `load_imagenet_trunk`.
        frozen_trunk: whether the trunk keeps its weights and the statistics of its norms.
        weights: of the objective's terms.
        learning_rate: of everything but the image encoder.
        visual_learning_rate: of the image encoder.
        weight_decay: of Adam.
        decay_power: of the polynomial decay to zero over all steps.
        decay_factor: by which the rate is multiplied every `decay_epochs` epochs, instead of the polynomial decay.
        decay_epochs: see `decay_factor`.
        warmup_steps: over which the rate rises from zero.
        contrastive_fraction: part of each batch on which the contrastive term is computed; it costs a second picture.
        jitter_range: brightness and colour are multiplied by factors uniform in 1 +- this.
        cast_range: red, green and blue are each multiplied by factors uniform in 1 +- this; 0 in the papers.
    """

    def __init__(
        self,
        model: str = "ccstereo",
        model_config: dict[str, Any] | None = None,
        init: str | None = None,
        imagenet: bool = False,
        frozen_trunk: bool = False,
        weights: ObjectiveWeights = ObjectiveWeights(),
        learning_rate: float = 5e-4,
        visual_learning_rate: float = 5e-5,
        weight_decay: float = 5e-4,
        decay_power: float = 0.9,
        decay_factor: float | None = None,
        decay_epochs: int = 10,
        warmup_steps: int = 0,
        contrastive_fraction: float = 1.0,
        jitter_range: float = 0.3,
        cast_range: float = 0.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model_name = model
        self.model = create_model(model, **(model_config or {}))
        if imagenet:
            load_imagenet_trunk(self.model)
        if init is not None:
            start_from(self.model, init)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on a CPU
        self.frozen_trunk = frozen_trunk
        if frozen_trunk:
            self.model.trunk.requires_grad_(False)
        self.weights = weights
        self.learning_rate = learning_rate
        self.visual_learning_rate = visual_learning_rate
        self.weight_decay = weight_decay
        self.decay_power = decay_power
        self.decay_factor = decay_factor
        self.decay_epochs = decay_epochs
        self.warmup_steps = warmup_steps
        self.contrastive_fraction = contrastive_fraction
        self.jitter_range = jitter_range
        self.cast_range = cast_range
        self.truth: AuxiliaryHeads | None = None
        self._fused_trunk: list[nn.Module] = []  # no part of the module: what is saved and averaged is the trunk itself
        self.clock = WaitingClock()
        self.train()  # Lightning begins in the mode it finds

    @property
    def uses_auxiliary(self) -> bool:
        """Whether a term of the objective needs a simulation's truth."""
        return any(getattr(self.weights, term) for term in AUXILIARY_TERMS)

    def configure_model(self) -> None:
        """Add the heads for the truth, whose size the data decides."""
        if self.truth is None and self.uses_auxiliary:
            labels = len(self.trainer.datamodule.labels)  # type: ignore[attr-defined]
            told = TOLD if self.model.context else 0
            self.truth = AuxiliaryHeads(self.model.feature_shape[0], self.model.sound_channels, labels, told)

    def train(self, mode: bool = True) -> "BinauralTask":
        """Switch to training, but for a frozen trunk."""
        super().train(mode)
        if self.frozen_trunk:
            self.model.trunk.eval()
        return self

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's signature
        """Return the objective of one batch."""
        config = self.model.config.stft
        mix, difference = mix_and_difference(batch["binaural"])
        mix_spec, target = stft(mix, config), stft(difference, config)
        features = self._heard_by(self._encode(self._pictures(batch["frame"])), len(mix))
        spared = self.model.context and torch.rand(()).item() < CONTEXT_SPARED
        output = self.model(mix_spec, features, None if spared else self._listen(batch.get("context")))
        predicted = output.diff_spec.float()
        terms = {
            "difference": difference_mse(predicted, target),
            "magnitude": magnitude_loss(predicted, target),
            "phase": phase_loss(to_binaural_spec(mix_spec, predicted), to_binaural_spec(mix_spec, target)),
        }
        if self.weights.contrastive:
            seen_pictures = len(batch["previous"])
            pictures = min(seen_pictures, max(2, round(self.contrastive_fraction * seen_pictures)))
            count = pictures * len(mix) // seen_pictures
            previous = self._encode(self._pictures(batch["previous"][:pictures]))
            previous = self._heard_by(previous, count)
            heard, seen = output.audio_features[:count], features[:count]
            terms["contrastive"] = contrastive_loss(
                output.fused[:count].mean((2, 3)),
                self.model.fuse(heard, previous).mean((2, 3)),
                self._of_all_processes(self.model.fuse(heard, shuffle_positions(seen)).mean((2, 3))),
            )
        if self.truth is not None:
            cells = self._heard_by(batch["cells"], len(mix))
            truth = self.truth(output, features, batch["columns"], batch["classes"], cells, batch.get("present"))
            terms |= {term: getattr(truth, term) for term in AUXILIARY_TERMS}
        loss = torch.stack([getattr(self.weights, name) * value for name, value in terms.items()]).sum()
        self.log_dict({f"train/{name}": value for name, value in terms.items()}, sync_dist=True)
        self.log("train/loss", loss, prog_bar=True, sync_dist=True)
        self.log("train/waiting", self.clock.share)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:  # noqa: ARG002
        """Score windows against doing nothing, and how often the louder ear is right."""
        target = batch["binaural"]
        mix = target.sum(1)
        mono = to_binaural(mix, torch.zeros_like(mix))
        predicted = to_binaural(mix, self.predict_difference(mix, batch["frame"], batch.get("context")))
        ours, theirs = metrics.stft_distance(predicted, target).sum(), metrics.stft_distance(mono, target).sum()
        right = metrics.louder_ear_correct(predicted, target)  # NaN where neither ear is louder by 2 dB
        self._validated[dataloader_idx] += torch.stack([ours, theirs, right.nansum(), right.isfinite().sum()])

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's sums."""
        self._validated = torch.zeros(len(self._kinds), 4, device=self.device)

    def on_validation_epoch_end(self) -> None:
        """Log the ratio of the STFT distance to mono's, and the share of right sides, for every kind of scene.

        Sums are added over processes, and divided then: the same as of one process that sees all windows.
        """
        sums: Tensor = self.trainer.strategy.reduce(self._validated, reduce_op="sum")
        ours, theirs, right, sided = sums.T
        ratios, rights = ours / theirs.clamp_min(1e-12), right / sided.clamp_min(1)
        for name, ratio, share in zip(self._kinds, ratios, rights, strict=True):
            self.log(f"val/{name}/stft_to_mono", ratio, prog_bar=True, sync_dist=True)
            self.log(f"val/{name}/louder_ear", share, prog_bar=True, sync_dist=True)
        self.log("val/stft_to_mono", ratios.mean(), sync_dist=True)

    def on_train_epoch_start(self) -> None:
        """Begin to wait for data."""
        self.clock.wait()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Stop waiting."""
        self.clock.work()

    def on_train_batch_end(self, *arguments: Any) -> None:  # noqa: ARG002
        """Begin to wait again; Lightning has written its checkpoints before."""
        self.clock.wait()

    def on_validation_end(self) -> None:
        """Count a validation as neither work nor waiting."""
        self.clock.wait()

    def on_train_end(self) -> None:
        """Say how long the training waited."""
        rank_zero_info(f"Of the time between and in the steps, {self.clock.share:.1%} went by waiting for data.")

    def predict_difference(self, mix: Tensor, frames: Tensor, context: Tensor | None = None) -> Tensor:
        """Predict l - r, (B, T), of windows whose level is the model's.

        Args:
            mix: (B, T) the windows.
            frames: (B, 3, h, w) uint8, their pictures.
            context: (B, T') the mixture around them, at that level, too, for a model that hears it.
        """
        config = self.model.config.stft
        features = self._encode(normalize(frames).contiguous(memory_format=torch.channels_last))
        output = self.model(stft(mix, config), features, self._listen(context))
        return istft(output.diff_spec.float(), mix.shape[-1], config)

    def configure_optimizers(self) -> Any:
        """Adam with a rate of its own for the image encoder, decaying over all steps."""
        known = set(self.model.visual.parameters())
        visual = [parameter for parameter in self.model.visual.parameters() if parameter.requires_grad]
        # Lists in the model's order, never sets: a resumed run finds its optimiser's state by position.
        others = [parameter for parameter in self.parameters() if parameter not in known]
        groups = [
            {"params": others, "lr": self.learning_rate},
            {"params": visual, "lr": self.visual_learning_rate},
        ]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.999), weight_decay=self.weight_decay)
        total = max(1, int(self.trainer.estimated_stepping_batches))

        def rate(step: int) -> float:
            rise = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
            if self.decay_factor is not None:
                return float(rise * self.decay_factor ** (self.current_epoch // self.decay_epochs))
            return float(rise * (1 - min(step, total) / total) ** self.decay_power)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @property
    def _kinds(self) -> list[str]:
        """Names of the validation's loaders."""
        names: list[str] = self.trainer.datamodule.validation_names  # type: ignore[attr-defined]
        return names

    def _of_all_processes(self, features: Tensor) -> Tensor:
        """Put (N, C) of every process together, (processes * N, C); gradients find their way back."""
        if self._trainer is None or self.trainer.world_size == 1:
            return features
        gathered = torch.as_tensor(self.all_gather(features, sync_grads=True))  # (processes, N, C)
        return gathered.flatten(0, 1)

    @staticmethod
    def _heard_by(pictures: Tensor, windows: int) -> Tensor:
        """Repeat what belongs to a picture (B, ...) for each of its windows of sound, (windows, ...)."""
        return pictures.repeat_interleave(windows // len(pictures), 0)

    def _listen(self, context: Tensor | None) -> Tensor | None:
        """What a model that hears what is around the windows is told of it."""
        if context is None or not self.model.context:
            return None
        return self.model.listen(stft(context, self.model.config.stft))

    def _encode(self, pictures: Tensor) -> Tensor:
        """`encode_frames`; a frozen trunk runs as for inference, in half the time on a CPU."""
        if not self.frozen_trunk:
            return self.model.encode_frames(pictures)
        if not self._fused_trunk:  # now, as a checkpoint may have brought other weights since the beginning
            self._fused_trunk.append(fused_for_inference(self.model.trunk).requires_grad_(False))
        maps = torch.cat([self._fused_trunk[0](group) for group in encoding_groups(pictures)])
        return self.model.encode_maps(maps)

    def _pictures(self, frames: Tensor) -> Tensor:
        factors = 1 + self.jitter_range * (2 * torch.rand(2, len(frames), device=frames.device) - 1)
        cast = 1 + self.cast_range * (2 * torch.rand(len(frames), 3, device=frames.device) - 1)
        frames = tint(frames, cast) if self.cast_range else frames
        return normalize(jitter(frames, *factors)).contiguous(memory_format=torch.channels_last)
