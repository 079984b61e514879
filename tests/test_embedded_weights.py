"""The weights inside the package: what they promise, on fewer scenes than the README's table."""

import hashlib
from pathlib import Path

import ccstereo
from ccstereo import DEFAULT_WEIGHTS
from ccstereo.evaluation import ROWS, USUAL_ROWS, Origin, RowScore, Weights, make_benchmark, score, summarise

WEIGHTS = Path(ccstereo.__file__).parent / "weights" / DEFAULT_WEIGHTS


def test_they_are_small_and_described() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 20e6
    card = (WEIGHTS / "README.md").read_text()
    for part in ("What it knows", "May I use it?", "How it was made", "Scores", "Real films", "Limits"):
        assert f"## {part}" in card
    assert hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest() in card


def scores(folder: Path, origin: Origin, rows: list[str], scenes: int) -> list[RowScore]:
    benchmark = make_benchmark(folder, origin, rows=rows, scenes=scenes, seconds=1.0)
    return summarise(score({"embedded": Weights()}, benchmark))


def test_held_out_photos_and_sounds(shared: Path, tmp_path: Path) -> None:
    """One dry source beyond 15 degrees, KEMAR's ears."""
    stage = shared / "stage"
    origin = Origin(stage, stage / "hrtf" / "MIT_KEMAR_normal_pinna.sofa")
    (row,) = scores(tmp_path / "bench", origin, ["one"], 40)
    assert row.scores["louder_ear"].value >= 0.97
    assert row.scores["stft_to_mono"].value <= 0.35
    assert row.scores["azimuth_error"].value < 6


def test_synthetic_scenes_of_every_dry_kind(tmp_path: Path) -> None:
    dry = [row for row in USUAL_ROWS if not ROWS[row].room]
    for row in scores(tmp_path / "bench", Origin(), dry, 8):
        assert row.scores["stft_to_mono"].value < 0.6, row.row
        assert row.scores["own_side"].value > 0.6, row.row
