"""Scoring: systems on a prepared set or on the stage benchmark; see docs/evaluate.md and docs/benchmark.md.

`systems` is what is scored, `sets` what it is scored on, `scores` by what, `runs` does it, `report` and `compare` print
it. `evaluate` puts them together for a prepared set, `benchmark` makes the stage benchmark.
"""

from ccstereo.evaluation.benchmark.make import Origin, make_benchmark
from ccstereo.evaluation.benchmark.rendering import ROWS, USUAL_ROWS, render_scene
from ccstereo.evaluation.benchmark.storage import Benchmark, read_benchmark, read_scene
from ccstereo.evaluation.compare import check_selection, overview, select
from ccstereo.evaluation.evaluate import evaluate, finish, read_run
from ccstereo.evaluation.geometric import Geometric
from ccstereo.evaluation.oracle import oracle
from ccstereo.evaluation.report import RowScore, headline, record, rows_table, summarise, write_table
from ccstereo.evaluation.runs import Run, score
from ccstereo.evaluation.scores import SCORES, Scoring, register_score, score_item
from ccstereo.evaluation.sets import Ears, Item, PreparedItems
from ccstereo.evaluation.systems import Mono, Oracle, System, Weights, read_files, weights_name

__all__ = [
    "ROWS",
    "SCORES",
    "USUAL_ROWS",
    "Benchmark",
    "Ears",
    "Geometric",
    "Item",
    "Mono",
    "Oracle",
    "Origin",
    "PreparedItems",
    "RowScore",
    "Run",
    "Scoring",
    "System",
    "Weights",
    "check_selection",
    "evaluate",
    "finish",
    "headline",
    "make_benchmark",
    "oracle",
    "overview",
    "read_benchmark",
    "read_files",
    "read_run",
    "read_scene",
    "record",
    "register_score",
    "render_scene",
    "rows_table",
    "score",
    "score_item",
    "select",
    "summarise",
    "weights_name",
    "write_table",
]
