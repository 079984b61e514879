"""How much of a training is waiting for data: Lightning's profiling, with one line for a report."""

from time import perf_counter

from lightning.pytorch.profilers import Profiler

NEXT, STEP = "[_TrainingEpochLoop].train_dataloader_next", "run_training_batch"  # Lightning's names of the two actions


class WaitingProfiler(Profiler):
    """Adds up the time of training steps and of waiting for their batches.

    Validations and checkpoints are no part of it. On a GPU the fraction is an upper bound: a step's work goes on while
    the next batch is asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seconds = {NEXT: 0.0, STEP: 0.0}
        self._since: dict[str, float] = {}

    @property
    def fraction(self) -> float:
        """Waiting, of waiting and steps, from 0 to 1."""
        return self._seconds[NEXT] / max(sum(self._seconds.values()), 1e-12)

    def start(self, action_name: str) -> None:
        """An action begins."""
        self._since[action_name] = perf_counter()

    def stop(self, action_name: str) -> None:
        """It has ended."""
        since = self._since.pop(action_name, None)
        if action_name in self._seconds and since is not None:
            self._seconds[action_name] += perf_counter() - since

    def summary(self) -> str:
        """Of the whole training, for the log; nothing where no step was made."""
        return f"Of the time of training, {self.fraction:.1%} was waiting for data." if self._seconds[STEP] else ""
