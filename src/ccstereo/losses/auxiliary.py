"""Auxiliary heads: supervision by what a simulated scene knows, where every source is, and what it is.

A network that gets only the error of its prediction learns the place of a source late or never (30,000 windows on two
cores taught it nothing); supervised with where the energy is, it looks there first.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 64  # of the space in which audio and visual features are compared


class AuxiliaryHeads(nn.Module):
    """Linear heads on visual and audio features, and a scale on the relevance maps. They exist in training only.

    Each method is the cross-entropy of one auxiliary loss, a scalar. They take audio features (B, C', H', W'), visual
    features (B, C, h, w), and columns (B, w, H, W): fractions of the sources' level by column, frequency and time.

    Args:
        visual: channels of the visual features.
        audio: channels of the audio features.
        labels: number of classes.
        context: channels of the context embedding, 0 for models without.
    """

    def __init__(self, visual: int, audio: int, labels: int, context: int = 0) -> None:
        super().__init__()
        self.audio = nn.Linear(2 * audio, WIDTH)
        self.visual = nn.Conv2d(visual, WIDTH, 1)
        self.sharpness = nn.Parameter(torch.tensor(5.0))
        self.audio_class = nn.Linear(2 * audio, labels)
        self.context_class = nn.Linear(context, labels) if context else None
        self.visual_class = nn.Conv2d(visual, labels + 1, 1)

    def columns(self, audio_features: Tensor, features: Tensor, columns: Tensor) -> Tensor:
        """Where the sound comes from, by the similarity of pooled audio features with visual ones."""
        similarity = torch.einsum("bc,bchw->bhw", self.audio(_pooled(audio_features)), self.visual(features))
        return _column_entropy(similarity[..., None, None], columns.sum((2, 3), keepdim=True))

    def relevance(self, maps: Mapping[str, Tensor], features: Tensor, columns: Tensor) -> Tensor:
        """The same by AVAD's relevance maps (B, h * w, H', W'), summed over levels; zero where there are none."""
        total = columns.new_zeros(())
        for relevance in maps.values():
            batch, _, height, width = relevance.shape
            cells = relevance.reshape(batch, *features.shape[2:], height, width)  # (B, h, w, H', W')
            total = total + _column_entropy(cells * self.sharpness, _at_grid(columns, (height, width)))
        return total

    def classes(
        self, audio_features: Tensor, classes: Tensor, context: Tensor | None = None, present: Tensor | None = None
    ) -> Tensor:
        """What sounds, in a window and, by the context embedding (B, C) of a model that has one, around it.

        Classes (B, labels) are fractions of the sources' energy; those present around the window have equal fractions.
        """
        loss = F.cross_entropy(self.audio_class(_pooled(audio_features)).float(), classes)
        if self.context_class is not None and context is not None and present is not None:
            loss = loss + F.cross_entropy(self.context_class(context).float(), present)
        return loss

    def cells(self, features: Tensor, cells: Tensor) -> Tensor:
        """What each cell of a frame shows: cells (B, h, w) of classes, or the number of labels for the background."""
        return F.cross_entropy(self.visual_class(features).float(), cells)


def _pooled(audio_features: Tensor) -> Tensor:
    """(B, 2 C): mean and maximum over positions."""
    return torch.cat([audio_features.mean((2, 3)), audio_features.amax((2, 3))], dim=1)


def _at_grid(columns: Tensor, grid: tuple[int, int]) -> Tensor:
    """Bring fractions (B, w, H, W) to another grid (H, W); they still add up to one."""
    if tuple(columns.shape[2:]) == grid:
        return columns
    pooled = F.adaptive_avg_pool2d(columns, grid)
    return pooled / pooled.sum((1, 2, 3), keepdim=True).clamp_min(1e-12)


def _column_entropy(similarity: Tensor, columns: Tensor) -> Tensor:
    """Cross-entropy of columns (B, w, H, W) with the softmax over columns of similarities (B, h, w, H, W)."""
    where = similarity.float().logsumexp(1).log_softmax(1)
    return -(columns * where).sum((1, 2, 3)).mean()
