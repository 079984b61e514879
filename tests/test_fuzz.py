"""Damaged files through the real command line: a short run of `tools/fuzz.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "tools" / "fuzz.py"


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="waits for a pipe as only POSIX systems can")
def test_damaged_files_are_converted_or_refused(tmp_path: Path) -> None:
    """No crash, no hang, no traceback, no half file; and both outcomes come about."""
    command = [sys.executable, str(FUZZ), "-n", "150", "--limit", "200", "--keep", str(tmp_path / "kept")]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr
    counts = dict(reversed(part.split(" ", 1)) for part in run.stdout.strip().split(", "))
    assert counts.keys() == {"converted", "refused"}
    assert min(map(int, counts.values())) > 30
