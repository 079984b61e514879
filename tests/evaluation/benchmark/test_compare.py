"""Systems side by side: means over seeds, one score of all, paired changes."""

import numpy as np
import pytest

from ccstereo.benchmark import Mono, Oracle, gains, mean_over_seeds, overview, score_benchmark, summarise
from ccstereo.benchmark.scores import SceneScore


def test_the_mean_over_seeds_is_taken_scene_by_scene() -> None:
    def score(stft: float, azimuth: float = np.nan) -> SceneScore:
        return SceneScore(stft, 4.0, 1.0, 0.0, 1.0, azimuth)

    mean = mean_over_seeds([{"a": score(1.0), "b": score(2.0, 4.0)}, {"b": score(4.0, 8.0), "a": score(2.0)}])
    assert mean["a"].stft == 1.5
    assert (mean["b"].stft, mean["b"].azimuth_error) == (3.0, 6.0)
    assert np.isnan(mean["a"].azimuth_error)


def test_overview_and_gains(made) -> None:
    systems = {"mono": Mono(), "papers": Oracle(), "ours": Oracle(3.0)}
    scores = dict(zip(systems, score_benchmark(made, list(systems.values()), rows=["one", "two"]), strict=True))
    rows = summarise(made, scores)
    lines = overview(rows, "stft_to_mono").splitlines()
    assert lines[0] == "| system | one | two |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| mono", "| papers", "| ours"]
    assert lines[2].endswith("| 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] |")
    assert overview(rows, "azimuth_error", digits=1).splitlines()[0] == "| system | one |"  # two have no azimuth
    assert "100.0 [100.0, 100.0]" in overview(rows, "own_side", digits=1, factor=100.0).splitlines()[4]

    changed = gains(made, scores, [("mono", "papers"), ("papers", "ours")]).splitlines()
    assert changed[0] == "| system | one | two |"
    value = {row.row: row.stft_to_mono.value for row in rows if row.system == "papers"}
    assert changed[2].startswith("| mono → papers | ")
    assert float(changed[2].split(" | ")[1].split()[0]) == pytest.approx(value["one"] - 1, abs=6e-4)
