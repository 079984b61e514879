"""Names of the drawn stage, small."""

import pytest

pytest.importorskip("lightning")
