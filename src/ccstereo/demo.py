"""A scene whose truth is known, made binaural from its mono mix, and its scores next to mono's."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from ccstereo.binauralizer import Binauralizer
from ccstereo.errors import DatasetError
from ccstereo.metrics import functional as metrics
from ccstereo.scenes import (
    HRIRSet,
    Material,
    Scene,
    load_material,
    load_sofa,
    render_frames,
    render_sources,
    sample_scene,
    spherical_head,
    synthetic_material,
)

FULL_SCALE = 0.9
SOUNDS = ("truth.wav", "predicted.wav", "mono.wav")  # which a demo writes first
WRITTEN = (*SOUNDS, "scene.mp4", "binaural.mp4", "scene.png")
SCORES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "STFT": metrics.stft_distance,
    "ENV": metrics.envelope_distance,
    "Phs": metrics.phase_distance,
    "SNR dB": metrics.signal_to_noise_ratio,
}


def run_demo(
    binauralizer: Binauralizer,
    output: Path,
    seed: int = 0,
    seconds: float = 10.0,
    *,
    folder: Path | None = None,
    sofa: Path | None = None,
) -> Iterator[str]:
    """Render a scene with two moving sources, make its mono mix binaural, write all of it and score it.

    Args:
        binauralizer: what makes it binaural.
        output: folder for scene.mp4 (mono, the input), binaural.mp4 (the same video, converted),
            truth.wav, predicted.wav and mono.wav, and scene.png where matplotlib is installed.
        seed: of the scene.
        seconds: its length.
        folder: of photos, sounds and backgrounds, of which the held-out files are used; None takes synthetic
            ones that the embedded weights were not trained on either.
        sofa: a measured head; None takes a spherical one.

    Yields:
        Lines of a report.

    Raises:
        DatasetError: the folder or the head cannot be read, or `output` is a file or holds other files of these names.
        MediaError: a file cannot be written.
    """
    from ccstereo.media import SoundWriter, write_video

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{output}: cannot be made a folder ({error.strerror})") from error
    there = {name for name in WRITTEN if (output / name).exists()}
    if there and not there.issuperset(SOUNDS):
        raise DatasetError(f"{output}: holds a {min(there)} that no demo has made; choose another folder with -o")
    rate = binauralizer.config.sample_rate
    material = load_material(folder, "test", rate) if folder else synthetic_material("test", rate)
    head = load_sofa(sofa).resampled(rate) if sofa else spherical_head(rate)
    scene = sample_scene(material, seed, duration=seconds, sources=2, moving=True)
    frames, truth = render_scene(scene, material, head)
    mono = truth.mean(0)
    predicted = binauralizer.binauralize(mono, rate, frames, 10.0)

    sounds = {"truth": truth, "predicted": predicted, "mono": np.stack([mono, mono])}
    for name, sound in sounds.items():
        with SoundWriter(output / f"{name}.wav", sample_rate=rate) as writer:
            writer.write(sound)
    write_video(output / "scene.mp4", frames, mono[None], sample_rate=rate)
    binauralizer.convert(output / "scene.mp4", output / "binaural.mp4")
    about = f"a {' and a '.join(source.label for source in scene.sources)}, {head.name}, seed {seed}"
    plotted = _plot(output / "scene.png", frames, sounds, rate, about)

    yield f"{output}: {about}"
    yield f"{'':<12}" + "".join(f"{name:>10}" for name in SCORES)
    target = torch.from_numpy(truth)
    for name in ("mono", "predicted"):
        values = (score(torch.from_numpy(sounds[name]), target).item() for score in SCORES.values())
        yield f"{name:<12}" + "".join(f"{value:10.4f}" for value in values)
    yield "with headphones: scene.mp4 (mono), binaural.mp4 (predicted), truth.wav"
    yield "scene.png shows it" if plotted else "for a figure of it: pip install 'ccstereo[viz]'"


def render_scene(scene: Scene, material: Material, head: HRIRSet) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N, 240, 480, 3) of a scene and its sound (2, T), no louder than full scale."""
    sound = render_sources(scene, material, head).sum(0)
    return render_frames(scene, material), sound * np.float32(min(1.0, FULL_SCALE / max(np.abs(sound).max(), 1e-9)))


def _plot(path: Path, frames: np.ndarray, sounds: dict[str, np.ndarray], rate: int, title: str) -> bool:
    """Plot the scene if matplotlib is there; whether it was."""
    from ccstereo.viz import plot_scene, save_figure

    names = {"true": "truth", "predicted": "predicted", "mono": "mono"}
    curves = {name: metrics.spl_curve(torch.from_numpy(sounds[key]), rate).numpy() for name, key in names.items()}
    try:
        figure = plot_scene(frames, curves, sounds["truth"].shape[1] / rate, title)
    except ImportError:
        return False
    save_figure(figure, path)
    return True
