"""The objective: a weighted sum of terms, each a small function registered by name.

A term of one's own is one function; `--import my_package` makes it known to the command line (docs/extend.md):

    @register_term("loudness")
    def loudness(step: Step) -> Tensor:
        return (step.predicted.abs().mean() - step.reference.abs().mean()).abs()
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.audio.targets import SPECTROGRAM, Target
from ccstereo.losses.auxiliary import AuxiliaryHeads
from ccstereo.losses.contrastive import contrastive_loss, shuffle_positions
from ccstereo.losses.flip import FlipHead, flip_loss
from ccstereo.losses.reconstruction import absolute_error, difference_mse, magnitude_loss, phase_loss

Need = Literal[
    "earlier frames", "neighbouring frames", "visual maps", "audio features", "backbone", "decoders", "scenes"
]
Head = Callable[[int, tuple[int, ...]], nn.Module]


@dataclass
class Step:
    """What a term may use of one training step: B windows, K predicted channels, C channels of sound.

    Attributes:
        target: what the model predicts.
        mix_spec: (B, 2, F, T) spectrogram of the mixture.
        predicted: (B, K, 2, F, T) float32, what the model predicted.
        reference: (B, K, 2, F, T) what it should have.
        features: (B, C, h, w) visual features.
        aux: inner maps of the model by name, see `Prediction.aux`.
        batch: the batch of data.
        earlier: (n, C, h, w) visual features of the frames before, of the first n windows; for terms that need them.
        fuse: audio features (n, C, H, W) and visual features (n, C, h, w) to fused ones, of models that have it.
        gather: puts (n, C) of all processes together, with gradients.
        heads: for terms that need scenes.
        own: networks of terms that have one, by the terms' names.
    """

    target: Target
    mix_spec: Tensor
    predicted: Tensor
    reference: Tensor
    features: Tensor
    aux: Mapping[str, Tensor] = field(default_factory=dict)
    batch: Mapping[str, Tensor] = field(default_factory=dict)
    earlier: Tensor | None = None
    fuse: Callable[[Tensor, Tensor], Tensor] | None = None
    gather: Callable[[Tensor], Tensor] = lambda features: features
    heads: AuxiliaryHeads | None = None
    own: Mapping[str, nn.Module] = field(default_factory=dict)


@dataclass(frozen=True)
class Term:
    """A registered term: the function, what it needs that not every model or data set has, and its network if any."""

    loss: Callable[[Step], Tensor]
    needs: frozenset[Need]
    head: Head | None = None


TERMS: dict[str, Term] = {}
CCSTEREO: Mapping[str, float] = {"difference": 1.0, "magnitude": 0.005, "phase": 1.0, "contrastive": 0.1}
"""Weights of the paper's terms (CCStereo, section 3.5; zeta, eta and lambda of figure 8)."""


def register_term(
    name: str, *needs: Need, head: Head | None = None
) -> Callable[[Callable[[Step], Tensor]], Callable[[Step], Tensor]]:
    """Enter a term of the objective under a name.

    Args:
        name: by which weights name it.
        needs: what the term needs beyond prediction and reference: frames before the window's own, as they are
            ("neighbouring frames") or to be fused ("earlier frames"); "visual maps", features (C, h, w); "audio
            features" in `aux`; a "backbone" that predicts a difference of its own; "decoders" of magnitude and phase;
            or what only simulated "scenes" know.
        head: makes a network that is trained with the model and belongs to no weights, of the number of channels of the
            sound and of the shape of the visual features; the term finds it in `step.own`.

    Raises:
        ValueError: the name is taken.
    """

    def enter(loss: Callable[[Step], Tensor]) -> Callable[[Step], Tensor]:
        if name in TERMS:
            raise ValueError(f"a term named {name!r} is registered already")
        TERMS[name] = Term(loss, frozenset(needs), head)
        return loss

    return enter


