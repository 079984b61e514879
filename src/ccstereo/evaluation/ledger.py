"""The ledger of test scores: every look at test files is written down, with its date.

A score on files that weights were chosen by is optimistic. A dated line for each look says how often that may be so.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ccstereo.errors import DatasetError
from ccstereo.evaluation.benchmark.storage import Benchmark
from ccstereo.evaluation.report import RowScore
from ccstereo.evaluation.systems import Weights

MAIN = ("stft_to_mono", "louder_ear", "own_side", "azimuth_error")


def find_ledger(folder: Path) -> Path | None:
    """The ledger, research/ledger.jsonl, of the checkout of this project that a folder lies in; None outside of one."""
    for parent in (folder.absolute(), *folder.absolute().parents):
        project = parent / "pyproject.toml"
        if project.is_file() and 'name = "ccstereo"' in project.read_text(encoding="utf-8", errors="replace"):
            return parent / "research" / "ledger.jsonl"
    return None


def ledger_lines(
    benchmark: Benchmark, weights: Iterable[Weights], rows: Sequence[RowScore], now: datetime | None = None
) -> list[dict[str, Any]]:
    """A line for each weights: date (None takes the clock's), names and checksums, and every row's main scores."""
    date = (now or datetime.now(timezone.utc)).isoformat(timespec="seconds")
    return [
        {
            "date": date,
            "weights": each.name,
            "sha256": each.sha256,
            "benchmark": benchmark.sha256,
            "split": benchmark.split,
            "rows": {
                row.row: {
                    "scenes": row.items,
                    **{name: round(found.value, 4) for name in MAIN if (found := row.scores[name]) is not None},
                }
                for row in rows
                if row.system == each.name
            },
        }
        for each in weights
    ]


def append_to_ledger(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Append lines of JSON; the folder is made if need be.

    Raises:
        DatasetError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    except OSError as error:
        raise DatasetError(f"{path}: the ledger cannot be written ({error.strerror or error})") from error
