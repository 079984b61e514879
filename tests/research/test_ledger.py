"""research/ledger.jsonl: every look at the test split, one JSON object a line, in the order of time."""

import json
from datetime import date
from pathlib import Path

LEDGER = Path(__file__).parents[2] / "research" / "ledger.jsonl"


def test_every_line_says_what_was_looked_at() -> None:
    lines = [json.loads(line) for line in LEDGER.read_text().splitlines()]
    assert len(lines) >= 17
    days = [date.fromisoformat(line["date"][:10]) for line in lines]
    assert days == sorted(days)
    for line in lines:
        assert {"date", "weights", "sha256", "benchmark", "rows"} <= set(line)
        assert line["sha256"] is None or len(bytes.fromhex(line["sha256"])) == 32  # null: weights that were not kept
        assert all("stft_to_mono" in scores for scores in line["rows"].values())


def test_old_lines_name_their_entries() -> None:
    for line in map(json.loads, LEDGER.read_text().splitlines()):
        source = line.get("source", "")
        if source.startswith("from the notebook: "):
            assert (LEDGER.parents[1] / source.removeprefix("from the notebook: ")).is_file()
