"""Scoring a model, or a folder of predictions, against the true sound of a prepared set; see docs/evaluate.md."""

from ccstereo.evaluation.evaluate import Evaluation, evaluate
from ccstereo.evaluation.oracle import oracle
from ccstereo.evaluation.predictors import FolderPredictor, ModelPredictor, Predictor
from ccstereo.evaluation.report import (
    check_comparable,
    comparison,
    comparison_table,
    draw,
    finish,
    summarise,
    summary_table,
)
from ccstereo.evaluation.run import Run, read_run
from ccstereo.evaluation.scores import SCORES, Scoring, score_clips
from ccstereo.evaluation.tables import check_table, write_table

__all__ = [
    "SCORES",
    "Evaluation",
    "FolderPredictor",
    "ModelPredictor",
    "Predictor",
    "Run",
    "Scoring",
    "check_comparable",
    "check_table",
    "comparison",
    "comparison_table",
    "draw",
    "evaluate",
    "finish",
    "oracle",
    "read_run",
    "score_clips",
    "summarise",
    "summary_table",
    "write_table",
]
