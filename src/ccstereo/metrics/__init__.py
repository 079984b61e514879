"""How good a binaural clip is: pure functions in `functional`, torchmetrics classes in `modules`, intervals and tests in
`statistics`. Importing this package loads neither torchmetrics nor scipy.
"""

from ccstereo.metrics import functional

__all__ = ["functional"]
