"""What all tests share: where the material beside the repository is, a tiny model, a small video, a browser."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parent))  # of helpers beside the test folders

SHARED = Path(__file__).resolve().parents[2] / "shared"

torch.set_num_threads(2)


@pytest.fixture(scope="session", autouse=True)
def _no_conversions(tmp_path_factory: pytest.TempPathFactory):
    """What tests run is PyTorch unless they say otherwise, and the user's cache stays as it is."""
    from ccstereo.inference import load

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCSTEREO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(load, "quickest_backend", lambda _: None)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos, sounds, heads, videos and golden numbers; skips without it."""
    if not SHARED.is_dir():
        pytest.skip("needs the material in ../shared")
    return SHARED


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("needs chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        quiet = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        browser = started.chromium.launch(executable_path=path, args=[*quiet, *camera])
        yield browser
        browser.close()


@pytest.fixture
def own_registrations(monkeypatch: pytest.MonkeyPatch):
    """The models, loss terms and scores that a test registers, and the modules that it imports by name, go with it."""
    import tiny_models  # noqa: F401  (which stays: other tests import it once)
    from ccstereo import plugins
    from ccstereo.evaluation import SCORES
    from ccstereo.losses.objective import TERMS
    from ccstereo.models import registry

    registries = (registry._builders, registry._sources, SCORES, TERMS)
    before = [dict(each) for each in registries]
    modules = set(sys.modules)
    monkeypatch.setenv(plugins.VARIABLE, "")
    yield
    for each, known in zip(registries, before, strict=True):
        each.clear()
        each.update(known)
    for name in {"gated", "mine", "my_scores"} & (set(sys.modules) - modules):
        del sys.modules[name]


@pytest.fixture(scope="session")
def lite():
    """A small model with fixed random weights, whose predictions are far from nothing."""
    from ccstereo.models import create_model
    from small import SMALL

    torch.manual_seed(0)
    return create_model("ccstereo-lite", **SMALL).eval()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a drawn scene with mono sound, mp4."""
    from ccstereo.media import write_video
    from ccstereo.scenes import render_frames, render_sources, sample_scene, spherical_head, synthetic_material

    material = synthetic_material("val")
    scene = sample_scene(material, 1, duration=2.0, sources=2, moving=True)
    sound = render_sources(scene, material, spherical_head(16_000)).sum((0, 1))
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, render_frames(scene, material), (0.5 * sound / np.abs(sound).max())[None], sample_rate=16_000)
    return path
