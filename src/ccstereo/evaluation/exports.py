"""What an exported network scores and costs beside another, on simulated scenes."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ccstereo.binauralizer import Binauralizer
from ccstereo.evaluation.report import markdown
from ccstereo.inference import Backend
from ccstereo.metrics.functional import stft_distance
from ccstereo.scenes import (
    load_material,
    render_frames,
    render_sources,
    sample_scene,
    spherical_head,
    synthetic_material,
)

SECONDS = 1.5  # of a scene
TURNS = 5  # of which the quickest counts


@dataclass(frozen=True)
class Trial:
    """How a network did.

    Attributes:
        stft_to_mono: mean STFT distance to the truth over that of mono.
        frame: milliseconds of processor time that a frame takes.
        window: the same of a window.
    """

    stft_to_mono: float
    frame: float
    window: float


def simulated_clips(
    sample_rate: int, folder: Path | None, seeds: Iterable[int]
) -> Iterator[tuple[Tensor, NDArray[np.uint8]]]:
    """Yield scenes of validation files, of one or two sources, half of them moving.

    Args:
        sample_rate: Hz.
        folder: of photos and sounds; None makes them up.
        seeds: one for each scene.

    Yields:
        Both true ears (2, T) and frames (N, H, W, 3).
    """
    material = load_material(folder, "val", sample_rate) if folder else synthetic_material("val", sample_rate)
    head = spherical_head(sample_rate)
    for seed in seeds:
        scene = sample_scene(material, seed, duration=SECONDS, sources=1 + seed % 2, moving=seed % 4 > 1)
        yield torch.as_tensor(render_sources(scene, material, head).sum(0)), render_frames(scene, material)


def try_networks(networks: Mapping[str, Backend], folder: Path | None, seeds: Iterable[int]) -> dict[str, Trial]:
    """Score networks on the same scenes, and take their time.

    Args:
        networks: by name, all of the same sizes.
        folder, seeds: as `simulated_clips` takes them.
    """
    rate = next(iter(networks.values())).config.sample_rate
    found: dict[str, list[float]] = {name: [] for name in networks}
    of_mono = []
    for truth, frames in simulated_clips(rate, folder, seeds):
        mono = truth.mean(0)
        of_mono.append(stft_distance(mono.expand(2, -1), truth).item())
        for name, network in networks.items():
            pred = torch.from_numpy(Binauralizer(network).binauralize(mono.numpy(), rate, frames))
            found[name].append(stft_distance(pred, truth).item())
    scores = {name: float(np.mean(distances) / np.mean(of_mono)) for name, distances in found.items()}
    return {name: Trial(scores[name], *_milliseconds(network)) for name, network in networks.items()}


def trials_table(trials: Mapping[str, Trial]) -> str:
    """Trials as a Markdown table."""
    lines = [
        [name, f"{each.stft_to_mono:.3f}", f"{each.frame:.1f}", f"{each.window:.1f}"] for name, each in trials.items()
    ]
    return markdown(["", "STFT / mono's", "a frame, ms", "a window, ms"], lines)


def _milliseconds(network: Backend, items: int = 8) -> tuple[float, float]:
    """Processor time of a frame and of a window."""
    config, rng = network.config, np.random.default_rng(0)
    clip = (config.clip_frames,) if config.clip_frames > 1 else ()
    frames = rng.integers(0, 256, (items, *clip, 3, *config.frame_size), dtype=np.uint8)
    bins, length = config.spectrogram_size
    spec = rng.standard_normal((items, 2, bins, length)).astype(np.float32)
    features, context = network.encode_frames(frames), None
    if config.context:
        around = rng.standard_normal((items, 2, bins, config.stft.frames(config.context)))
        context = network.encode_context(around.astype(np.float32))
    return (
        _quickest(lambda: network.encode_frames(frames)) / items,
        _quickest(lambda: network.predict(spec, features, context)) / items,
    )


def _quickest(run: Callable[[], object]) -> float:
    times = []
    for _ in range(TURNS):
        begin = time.process_time()
        run()
        times.append(1000 * (time.process_time() - begin))
    return min(times)
