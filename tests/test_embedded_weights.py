"""The weights inside the package: what they promise, on fewer scenes than the README's table."""

from pathlib import Path

import pytest

import ccstereo
from ccstereo.benchmark import ROWS, score_row, table
from ccstereo.scenes import drawn_material, load_material, load_sofa, spherical_head

WEIGHTS = Path(ccstereo.__file__).parent / "weights" / "ccstereo-lite.stage"


@pytest.fixture(scope="module")
def binauralizer() -> ccstereo.Binauralizer:
    return ccstereo.Binauralizer.from_pretrained("ccstereo-lite.stage")


def test_they_are_small_and_described() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 20e6
    card = (WEIGHTS / "README.md").read_text()
    for part in ("## Data", "## Training", "## Scores", "## Limits", "CC BY", "KEMAR"):
        assert part in card


def test_held_out_photos_and_sounds(binauralizer: ccstereo.Binauralizer, shared: Path) -> None:
    """One dry source beyond 15 degrees, KEMAR's ears."""
    head = load_sofa(shared / "stage" / "hrtf" / "MIT_KEMAR_normal_pinna.sofa").resampled(16_000)
    score = score_row(binauralizer, load_material(shared / "stage", "test"), head, "one", scenes=40, seconds=1.0)
    assert score.louder_ear >= 0.97
    assert score.stft_to_mono <= 0.35
    assert score.azimuth_error < 6


@pytest.mark.parametrize("row", ROWS)
def test_drawn_scenes_of_every_kind(binauralizer: ccstereo.Binauralizer, row: str) -> None:
    score = score_row(binauralizer, drawn_material("test"), spherical_head(16_000), row, scenes=8, seconds=1.0)
    assert score.stft_to_mono < 0.6
    assert score.snr > score.snr_mono + 1
    assert score.own_side > 0.6
    assert f"| {row} | 8 |" in table([score])
