"""The baseline that learns nothing: what is salient, and where the mono track is panned to."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.cli.main import main
from ccstereo.errors import DatasetError
from ccstereo.evaluation import Geometric, Item
from ccstereo.metrics.functional import louder_ear, stft_distance
from ccstereo.scenes import spherical_head
from ccstereo.scenes.acoustics.spatialize import spatialize
from ccstereo.vision.saliency import salient_columns, spectral_residual

RATE = 16_000


def item(frames: np.ndarray) -> Item:
    sound = torch.from_numpy(
        0.1 * np.random.default_rng(0).standard_normal((1, 2 * RATE)).repeat(2, 0).astype(np.float32)
    )
    return Item("a", sound, sound, RATE, 10.0, lambda: frames)


def textured(x: float) -> np.ndarray:
    """A frame of smooth grey with a small patch of texture at a horizontal position."""
    frame = np.full((120, 240, 3), 100, np.uint8) + np.arange(240, dtype=np.uint8)[None, :, None] // 8
    middle = round(x * 240)
    patch = np.random.default_rng(0).integers(0, 255, (30, 24, 1), dtype=np.uint8)
    frame[45:75, middle - 12 : middle + 12] = patch
    return frame


@pytest.mark.parametrize("x", [0.2, 0.5, 0.85])
def test_a_patch_on_a_plain_ground_is_salient(x: float) -> None:
    frames = torch.from_numpy(textured(x).transpose(2, 0, 1)[None].copy())
    maps = spectral_residual(frames)
    assert maps.shape == (1, 64, 128)
    assert maps.max() == 1
    assert salient_columns(frames).item() == pytest.approx(x, abs=0.06)
    assert salient_columns(torch.full((1, 3, 120, 240), 7, dtype=torch.uint8)).item() == 0.5


def test_sound_follows_what_is_salient() -> None:
    left, right = textured(0.15), textured(0.85)
    still = Geometric().predict(item(left[None]))
    assert still.shape == (2, 2 * RATE)
    assert louder_ear(still) > 2
    turned = Geometric().predict(item(np.stack([left] * 10 + [right] * 10)))
    assert louder_ear(turned[:, : RATE // 2]) > 2
    assert louder_ear(turned[:, -RATE // 2 :]) < -2
    mirrored = Geometric().predict(item(left[None, :, ::-1].copy()))
    torch.testing.assert_close(louder_ear(mirrored), -louder_ear(still), atol=0.7, rtol=0)


def test_a_source_at_the_given_azimuth_is_restored() -> None:
    """From its mono track alone, and its mixture stays; panned to the other side it is worse than mono."""
    dry = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    true = torch.from_numpy(spatialize(dry, np.array([-40.0]), spherical_head(RATE)))
    shown = Item("a", true, true, RATE, 10.0, lambda: np.zeros((1, 8, 16, 3), np.uint8))
    mono = true.mean(0).expand(2, -1)
    found, other = (Geometric(azimuth=azimuth).predict(shown) for azimuth in (-40.0, 40.0))
    torch.testing.assert_close(found.sum(0), true.sum(0), atol=1e-5, rtol=0)
    assert stft_distance(found, true) < 0.05 * stft_distance(mono, true)
    assert stft_distance(other, true) > stft_distance(mono, true)


def test_wrong_values(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="from -60 to 60 degrees, got 90"):
        Geometric(azimuth=90.0)
    with pytest.raises(DatasetError, match="no such SOFA file"):
        Geometric(sofa=tmp_path / "none.sofa")


def test_evaluate_scores_it_in_the_place_of_a_model(prepared, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["evaluate", str(prepared.folder), "--fold", "one", "--jobs", "1", "-q"]
    assert main([*common, "--pan", "salient", "-o", "scores"]) == 0
    assert "panned to the most salient" in Path("scores/summary.md").read_text()
    for wrong in (["--pan", "90"], ["--pan", "left"], ["--pan", "10", "--predictions", "theirs"]):
        with pytest.raises(SystemExit) as stop:
            main([*common, *wrong, "-o", "other"])
        assert stop.value.code == 2
    assert "exclude each other" in capsys.readouterr().err
