"""Work over many items: in processes or on a Ray cluster, of which any process may die."""

from ccstereo.jobs.mapping import ENGINES, cores, map_items
from ccstereo.jobs.signals import outlive_signals

__all__ = ["ENGINES", "cores", "map_items", "outlive_signals"]
