"""Supervision by what a simulation knows: where every source is, and what it is.

A network that sees only the error of the difference signal finds the place of a source late or never (on two
cores, 30,000 windows taught it nothing); told where the energy is, it learns to look there first.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.models import Prediction


@dataclass(frozen=True)
class AuxiliaryLosses:
    """Cross-entropies, each a scalar.

    Attributes:
        columns: of the sound's columns with the similarity of pooled sound and picture.
        relevance: of the sound's columns with AVAD's relevance maps, of all levels; zero where there are none.
        classes: of what is heard, in a window and, by a model that hears that, around it.
        cells: of what is seen in each cell.
    """

    columns: Tensor
    relevance: Tensor
    classes: Tensor
    cells: Tensor


AUXILIARY_TERMS = tuple(
    field.name for field in fields(AuxiliaryLosses)
)  # of the objective: what only a simulation knows


class AuxiliaryHeads(nn.Module):
    """Linear heads on the features of both encoders, and a scale on the relevance map. They exist in training only.

    Args:
        seen: channels of the visual features.
        heard: channels of the audio bottleneck.
        labels: number of classes.
        told: channels of what a model is told of the sound around a window, 0 if it is told nothing.
        width: of the space in which sound and picture are compared.
    """

    def __init__(self, seen: int, heard: int, labels: int, told: int = 0, width: int = 64) -> None:
        super().__init__()
        self.heard = nn.Linear(2 * heard, width)
        self.seen = nn.Conv2d(seen, width, 1)
        self.sharpness = nn.Parameter(torch.tensor(5.0))
        self.heard_class = nn.Linear(2 * heard, labels)
        self.told_class = nn.Linear(told, labels) if told else None
        self.seen_class = nn.Conv2d(seen, labels + 1, 1)

    def forward(
        self,
        output: Prediction,
        features: Tensor,
        columns: Tensor,
        classes: Tensor,
        cells: Tensor,
        present: Tensor | None = None,
    ) -> AuxiliaryLosses:
        """Compare the features with the truth.

        Args:
            output: of the model.
            features: (B, C, h, w) visual features.
            columns: (B, w, H, W) shares of the sources' level by column, frequency and time.
            classes: (B, labels) shares of the sources' energy by class.
            cells: (B, h, w) class pictured in each cell, or the number of labels.
            present: (B, labels) equal shares for the classes that sound around the window, for what is told of it.
        """
        heard = torch.cat([output.audio_features.mean((2, 3)), output.audio_features.amax((2, 3))], dim=1)
        similarity = torch.einsum("bc,bchw->bhw", self.heard(heard), self.seen(features))
        where = _column_entropy(similarity[..., None, None], columns.sum((2, 3), keepdim=True))
        asked = where.new_zeros(())
        for found in output.relevance:
            batch, _, height, width = found.shape
            relevance = found.reshape(batch, *features.shape[2:], height, width)  # (B, h, w, H, W)
            asked = asked + _column_entropy(relevance * self.sharpness, _at_grid(columns, (height, width)))
        named = F.cross_entropy(self.heard_class(heard).float(), classes)
        if self.told_class is not None and output.told is not None and present is not None:
            named = named + F.cross_entropy(self.told_class(output.told).float(), present)
        return AuxiliaryLosses(
            columns=where,
            relevance=asked,
            classes=named,
            cells=F.cross_entropy(self.seen_class(features).float(), cells),
        )


def _at_grid(columns: Tensor, grid: tuple[int, int]) -> Tensor:
    """Bring shares (B, w, H, W) to another grid (H, W); they still add up to one."""
    if tuple(columns.shape[2:]) == grid:
        return columns
    pooled = F.adaptive_avg_pool2d(columns, grid)
    return pooled / pooled.sum((1, 2, 3), keepdim=True).clamp_min(1e-12)


def _column_entropy(similarity: Tensor, columns: Tensor) -> Tensor:
    """Cross-entropy of columns (B, w, H, W) with the softmax over columns of similarities (B, h, w, H, W)."""
    where = similarity.float().logsumexp(1).log_softmax(1)
    return -(columns * where).sum((1, 2, 3)).mean()
