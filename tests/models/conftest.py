"""Makes the helper beside the test folders importable."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
