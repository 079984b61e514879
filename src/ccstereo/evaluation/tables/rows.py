"""A paper's table, and its rows, as this package's YAML has them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccstereo.errors import CCStereoError, DatasetError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class PaperRow:
    """A row.

    Attributes:
        name: of its file, and of the folder of its runs.
        title: as the table prints it.
        paper: the published scores by name, as far as they are known.
        source: of these numbers, and what is to be said of them.
        system: "mono" where nothing is trained.
        weights: name of the row whose weights it takes; its own by default.
        hop: seconds between windows; None takes the model's.
        tdss: whether frames are cropped in five places in turn.
        train: arguments of `ccstereo train`, a stage after the other, with {set}, {fold} and {run} to be filled in.
            Empty where no code of the method is here: predictions of others can fill the row.
    """

    name: str
    title: str
    paper: dict[str, float]
    source: str
    system: str = ""
    weights: str = ""
    hop: float | None = None
    tdss: bool = True
    train: list[str] = field(default_factory=list)

    def folder(self, runs: Path, fold: str) -> Path:
        """Where its training of a fold is."""
        return runs / (self.weights or self.name) / fold

    def commands(self, dataset: Path, runs: Path, fold: str) -> list[str]:
        """Train it on a fold; capital letters are left to fill in."""
        known = {"set": dataset, "fold": fold, "run": self.folder(runs, fold)}
        others = {"solos": "SOLOS", "pseudo": "PSEUDO", "pseudo_fold": "FOLD"}
        return [f"ccstereo train {stage.format(**known, **others)}" for stage in self.train]


@dataclass(frozen=True)
class PaperTable:
    """A table.

    Attributes:
        name: of its folder.
        title: what is scored on.
        note: what keeps its numbers from being compared.
        folds: whose means are averaged, as papers do.
        scores: columns.
        rows: in order.
    """

    name: str
    title: str
    note: str
    folds: list[str]
    scores: list[str]
    rows: list[PaperRow]


def list_tables() -> list[str]:
    """Names of the tables.

    >>> list_tables()
    ['ablation', 'fairplay-five', 'fairplay-ten', 'music-stereo', 'yt-clean', 'yt-music']
    """
    return sorted(path.parent.name for path in FOLDER.glob("*/table.yaml"))


def read_table(name: str) -> PaperTable:
    """Read a table of the package.

    Raises:
        DatasetError: there is none of this name.
        CCStereoError: PyYAML is not installed.
    """
    if name not in list_tables():
        raise DatasetError(f"no table {name!r}; tables are {', '.join(list_tables())}")
    head = _read(FOLDER / name / "table.yaml")
    rows = [PaperRow(row, **_read(FOLDER / name / f"{row}.yaml")) for row in head.pop("rows")]
    return PaperTable(name, rows=rows, **head)


def _read(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise CCStereoError("the papers' tables need PyYAML: pip install 'ccstereo[train]'") from error
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content
