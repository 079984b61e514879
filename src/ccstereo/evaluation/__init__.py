"""Scoring: systems on a prepared set or on the stage benchmark; see docs/evaluate.md and docs/benchmark.md.

`systems` is what is scored, `sets` what it is scored on, `scores` by what, `runs` does it, `report` and `compare` print
it. `evaluate` puts them together for a prepared set, `benchmark` makes the stage benchmark.
"""

from ccstereo.evaluation.benchmark.make import Origin, make_benchmark
from ccstereo.evaluation.benchmark.rendering import ROWS, Row, SceneFacts, SourceFacts, render_scene
from ccstereo.evaluation.benchmark.storage import Benchmark, read_benchmark, read_scene
from ccstereo.evaluation.compare import (
    check_selection,
    comparison,
    comparison_table,
    gains,
    mean_over_seeds,
    overview,
    select,
)
from ccstereo.evaluation.evaluate import check_comparable, evaluate, finish, read_run, settings_of
from ccstereo.evaluation.ledger import append_to_ledger, find_ledger, ledger_lines
from ccstereo.evaluation.oracle import oracle
from ccstereo.evaluation.report import RowScore, headline, record, rows_table, scenes_csv, summarise, write_table
from ccstereo.evaluation.runs import Run, score
from ccstereo.evaluation.scores import SCORES, Score, Scoring, register_score, score_item
from ccstereo.evaluation.sets import Ears, EvaluationSet, Item, PreparedItems
from ccstereo.evaluation.systems import Files, Mono, Oracle, System, Weights, read_files, weights_name

__all__ = [
    "ROWS",
    "SCORES",
    "Benchmark",
    "Ears",
    "EvaluationSet",
    "Files",
    "Item",
    "Mono",
    "Oracle",
    "Origin",
    "PreparedItems",
    "Row",
    "RowScore",
    "Run",
    "SceneFacts",
    "Score",
    "Scoring",
    "SourceFacts",
    "System",
    "Weights",
    "append_to_ledger",
    "check_comparable",
    "check_selection",
    "comparison",
    "comparison_table",
    "evaluate",
    "find_ledger",
    "finish",
    "gains",
    "headline",
    "ledger_lines",
    "make_benchmark",
    "mean_over_seeds",
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
    "scenes_csv",
    "score",
    "score_item",
    "select",
    "settings_of",
    "summarise",
    "weights_name",
    "write_table",
]
