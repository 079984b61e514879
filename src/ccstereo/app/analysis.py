"""What the page shows of a result over time: level curve, spectrogram of the difference, relevance map over frames."""

import base64
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from PIL import Image

from ccstereo.audio.stft import stft
from ccstereo.inference.maps import activation_maps
from ccstereo.media import AudioChunk, MediaReader
from ccstereo.metrics.functional import spl_curve
from ccstereo.models import ModelConfig, SpatialModel
from ccstereo.viz import colours, overlay

MOMENTS = 16  # at which the map is shown
COLUMNS = 900  # of the spectrogram, and points of the curve, at most
FLOOR = -80.0  # dB below the loudest, at which the spectrogram is dark


@dataclass(frozen=True)
class _Kept(Sequence[NDArray[np.uint8]]):
    """Frames of which only some were kept: the nearest stands for each other one."""

    frames: dict[int, NDArray[np.uint8]]
    total: int

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, index: Any) -> Any:
        return self.frames[min(self.frames, key=lambda kept: abs(kept - index))]


def analyse(
    model: SpatialModel | None,
    config: ModelConfig,
    path: Path,
    duration: float,
    progress: Callable[[float, float], None],
) -> str:
    """Describe a binaural video as JSON.

    Args:
        model: that made it, whose maps are shown; None where it is known as an exported network alone.
        config: of the model.
        path: the video, two channels.
        duration: seconds of it.
        progress: called with seconds done and seconds in all.

    Returns:
        JSON: `duration`; `level`, dB of the left ear over the right one, evenly spaced; `spectrogram`, a PNG as a data
        address, low frequencies below; `khz`, its highest frequency; `maps`, each with its `time` and `frame`, a JPEG.
        There are none of a model without maps.

    Raises:
        MediaError: the video cannot be read.
    """
    count = max(1, min(MOMENTS, math.ceil(duration / 0.4)))
    times = [(place + 0.5) * duration / count for place in range(count)]
    sound, frames = _read(config, path, times, lambda done: progress(done / 2, duration))
    rate = config.sample_rate
    maps = []
    for place, time in enumerate(times):
        found = {} if model is None else activation_maps(model, torch.from_numpy(sound.mean(0)), frames, [time])
        if "relevance" in found:
            frame = frames[round(time * config.frame_rate)]
            shown = Image.fromarray(overlay(frame, found["relevance"][0]))
            maps.append({"time": time, "frame": _address(shown, "JPEG")})
        progress(duration * (1 + (place + 1) / count) / 2, duration)
    content = {
        "duration": duration,
        "level": [round(float(value), 2) for value in _thinned(spl_curve(torch.from_numpy(sound), rate).numpy())],
        "spectrogram": _address(Image.fromarray(_spectrogram(config, sound)), "PNG"),
        "khz": rate / 2000,
        "maps": maps,
    }
    return json.dumps(content)


def _read(
    config: ModelConfig, path: Path, times: Sequence[float], progress: Callable[[float], None]
) -> tuple[NDArray[np.float32], _Kept]:
    """The sound (2, T) at the model's rate, and the frames that are needed at some moments."""
    reach = config.clip_frames * config.clip_stride // 2
    wanted = {round(time * config.frame_rate) + step for time in times for step in range(-reach, reach + 1)} | {0}
    kept, pieces, total = {}, [], 0
    with MediaReader(path, frame_rate=config.frame_rate, frame_size=config.resize, channels=2) as reader:
        down = soxr.ResampleStream(reader.sample_rate, config.sample_rate, 2, dtype="float32")
        for chunk in reader:
            if isinstance(chunk, AudioChunk):
                pieces.append(down.resample_chunk(np.ascontiguousarray(chunk.samples)))
                progress(sum(map(len, pieces)) / config.sample_rate)
            else:
                total = chunk.index + 1
                if chunk.index in wanted:
                    kept[chunk.index] = chunk.frame.copy()
        pieces.append(down.resample_chunk(np.zeros((0, 2), np.float32), last=True))
    return np.ascontiguousarray(np.concatenate(pieces).T), _Kept(kept, total)


def _spectrogram(config: ModelConfig, sound: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The difference's spectrogram as colours (F, columns, 3), low frequencies below."""
    transform = config.stft
    side = torch.from_numpy(sound[0] - sound[1])
    step = max(1, math.ceil(transform.frames(len(side)) / COLUMNS))  # frames of the transform in a column
    block = 100 * step * transform.hop_length
    columns = []
    for start in range(0, len(side), block):
        power = stft(side[start : start + block], transform).square().sum(0)[:, : 100 * step]
        whole = power.shape[1] // step * step or power.shape[1]
        columns.append(power[:, :whole].reshape(len(power), -1, min(step, power.shape[1])).mean(-1))
    level = 10 * torch.log10(torch.cat(columns, 1).clamp_min(1e-12))
    shown = (1 + (level - level.max()) / -FLOOR).clamp(0, 1).flip(0)
    return colours(shown.numpy())


def _thinned(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most `COLUMNS` values, means of neighbours."""
    step = math.ceil(len(values) / COLUMNS)
    return np.array([values[start : start + step].mean() for start in range(0, len(values), step)], np.float32)


def _address(image: Image.Image, kind: str) -> str:
    """An image as a data address, so that a page needs no second request."""
    content = io.BytesIO()
    image.save(content, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"
