"""Run every check of the project; stops at the first that fails. `python tools/check.py [PYTEST_ARGUMENT ...]`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    module = [sys.executable, "-m"]
    checks = [
        [*module, "ruff", "check"],
        [*module, "ruff", "format", "--check"],
        [*module, "mypy"],
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        [*module, "pytest", *sys.argv[1:]],
    ]
    for check in checks:
        print("+", " ".join(check[1:]), flush=True)
        status = subprocess.run(check, cwd=ROOT, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
