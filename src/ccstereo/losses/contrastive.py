"""Spatial contrastive learning: the frame as it is against the same frame with its positions shuffled."""

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(
    anchor: Tensor, positive: Tensor, negatives: Tensor, temperature: float = 0.1, *, as_released: bool = False
) -> Tensor:
    """InfoNCE over cosine similarities (CCStereo, equations 6 and 7).

    Each item has one positive, the fused feature of the frame before it, and the whole batch's shuffled features as
    negatives. Features are averaged over positions before they come here; they are L2-normalised here.

    Args:
        anchor: (B, C) fused audio-visual features of this frame.
        positive: (B, C) the same sound with the frame before.
        negatives: (N, C) the same sounds with shuffled positions, of every item; all are negatives of every anchor.
        temperature: scale of the similarities, > 0.
        as_released: the released code's variant. Anchor and positive change roles too, each has the other items'
            anchors and positives as further negatives, and the sum over these 2B rows is divided by 2B + N, as the
            negatives, which have no positive, are counted too.

    Returns:
        Scalar >= 0, computed in float32, the mean over the batch.

    Raises:
        ValueError: the shapes do not fit together.

    >>> one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> contrastive_loss(one, one, other).item() < contrastive_loss(one, other, one).item()
    True
    """
    if (
        anchor.ndim != 2
        or positive.shape != anchor.shape
        or negatives.ndim != 2
        or negatives.shape[1] != anchor.shape[1]
    ):
        raise ValueError(
            f"expected anchor (B, C), positive (B, C) and negatives (N, C), got {tuple(anchor.shape)}, "
            f"{tuple(positive.shape)} and {tuple(negatives.shape)}"
        )
    with torch.autocast(anchor.device.type, enabled=False):  # the matrix product would otherwise run in half precision
        anchor, positive, negatives = (F.normalize(x.float(), dim=1) for x in (anchor, positive, negatives))
        if as_released:
            rows, columns = torch.cat([anchor, positive]), torch.cat([anchor, positive, negatives])
            item = torch.arange(len(anchor), device=anchor.device)
            own = torch.cat([item, item])[:, None] == torch.cat([item, item, item.new_full((len(negatives),), -1)])
            attract = (anchor * positive).sum(1, keepdim=True).repeat(2, 1)  # (2B, 1)
            repel = (rows @ columns.T).masked_fill(own, -torch.inf)  # (2B, 2B + N)
            return _cross_entropy(attract, repel, temperature) * (len(rows) / len(columns))
        attract = (anchor * positive).sum(1, keepdim=True)  # (B, 1)
        repel = anchor @ negatives.T  # (B, N)
        return _cross_entropy(attract, repel, temperature)


def shuffle_positions(features: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Shuffle the positions of features (B, C, h, w), all channels together: the content stays, its place is lost.

    The released CCStereo code draws one permutation for the whole batch; here each item gets its own, by a generator on
    the features' device or the CPU, or the global one.

    >>> x = torch.arange(6.0).reshape(1, 1, 2, 3)
    >>> sorted(shuffle_positions(x).flatten().tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    batch, _, height, width = features.shape
    device = features.device if generator is None else generator.device
    order = torch.rand(batch, height * width, generator=generator, device=device).argsort(1).to(features.device)
    flat = features.flatten(2)
    return flat.gather(2, order[:, None].expand_as(flat)).reshape(features.shape)


def _cross_entropy(attract: Tensor, repel: Tensor, temperature: float) -> Tensor:
    logits = torch.cat([attract, repel], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
