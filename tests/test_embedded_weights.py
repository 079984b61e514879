"""The weights inside the package: what they promise, on fewer scenes than the README's table."""

from pathlib import Path

import ccstereo
from ccstereo.benchmark import ROWS, Origin, RowScore, Weights, make_benchmark, score_benchmark, summarise

WEIGHTS = Path(ccstereo.__file__).parent / "weights" / "ccstereo-lite.stage"


def test_they_are_small_and_described() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 20e6
    card = (WEIGHTS / "README.md").read_text()
    for part in ("## Data", "## Training", "## Scores", "## Limits", "CC BY", "KEMAR"):
        assert part in card


def scores(folder: Path, origin: Origin, rows: list[str], scenes: int) -> list[RowScore]:
    benchmark = make_benchmark(folder, origin, rows=rows, scenes=scenes, seconds=1.0)
    systems = [Weights("ccstereo-lite.stage")]
    return summarise(
        benchmark, dict(zip([system.name for system in systems], score_benchmark(benchmark, systems), strict=True))
    )


def test_held_out_photos_and_sounds(shared: Path, tmp_path: Path) -> None:
    """One dry source beyond 15 degrees, KEMAR's ears."""
    stage = shared / "stage"
    origin = Origin(stage, stage / "hrtf" / "MIT_KEMAR_normal_pinna.sofa")
    (score,) = scores(tmp_path / "bench", origin, ["one"], 40)
    assert score.louder_ear.value >= 0.97
    assert score.stft_to_mono.value <= 0.35
    assert score.azimuth_error.value < 6


def test_drawn_scenes_of_every_dry_kind(tmp_path: Path) -> None:
    dry = [row for row, kind in ROWS.items() if not kind.room]
    for score in scores(tmp_path / "bench", Origin(), dry, 8):
        assert score.stft_to_mono.value < 0.6, score.row
        assert score.own_side.value > 0.6, score.row
