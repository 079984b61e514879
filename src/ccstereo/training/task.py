"""One training step and one validation of any registered model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn

from ccstereo.audio import istft, stft
from ccstereo.errors import CCStereoError
from ccstereo.inference import encoding_groups, fused_for_inference
from ccstereo.losses.auxiliary import AuxiliaryHeads
from ccstereo.losses.objective import CCSTEREO, TERMS, Need, Step, check_weights, objective
from ccstereo.models import create_model, load_imagenet_trunk
from ccstereo.models.base import FusesFeatures, Prediction, SpatialModel, channels_last
from ccstereo.training.colour import ColourAugmentation, recolour
from ccstereo.training.logged import is_logged
from ccstereo.training.schedules import PolynomialDecay
from ccstereo.training.scores import SUMS, score_sums, scores_of
from ccstereo.training.weights import check_same_model, start_from
from ccstereo.vision.transforms import normalize

Batch = dict[str, Tensor]
CONTEXT_DROPPED = 0.1  # fraction of batches without their context, which sounds no longer than a window have not either
WANTING: dict[Need, str] = {  # what the task says where something is not there
    "earlier frames": "the model does not fuse features (ccstereo.models.base.FusesFeatures)",
    "audio features": "the model has no maps to supervise, features (C, h, w) and aux['audio_features'] (C, H, W)",
    "neighbouring frames": "the data have no frames beside a window's own",
    "visual maps": "the model's features are no maps (C, h, w)",
    "decoders": "the model has no decoders of magnitude and phase",
    "backbone": "the model has no backbone beside its heads (aux['backbone_spec'])",
    "scenes": "the data are recordings: only simulated scenes know what is where",
}


class SpatialTask(LightningModule):
    """Trains any registered model by a weighted sum of the terms in `ccstereo.losses.objective`.

    Args:
        model: registered name.
        model_config: what differs from the model's defaults.
        init: weights of the same model to start from, as `ccstereo.load_model` takes them; None draws random ones.
        imagenet: whether the image encoder's trunk starts from ImageNet weights, where `init` gives it none.
        frozen_trunk: whether the trunk keeps its weights and the statistics of its norms.
        weights: of the objective's terms by name; terms that are not named have none. None takes the paper's.
        contrastive_fraction: of each batch, for the contrastive term, which encodes a second frame.
        learning_rate: of everything but the image encoder.
        visual_learning_rate: of the image encoder.
        optimizer: makes the optimizer; its own rate is replaced by the two above.
        lr_scheduler: makes the schedule; those of PyTorch are stepped after each epoch.
        colour: augmentation of the frames' colours.

    Raises:
        ValueError: a value is out of range, or a name is unknown.
        WeightsError: `init` is another model's.
    """

    def __init__(
        self,
        model: str = "ccstereo",
        model_config: dict[str, Any] | None = None,
        init: str | None = None,
        imagenet: bool = False,
        frozen_trunk: bool = False,
        weights: dict[str, float] | None = None,
        contrastive_fraction: float = 1.0,
        learning_rate: float = 5e-4,
        visual_learning_rate: float = 5e-5,
        optimizer: OptimizerCallable = lambda p: torch.optim.Adam(p, weight_decay=5e-4),
        lr_scheduler: LRSchedulerCallable = PolynomialDecay,
        colour: ColourAugmentation = ColourAugmentation(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__()
        for name, rate in (("learning_rate", learning_rate), ("visual_learning_rate", visual_learning_rate)):
            if not 0 <= rate < float("inf"):
                raise ValueError(f"{name} must be a number of at least 0, got {rate}")
        if not 0 < contrastive_fraction <= 1:
            raise ValueError(f"contrastive_fraction must be more than 0 and at most 1, got {contrastive_fraction}")
        self.weights = check_weights(CCSTEREO if weights is None else weights)
        self.model: SpatialModel = create_model(model, **(model_config or {}))
        # Plain values alone: a checkpoint is read with `weights_only=True`.
        self.save_hyperparameters({"model": model, "model_config": self.model.config.to_dict()}, logger=False)
        if init is not None:
            start_from(self.model, init)
        elif imagenet:
            load_imagenet_trunk(self.model)
        channels_last(self.model)
        self.contrastive_fraction = contrastive_fraction
        self.learning_rate = learning_rate
        self.visual_learning_rate = visual_learning_rate
        self.make_optimizer = optimizer
        self.make_schedule = lr_scheduler
        self.colour = colour
        self.heads: AuxiliaryHeads | None = None
        self.own_heads = nn.ModuleDict()  # of terms that have one
        self._configured = False
        self.frozen_trunk = frozen_trunk
        if frozen_trunk:
            self._trunk.requires_grad_(False)
        self._fast_trunk: list[nn.Module] = []  # no part of the module: what is saved and averaged is the trunk itself
        self.train()  # Lightning begins in the mode it finds

    def configure_model(self) -> None:
        """Leave out terms that this model or these data cannot have; make the auxiliary heads, as large as needed.

        Raises:
            CCStereoError: no term is left.
        """
        if self._configured:
            return
        self._configured = True
        labels = len(getattr(self.trainer.datamodule, "labels", ()))  # type: ignore[attr-defined]
        shapes = self._aux_shapes()
        there: dict[Need, bool] = {
            "earlier frames": isinstance(self.model, FusesFeatures),
            "audio features": "audio_features" in shapes and len(self.model.feature_shape) == 3,
            "neighbouring frames": True,
            "visual maps": len(self.model.feature_shape) == 3,
            "backbone": "backbone_spec" in shapes,
            "decoders": "phase_spec" in self.model.training_aux,
            "scenes": labels > 0,
        }
        skipped: dict[str, list[str]] = {}
        for name in list(self.weights):
            for need in sorted(TERMS[name].needs):
                if not there[need]:
                    skipped.setdefault(WANTING[need], []).append(name)
                    self.weights.pop(name, None)
        for reason, names in skipped.items():
            rank_zero_info(f"Skipped terms of the objective: {', '.join(names)}; {reason}.")
        if not self.weights:
            raise CCStereoError("the objective has no terms for this model and these data; give --model.weights.NAME")
        if self._needs("scenes"):
            context = shapes.get("context", (1, 0))[1]
            self.heads = AuxiliaryHeads(self.model.feature_shape[0], shapes["audio_features"][1], labels, context)
            self.heads.to(self._place)
        for name in self.weights:
            if (head := TERMS[name].head) is not None:
                self.own_heads[name] = head(len(self.model.target.channels), self.model.feature_shape).to(self._place)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another model.

        Raises:
            WeightsError: it is one.
        """
        saved = checkpoint["hyper_parameters"]
        found = create_model(saved["model"], **(saved["model_config"] or {}))
        check_same_model("the checkpoint", found, self.model)

    def train(self, mode: bool = True) -> "SpatialTask":
        """Switch to training, but for a frozen trunk."""
        super().train(mode)
        if self.frozen_trunk:
            self._trunk.eval()
        return self

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's signature
        """Return the objective of one batch, see `ccstereo.datasets` for what a batch holds."""
        loss, terms = self.windows_objective(batch)
        self.log_training(loss, terms)
        return loss

    def windows_objective(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective of a batch of windows, and each of its terms before its weight."""
        features = repeat_windows(self.encode(self.augmented(batch["frame"])), len(batch["sound"]))
        return objective(self.predict_windows(batch, features), self.weights)

    def predict_windows(self, batch: Batch, features: Tensor) -> Step:
        """Predict training's windows from their features, now and then without their context."""
        context = batch.get("context")
        if self.model.config.context and torch.rand(()).item() < CONTEXT_DROPPED:
            context = None
        return self.step(batch, features, context)

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's sums."""
        kinds = len(self._kinds())
        self._sums = torch.zeros(kinds, SUMS, device=self.device)
        self._terms = torch.zeros(1 + len(self._plain), device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:  # noqa: ARG002
        """Add up scores, and the terms that need nothing but the prediction."""
        true, target = batch["sound"], self.model.target
        step = self.step(batch, self.encode(batch["frame"]), batch.get("context"))
        predicted = istft(step.predicted, true.shape[-1], self.model.config.stft)
        self._sums[dataloader_idx] += score_sums(target.decode(target.mixture(true), predicted), true, target)
        terms = [TERMS[name].loss(step) for name in self._plain]
        self._terms += len(true) * torch.stack([torch.ones((), device=self.device), *terms])
        self.validated(step)

    def validated(self, step: Step) -> None:
        """Do more with a batch of validation; for tasks that judge it by other means, too."""

    def on_validation_epoch_end(self) -> None:
        """Log the scores of every kind of validation, and the mean STFT distance over mono's, which chooses weights.

        Sums are added over processes and divided then: the same as of one process that has all windows. The validation
        before the first step is logged, too, so that curves begin with the untrained model.
        """
        sums = self.trainer.strategy.reduce(self._sums, reduce_op="sum")
        count, *terms = self.trainer.strategy.reduce(self._terms, reduce_op="sum")
        scores = [scores_of(of_kind, self.model.target) for of_kind in sums]
        logged = {f"val/{name}": value / count for name, value in zip(self._plain, terms, strict=True)}
        logged["val/stft_to_mono"] = torch.stack([named["stft_to_mono"] for named in scores]).mean()
        shown = {
            f"val/{kind}/{name}": value
            for kind, named in zip(self._kinds(), scores, strict=True)
            for name, value in named.items()
        }
        if self.trainer.sanity_checking:
            if self.logger is not None:
                self.logger.log_metrics({name: float(value) for name, value in (logged | shown).items()}, step=0)
            return
        self.log_dict(logged, sync_dist=True)
        self.log_dict(shown, prog_bar=True, sync_dist=True)

    def predict_sound(self, mixture: Tensor, frames: Tensor, context: Tensor | None = None) -> Tensor:
        """Predict the sound (B, C, T) of windows.

        Args:
            mixture: (B, T) at the RMS of the model.
            frames: (B, 3, h, w) uint8, or clips (B, N, 3, h, w).
            context: (B, T') the mixture around them, at that RMS by itself, for models that take one.
        """
        config = self.model.config.stft
        spec = self._predict(stft(mixture, config), self.encode(frames), context).spec.float()
        return self.model.target.decode(mixture, istft(spec, mixture.shape[-1], config))

    def configure_optimizers(self) -> Any:
        """The optimizer, with a rate of its own for the image encoder, and the schedule."""
        known = set(self.model.visual.parameters())
        visual = [parameter for parameter in self.model.visual.parameters() if parameter.requires_grad]
        # Lists in the model's order, never sets: a resumed run finds its optimizer's state by position.
        others = [parameter for parameter in self.generator_parameters() if parameter not in known]
        groups = [
            {"params": parameters, "lr": rate}
            for parameters, rate in ((others, self.learning_rate), (visual, self.visual_learning_rate))
            if parameters
        ]
        optimizer = self.make_optimizer(groups)
        schedule = self.make_schedule(optimizer)
        if isinstance(schedule, PolynomialDecay) and schedule.total_steps is None:
            schedule.total_steps = max(1, int(self.trainer.estimated_stepping_batches))
        interval = getattr(schedule, "interval", "epoch")
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": interval, "monitor": "val/stft_to_mono"},
        }

    def generator_parameters(self) -> list[nn.Parameter]:
        """All that the optimizer trains: everything, but where a task adds what has an optimizer of its own."""
        return list(self.parameters())

    @property
    def _trunk(self) -> nn.Module:
        trunk: nn.Module = getattr(self.model.visual, "trunk", self.model.visual)
        return trunk

    @property
    def _plain(self) -> list[str]:
        """Terms that need nothing but the prediction."""
        return [name for name in self.weights if not TERMS[name].needs]

    @property
    def looks_back(self) -> bool:
        """Whether a term of the objective needs the frame before each."""
        return self._needs("earlier frames") or self._needs("neighbouring frames")

    def _needs(self, need: Need) -> bool:
        return any(need in TERMS[name].needs for name in self.weights)

    def _kinds(self) -> list[str]:
        """Names of the validation's loaders."""
        loaders = self.trainer.val_dataloaders
        count = len(loaders) if isinstance(loaders, list) else 1
        names = getattr(self.trainer.datamodule, "validation_names", ())  # type: ignore[attr-defined]
        return list(names) if len(names) == count else [str(number) for number in range(count)]

    @property
    def _place(self) -> torch.device:
        """Where the model is, which is not where Lightning says before it has moved it there."""
        return next(self.model.parameters()).device

    def _aux_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the inner maps of a prediction."""
        config = self.model.config
        clip = (config.clip_frames,) if config.clip_frames > 1 else ()
        training, dtype = self.training, self.model.dtype
        device = self._place
        self.eval()
        with torch.no_grad():
            frames = torch.zeros(1, *clip, 3, *config.frame_size, device=device, dtype=dtype)
            spec = torch.zeros(1, 2, *config.spectrogram_size, device=device, dtype=dtype)
            aux = self.model(spec, self.model.encode_frames(frames)).aux
        self.train(training)
        return {name: tuple(value.shape) for name, value in aux.items()}

    def _predict(self, mix_spec: Tensor, features: Tensor, context: Tensor | None) -> Prediction:
        encoded = None
        if context is not None and self.model.config.context:
            encoded = self.model.encode_context(stft(context, self.model.config.stft))
        prediction: Prediction = self.model(mix_spec, features, encoded)
        return prediction

    def step(self, batch: Batch, features: Tensor, context: Tensor | None) -> Step:
        """Predict a batch, with what the objective's terms want of it."""
        sound, target, config = batch["sound"], self.model.target, self.model.config.stft
        mix_spec = stft(target.mixture(sound), config)
        prediction = self._predict(mix_spec, features, context)
        windows = dict(batch)
        if "cells" in batch:
            windows["cells"] = repeat_windows(batch["cells"], len(sound))
        return Step(
            target=target,
            mix_spec=mix_spec,
            predicted=prediction.spec.float(),
            reference=stft(target.encode(sound), config),
            features=features,
            aux=prediction.aux,
            batch=windows,
            earlier=self._earlier(batch) if self.training and "previous" in batch and self.looks_back else None,
            fuse=getattr(self.model, "fuse", None),
            gather=self._of_all_processes,
            heads=self.heads,
            own=dict(self.own_heads.items()),
        )

    def _earlier(self, batch: Batch) -> Tensor:
        """Features of the frames before, for a fraction of the windows."""
        frames = batch["previous"]
        count = min(len(frames), max(2, round(self.contrastive_fraction * len(frames))))
        features = self.encode(self.augmented(frames[:count]))
        return repeat_windows(features, count * len(batch["sound"]) // len(frames))

    def log_training(self, loss: Tensor, terms: Mapping[str, Tensor]) -> None:
        """Log loss and terms where loggers take them, means over processes: one exchange, whatever their number."""
        if self._trainer is not None and not is_logged(self.trainer):
            return
        values = torch.stack([loss, *terms.values()]).detach()
        if self._trainer is not None and self.trainer.world_size > 1:
            values = self.trainer.strategy.reduce(values, reduce_op="mean")
        named = dict(zip(("loss", *terms), values, strict=True))
        self.log("train/loss", named.pop("loss"), prog_bar=True)
        self.log_dict({f"train/{name}": value for name, value in named.items()})

    def _of_all_processes(self, features: Tensor) -> Tensor:
        """Put (N, C) of every process together, (processes * N, C); gradients find their way back."""
        if self._trainer is None or self.trainer.world_size == 1:
            return features
        gathered = torch.as_tensor(self.all_gather(features, sync_grads=True))  # (processes, N, C)
        return gathered.flatten(0, 1)

    def augmented(self, frames: Tensor) -> Tensor:
        """Frames in other colours; what is no frame any more stays as it is."""
        return frames if frames.is_floating_point() else recolour(frames, self.colour)

    def encode(self, frames: Tensor) -> Tensor:
        """Visual features of uint8 frames or clips, or of what a frozen trunk has made of them; see `CachedData`."""
        if frames.is_floating_point():
            with self._trunk_replaced(nn.Identity()):
                features: Tensor = self.model.visual(frames.to(self.model.dtype))
                return features
        pixels = normalize(frames)
        if pixels.ndim == 4:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        if not self.frozen_trunk:
            return self.model.encode_frames(pixels)
        # As for inference, the norms worked into the convolutions: half the time on a CPU.
        if not self._fast_trunk:  # now, as a checkpoint may have brought other weights since the beginning
            self._fast_trunk.append(InGroups(fused_for_inference(self._trunk).requires_grad_(False)))
        with self._trunk_replaced(self._fast_trunk[0]):
            return self.model.encode_frames(pixels)

    @contextmanager
    def _trunk_replaced(self, other: nn.Module) -> Iterator[None]:
        """Run something else in the place of the trunk."""
        owner, name = (self.model.visual, "trunk") if hasattr(self.model.visual, "trunk") else (self.model, "visual")
        trunk = getattr(owner, name)
        setattr(owner, name, other)
        try:
            yield
        finally:
            setattr(owner, name, trunk)


class InGroups(nn.Module):
    """A trunk that takes a batch in groups of frames as large as the processor's caches like."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, C, h, w)."""
        return torch.cat([self.trunk(group) for group in encoding_groups(frames)])


def repeat_windows(of_frames: Tensor, windows: int) -> Tensor:
    """Repeat what belongs to a frame (B, ...) for each of its windows of sound, (windows, ...)."""
    return of_frames.repeat_interleave(windows // len(of_frames), 0)