def check_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights that are not zero.

    Raises:
        ValueError: a name is no term's, or a weight is negative or not finite.

    >>> check_weights({"difference": 1.0, "phase": 0.0})
    {'difference': 1.0}
    """
    unknown = sorted(weights.keys() - TERMS.keys())
    if unknown:
        raise ValueError(f"no term of the objective is named {', '.join(unknown)}; there are {', '.join(TERMS)}")
    for name, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {name} must be a number of at least 0, got {weight}")
    return {name: float(weight) for name, weight in weights.items() if weight}


def objective(step: Step, weights: Mapping[str, float]) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of a step's terms, weighted as `check_weights` leaves it, and each term before its weight."""
    terms = {name: TERMS[name].loss(step) for name in weights}
    return torch.stack([weight * terms[name] for name, weight in weights.items()]).sum(), terms


@register_term("difference")
def _difference(step: Step) -> Tensor:
    return difference_mse(step.predicted, step.reference)


@register_term("absolute")
def _absolute(step: Step) -> Tensor:
    return absolute_error(step.predicted, step.reference)


@register_term("magnitude")
def _magnitude(step: Step) -> Tensor:
    return magnitude_loss(step.predicted, step.reference)


@register_term("phase")
def _phase(step: Step) -> Tensor:
    decoded = (
        step.target.decode(step.mix_spec, channels, dim=SPECTROGRAM) for channels in (step.predicted, step.reference)
    )
    return phase_loss(*decoded)


@register_term("contrastive", "earlier frames")
def _contrastive(step: Step) -> Tensor:
    if step.fuse is None or step.earlier is None:
        raise ValueError("the contrastive term needs a model that can fuse, and frames before the window's own")
    count = len(step.earlier)
    audio, visual = step.aux["audio_features"][:count], step.features[:count]
    return contrastive_loss(
        step.aux["fused"][:count].mean((2, 3)),
        step.fuse(audio, step.earlier).mean((2, 3)),
        step.gather(step.fuse(audio, shuffle_positions(visual)).mean((2, 3))),
    )


@register_term("backbone", "backbone")
def _backbone(step: Step) -> Tensor:
    return difference_mse(step.aux["backbone_spec"], _true_difference(step))


@register_term("backbone absolute", "backbone")
def _backbone_absolute(step: Step) -> Tensor:
    return absolute_error(step.aux["backbone_spec"], _true_difference(step))


@register_term("magnitude decoder", "decoders")
def _magnitude_decoder(step: Step) -> Tensor:
    return magnitude_loss(step.aux["magnitude_spec"], _true_difference(step))


@register_term("phase decoder", "decoders")
def _phase_decoder(step: Step) -> Tensor:
    return phase_loss(step.aux["phase_spec"], _true_difference(step))


@register_term("flipped", "visual maps", head=FlipHead)
def _flipped(step: Step) -> Tensor:
    true = step.target.decode(step.mix_spec, step.reference, dim=SPECTROGRAM)
    mirrored = step.target.mirrored(true.flatten(2)).reshape(true.shape)
    return flip_loss(cast(FlipHead, step.own["flipped"]), true, mirrored, step.features)


@register_term("neighbours", "neighbouring frames")
def _neighbours(step: Step) -> Tensor:
    if step.earlier is None:
        raise ValueError("the term needs frames before the window's own")
    return F.mse_loss(step.features[: len(step.earlier)].float(), step.earlier.float())


@register_term("columns", "scenes", "audio features")
def _columns(step: Step) -> Tensor:
    return _heads(step).columns(step.aux["audio_features"], step.features, step.batch["columns"])


@register_term("relevance", "scenes", "audio features")
def _relevance(step: Step) -> Tensor:
    maps = {name: value for name, value in step.aux.items() if name.startswith("relevance.")}
    return _heads(step).relevance(maps, step.features, step.batch["columns"])


@register_term("classes", "scenes", "audio features")
def _classes(step: Step) -> Tensor:
    batch = step.batch
    return _heads(step).classes(
        step.aux["audio_features"], batch["classes"], step.aux.get("context"), batch.get("present")
    )


@register_term("cells", "scenes", "audio features")
def _cells(step: Step) -> Tensor:
    return _heads(step).cells(step.features, step.batch["cells"])


def _true_difference(step: Step) -> Tensor:
    """Of both ears, (B, 2, F, T)."""
    left, right = step.target.decode(step.mix_spec, step.reference, dim=SPECTROGRAM).unbind(1)
    return left - right


def _heads(step: Step) -> AuxiliaryHeads:
    if step.heads is None:
        raise ValueError("this term needs auxiliary heads, which are made for simulated scenes")
    return step.heads
