"""The sound and the frames of a scene."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from ccstereo.audio.ambisonics import FOADecoder, foa_to_binaural
from ccstereo.scenes.acoustics.hrir import HRIRSet
from ccstereo.scenes.acoustics.spatialize import spatialize, spatialize_foa
from ccstereo.scenes.augmentation import apply_audio_effect
from ccstereo.scenes.material import FRAME_RATE, Material
from ccstereo.scenes.scene import Box, Noise, Scene, Source

SOURCE_RMS = 0.1
LEAST_RMS = 1e-4  # -80 dB: sound below is not raised further, as in PseudoBinaural's released code


def dry_sound(source: Source, material: Material, duration: float) -> np.ndarray:
    """Return the mono sound of a source over the scene, (T,) float32: its recording, repeated as long as needed."""
    rate = material.sample_rate
    samples = round(duration * rate)
    if source.sound is None:
        return np.zeros(samples, dtype=np.float32)
    recording = material.sounds[source.label][source.sound]
    track = apply_audio_effect(recording, samples, source.offset * rate, source.effect, rate)
    rms = max(float(np.sqrt(np.mean(np.square(track)))), LEAST_RMS)
    return (track * (SOURCE_RMS * source.gain / rms)).astype(np.float32)


def render_sources(scene: Scene, material: Material, ears: HRIRSet | FOADecoder) -> np.ndarray:
    """Render each source alone at both ears.

    Args:
        scene: the scene.
        material: what it was sampled from.
        ears: impulse responses, of a head alone or in a room; or a decoder, which renders by way of first-order
            ambisonics.

    Returns:
        (S, 2, T) float32, left first; their sum is the scene's sound, but for what is not in view (`render_unseen`).
    """
    if isinstance(ears, FOADecoder):
        return np.asarray(foa_to_binaural(torch.from_numpy(render_foa(scene, material)), ears).numpy())
    return np.stack(
        [
            spatialize(dry_sound(source, material, scene.duration), source.azimuths, ears, elevation=source.elevation)
            for source in scene.sources
        ]
    )


def render_unseen(scene: Scene, material: Material, ears: HRIRSet | FOADecoder, *, alike: bool = True) -> np.ndarray:
    """Render what is not in view, sources and noise.

    Args:
        scene: the scene.
        material: what it was sampled from.
        ears: as in `render_sources`.
        alike: whether sources are at both ears alike, as the two together have them: frames cannot say on which side
            they are. Else they are where they are. Noise is always at both ears alike.

    Returns:
        (O + 1, 2, T) float32: every source out of view, and the noise.
    """
    noise = noise_sound(scene.noise, round(scene.duration * material.sample_rate))
    tracks = np.stack([noise, noise])[None]
    if scene.offscreen:
        sources = render_sources(replace(scene, sources=scene.offscreen), material, ears)
        sources = np.repeat(sources.mean(1, keepdims=True), 2, axis=1) if alike else sources
        tracks = np.concatenate([sources, tracks])
    return tracks


def render_unseen_foa(scene: Scene, material: Material) -> np.ndarray:
    """Encode the same in first-order ambisonics, from everywhere alike, which is W alone: (O + 1, 4, T) float32."""
    noise = noise_sound(scene.noise, round(scene.duration * material.sample_rate))
    tracks = np.stack([*(dry_sound(source, material, scene.duration) for source in scene.offscreen), noise])
    return np.stack([tracks, *[np.zeros_like(tracks)] * 3], axis=1).astype(np.float32)


def noise_sound(noise: Noise | None, samples: int) -> np.ndarray:
    """Return (samples,) float32 of noise with `SOURCE_RMS` times its gain; silence for None."""
    if noise is None:
        return np.zeros(samples, dtype=np.float32)
    spectrum = np.fft.rfft(np.random.default_rng(noise.seed).normal(size=samples))
    octaves = np.log2(np.maximum(np.arange(len(spectrum)), 1))
    spectrum *= 10 ** (-noise.slope * octaves / 20)
    spectrum[0] = 0
    track = np.fft.irfft(spectrum, samples)
    return np.asarray(track * (SOURCE_RMS * noise.gain / np.sqrt(np.mean(np.square(track)))), dtype=np.float32)


def render_foa(scene: Scene, material: Material) -> np.ndarray:
    """Encode each source alone in first-order ambisonics, without a room: (S, 4, T) float32 W, Y, Z, X (ACN, SN3D)."""
    return np.stack(
        [
            spatialize_foa(dry_sound(source, material, scene.duration), source.azimuths, source.elevation)
            for source in scene.sources
        ]
    )


def render_frame(
    scene: Scene, material: Material, phase: float = 0.0, size: tuple[int, int] = (240, 480)
) -> np.ndarray:
    """Paste the photos of a scene's sources on its background: (H, W, 3) uint8 of (height, width) `size`.

    The phase is the moment, 0 at the start and 1 at the end.
    """
    height, width = size
    canvas = _view(material.backgrounds[scene.background], scene.view, (width, height))
    for source in scene.sources:
        photo = material.photos[source.label][source.photo]
        if photo.ndim == 4:  # a video crop
            photo = photo[min(int(phase * scene.duration * FRAME_RATE + 1e-6), len(photo) - 1)]
        shape = (max(1, round(source.width * width)), max(1, round(source.height * height)))
        patch = _view(photo, source.view, shape)
        if source.mirrored:
            patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        corner = (round(source.x(phase) * width - shape[0] / 2), round(source.y * height - shape[1] / 2))
        canvas.paste(patch, corner, patch if patch.mode == "RGBA" else None)
    return np.asarray(canvas)


def render_frames(
    scene: Scene, material: Material, size: tuple[int, int] = (240, 480), frame_rate: float = FRAME_RATE
) -> np.ndarray:
    """Render the whole scene: (N, H, W, 3) uint8, frame k at time k / frame_rate."""
    count = max(1, round(scene.duration * frame_rate))
    if is_still(scene, material):
        return np.repeat(render_frame(scene, material, 0.0, size)[None], count, axis=0)
    phases = np.arange(count) / (scene.duration * frame_rate)
    return np.stack([render_frame(scene, material, float(phase), size) for phase in phases])


def is_still(scene: Scene, material: Material) -> bool:
    """Whether all frames are one: no source changes its place, and no photo is a video crop."""
    return scene.still and all(material.photos[source.label][source.photo].ndim == 3 for source in scene.sources)


def _view(photo: np.ndarray, view: Box, size: tuple[int, int]) -> Image.Image:
    """Resize a part of a photo to (width, height)."""
    image = Image.fromarray(photo)
    left, top, right, bottom = view
    box = (left * image.width, top * image.height, right * image.width, bottom * image.height)
    return image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
