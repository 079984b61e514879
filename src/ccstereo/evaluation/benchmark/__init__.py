"""The stage benchmark: fixed simulated scenes in a folder; see docs/benchmark.md."""
