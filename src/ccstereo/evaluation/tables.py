"""The scores of every clip as a table on disk, .csv or .parquet."""

import csv
import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ccstereo.errors import DatasetError
from ccstereo.evaluation.run import ROWS, Run, write_whole
from ccstereo.evaluation.scores import SCORES


def check_table(path: Path) -> None:
    """Refuse, before any work is done, a table that could not be written at its end.

    Raises:
        DatasetError: the suffix is unknown, or its library is not installed.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise DatasetError(f"{path}: tables are written as .csv or .parquet, by the file's suffix")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise DatasetError(f"{path}: Parquet needs pyarrow: pip install 'ccstereo[parquet]', or write .csv")


def write_table(path: Path, run: Run) -> None:
    """Write the table of clips, a line a clip and row (mono, prediction, oracle); see `SCORES` for the columns.

    Args:
        path: .csv leaves scores that are undefined empty, .parquet (needs pyarrow) has them null.
        run: the scores.

    Raises:
        DatasetError: see `check_table`; or the file cannot be written.
    """
    check_table(path)
    try:
        if path.suffix.lower() == ".csv":
            write_whole(path, clips_csv(run))
        else:
            _write_parquet(path, run)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def clips_csv(run: Run) -> str:
    """The table of clips as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "row", *SCORES])
    for i, clip in enumerate(run.clips):
        for row in ROWS:
            values = (run.scores[row][name][i] for name in SCORES)
            writer.writerow([clip, row, *("" if np.isnan(value) else repr(float(value)) for value in values)])
    return text.getvalue()


def _write_parquet(path: Path, run: Run) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = {
        "clip": pyarrow.array([clip for clip in run.clips for _ in ROWS]),
        "row": pyarrow.array([row for _ in run.clips for row in ROWS]),
        **{
            name: pyarrow.array(np.stack([run.scores[row][name] for row in ROWS], axis=1).ravel(), from_pandas=True)
            for name in SCORES
        },
    }
    temporary = path.with_name(f".{path.name}.part")
    try:
        parquet.write_table(pyarrow.table(columns), temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
