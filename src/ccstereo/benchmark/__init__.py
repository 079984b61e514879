"""The stage benchmark: fixed simulated scenes in a folder, scored next to mono and the true mask; docs/benchmark.md."""

from ccstereo.benchmark.compare import gains, mean_over_seeds, overview
from ccstereo.benchmark.make import Origin, make_benchmark
from ccstereo.benchmark.rendering import ROWS, Row, SceneFacts, SourceFacts, render_scene
from ccstereo.benchmark.report import Estimate, RowScore, headline, record, scenes_csv, summarise, table
from ccstereo.benchmark.run import Scores, score_benchmark
from ccstereo.benchmark.scores import SceneScore, score_scene
from ccstereo.benchmark.storage import Benchmark, read_benchmark
from ccstereo.benchmark.systems import Mono, Oracle, System, Weights

__all__ = [
    "ROWS",
    "Benchmark",
    "Estimate",
    "Mono",
    "Oracle",
    "Origin",
    "Row",
    "RowScore",
    "SceneFacts",
    "SceneScore",
    "Scores",
    "SourceFacts",
    "System",
    "Weights",
    "gains",
    "headline",
    "make_benchmark",
    "mean_over_seeds",
    "overview",
    "read_benchmark",
    "record",
    "render_scene",
    "scenes_csv",
    "score_benchmark",
    "score_scene",
    "summarise",
    "table",
]
