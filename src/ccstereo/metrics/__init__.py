"""How good a binaural clip is: functions in `functional`, torchmetrics classes in `modules`, tests in `statistics`.

Importing this package loads neither torchmetrics nor scipy.stats.
"""

from ccstereo.metrics import functional

__all__ = ["functional"]
