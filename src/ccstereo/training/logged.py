"""Which steps are logged: on an accelerator, logging costs about as much as a short step."""

from lightning.pytorch import Trainer


def is_logged(trainer: Trainer) -> bool:
    """Whether the loggers take this batch's values: the first, and then one of every `log_every_n_steps`."""
    number = trainer.fit_loop.total_batch_idx
    return number == 0 or (number + 1) % trainer.log_every_n_steps == 0  # type: ignore[attr-defined]
