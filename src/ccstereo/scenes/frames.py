"""Pictures of a scene: its background with the patches of its sources on it."""

import numpy as np
from PIL import Image

from ccstereo.scenes.material import Material
from ccstereo.scenes.scene import Box, Scene


def render_frame(
    scene: Scene, material: Material, phase: float = 0.0, size: tuple[int, int] = (240, 480)
) -> np.ndarray:
    """Draw the scene at one moment.

    Args:
        scene: the scene.
        material: what it was sampled from.
        phase: moment, 0 at the start and 1 at the end.
        size: (height, width) in pixels.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = size
    picture = Image.fromarray(material.backgrounds[scene.background])
    canvas = _show(picture, scene.view, (width, height))
    for source in scene.sources:
        patch = Image.fromarray(material.photos[source.label][source.photo])
        shape = (max(1, round(source.width * width)), max(1, round(source.height * height)))
        patch = _show(patch, source.view, shape)
        if source.mirrored:
            patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        corner = (round(source.x(phase) * width - shape[0] / 2), round(source.y * height - shape[1] / 2))
        canvas.paste(patch, corner, patch if patch.mode == "RGBA" else None)
    return np.asarray(canvas)


def render_frames(
    scene: Scene, material: Material, size: tuple[int, int] = (240, 480), frame_rate: float = 10.0
) -> np.ndarray:
    """Draw the whole scene: (N, H, W, 3) uint8, frame k showing time k / frame_rate."""
    count = max(1, round(scene.duration * frame_rate))
    if scene.still:
        return np.repeat(render_frame(scene, material, 0.0, size)[None], count, axis=0)
    phases = np.arange(count) / (scene.duration * frame_rate)
    return np.stack([render_frame(scene, material, float(phase), size) for phase in phases])


def _show(picture: Image.Image, view: Box, size: tuple[int, int]) -> Image.Image:
    """Resize a part of a picture to (width, height)."""
    left, top, right, bottom = view
    box = (left * picture.width, top * picture.height, right * picture.width, bottom * picture.height)
    return picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
