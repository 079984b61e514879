"""What a small head can read from frozen features: the class of each of 7x14 cells, on frames never trained on.

python research/scripts/trunk_probe.py --folder STAGE      EfficientNet-Lite0 to several stages, at several sizes
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ccstereo.models import create_model, load_imagenet_trunk
from ccstereo.models.parts.efficientnet import EfficientNetLiteTrunk
from ccstereo.scenes import AudioAugmentation, Material, Scene, load_material, render_frame, sample_scene
from ccstereo.vision.transforms import normalize, resize

GRID = (7, 14)
BLOCKS = {5: 11, 6: 15, 7: 16}  # of EfficientNet-Lite0, to the end of a stage
VARIANTS = (((5,), (112, 224)), ((5,), (224, 448)), ((7,), (160, 320)), ((6,), (224, 448)), ((7,), (224, 448)))
BOTH = ((5, 7), (224, 448))


def make_frames(material: Material, count: int, seed: int, vary: AudioAugmentation | None) -> tuple[Tensor, Tensor]:
    """Scenes of one to three sources: (N, 3, H, W) uint8 and the class in each cell, (N, 7, 14)."""
    scenes = [
        sample_scene(material, seed + i, duration=0.63, sources=1 + i % 3, augmentation=vary) for i in range(count)
    ]
    frames = np.stack([render_frame(scene, material) for scene in scenes])
    return torch.from_numpy(frames).permute(0, 3, 1, 2), torch.stack([cells(s, material.labels) for s in scenes])


def cells(scene: Scene, labels: tuple[str, ...]) -> Tensor:
    """(7, 14) index of the class whose patch covers a cell's middle; the number of labels is the background."""
    y, x = ((np.arange(n) + 0.5) / n for n in GRID)
    shown = np.full(GRID, len(labels))
    for source in scene.sources:
        inside = (abs(y - source.y) < source.height / 2)[:, None] & (abs(x - source.x(0.5)) < source.width / 2)
        shown[inside] = labels.index(source.label)
    return torch.from_numpy(shown)


def features(trunk: EfficientNetLiteTrunk, frames: Tensor, *, stages: tuple[int, ...], size: tuple[int, int]) -> Tensor:
    """(N, C, 7, 14) maps at the ends of stages, pooled to one grid."""
    out = []
    with torch.inference_mode():
        for batch in torch.split(frames, 16):
            x = trunk.stem(trunk.pixels(normalize(resize(batch, size))))
            maps = []
            for index, block in enumerate(trunk.blocks, start=1):
                x = block(x)
                if index in [BLOCKS[stage] for stage in stages]:
                    maps.append(F.adaptive_avg_pool2d(x, GRID))
            out.append(torch.cat(maps, 1))
    return torch.cat(out).clone()


def probe(encode: Callable[[Tensor], Tensor], training: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor]) -> str:
    """Train the head and score it: fraction of source cells named right, and of their classes given a source."""
    known, asked = encode(training[0]), encode(held_out[0])
    mean, deviation = known.mean((0, 2, 3), keepdim=True), known.std((0, 2, 3), keepdim=True) + 1e-5
    known, asked = (known - mean) / deviation, (asked - mean) / deviation
    torch.manual_seed(0)
    classes = int(training[1].max())
    head = nn.Sequential(
        nn.Conv2d(known.shape[1], 128, 3, padding=1), nn.ReLU(), nn.Dropout2d(0.2), nn.Conv2d(128, classes + 1, 1)
    )
    optimizer = torch.optim.AdamW(head.parameters(), 1e-3, weight_decay=1e-2)
    for _ in range(12):
        order = torch.randperm(len(known))
        for start in range(0, len(known), 64):
            index = order[start : start + 64]
            loss: Tensor = F.cross_entropy(head(known[index]), training[1][index])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    head.eval()
    with torch.inference_mode():
        scores = head(asked)
    source = held_out[1] < classes
    named = (scores.argmax(1) == held_out[1])[source].float().mean()
    right = (scores[:, :classes].argmax(1) == held_out[1])[source].float().mean()
    return f"{named:.3f} | {right:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=2400)
    options = parser.parse_args()
    model = create_model("ccstereo-lite").eval()
    load_imagenet_trunk(model)
    trunk = getattr(model.visual, "trunk", model.visual)
    assert isinstance(trunk, EfficientNetLiteTrunk)
    training = make_frames(load_material(options.folder, "train"), options.frames, 0, AudioAugmentation())
    held_out = make_frames(load_material(options.folder, "val"), 400, 10**6, None)
    print("| stages | frame | cells with a source named right | class right where a source is |\n|---|---|---|---|")
    for stages, size in (*VARIANTS, BOTH):
        found = probe(partial(features, trunk, stages=stages, size=size), training, held_out)
        print(f"| {' and '.join(map(str, stages))} | {size[1]}x{size[0]} | {found} |", flush=True)


if __name__ == "__main__":
    main()
