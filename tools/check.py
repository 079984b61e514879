"""Run every check of the project; stops at the first that fails. `python tools/check.py [PYTEST_ARGUMENT ...]`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    module = [sys.executable, "-m"]
    checks = [
        [*module, "ruff", "check"],
        [*module, "ruff", "format", "--check"],
        [sys.executable, "tools/glossary.py"],
        [*module, "mypy"],
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        [*module, "pytest", "-n", "auto", *sys.argv[1:]],
    ]
    # One thread for each of pytest's processes: two processes whose threads wait for each other are slower than one.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    for check in checks:
        print("+", " ".join(check[1:]), flush=True)
        status = subprocess.run(check, cwd=ROOT, env=environment, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
