"""Scoring a prepared set: every clip predicted and compared with its truth, next to mono and an oracle."""

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ccstereo.datasets.prepared.format import SAMPLE_RATE
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.errors import DatasetError
from ccstereo.evaluation.oracle import oracle
from ccstereo.evaluation.predictors import Predictor
from ccstereo.evaluation.run import ROWS, ClipScores, Journal, Run, collect
from ccstereo.evaluation.scores import Scoring, has_mrstft, score_clips
from ccstereo.models.config import ModelConfig


@dataclass(frozen=True)
class Evaluation:
    """What is scored, and how.

    Attributes:
        prepared: the set.
        split: name of what the clips are, such as "default/test".
        clips: ids.
        predictor: gives the predictions.
        scoring: peculiarities of the scores.
        config: sizes of the oracle's windows and transform: those of the model.
        hop: seconds between the oracle's windows.
        mask_bound: largest real and imaginary part of the oracle's mask; infinity does not clamp it.

    Raises:
        ValueError: hop or bound are out of range.
    """

    prepared: PreparedSet
    split: str
    clips: Sequence[str]
    predictor: Predictor
    scoring: Scoring = field(default_factory=Scoring)
    config: ModelConfig = field(default_factory=ModelConfig)
    hop: float = 0.1
    mask_bound: float = 1.0

    def __post_init__(self) -> None:
        longest = self.config.window / self.config.sample_rate
        if not 0 < self.hop <= longest or not self.mask_bound > 0:
            raise ValueError(
                f"the hop must be more than 0 and at most {longest:g} s, the mask's bound more than 0; "
                f"got {self.hop:g} and {self.mask_bound:g}"
            )

    def settings(self) -> dict[str, Any]:
        """Everything on which the scores depend, as JSON values."""
        table = (self.prepared.folder / "clips.jsonl").read_bytes()  # which holds the checksums of all files
        listed = "".join(f"{clip}\n" for clip in self.clips)
        bound = None if math.isinf(self.mask_bound) else self.mask_bound
        return {
            "dataset": {"name": self.prepared.info.name, "sha256": hashlib.sha256(table).hexdigest()},
            "split": {
                "name": self.split,
                "clips": len(self.clips),
                "sha256": hashlib.sha256(listed.encode()).hexdigest(),
            },
            "prediction": {"name": self.predictor.name, **self.predictor.identity},
            "oracle": {"mask_bound": bound, "hop": self.hop},
            "scores": {**asdict(self.scoring), "mrstft": has_mrstft()},
        }

    def score(self, clip: str, predictions: Path | None = None) -> ClipScores:
        """Predict one clip and score it next to mono and the oracle.

        Args:
            clip: id.
            predictions: folder into which the prediction is written as <clip>.wav; None keeps nothing.

        Returns:
            Scores of the rows "mono", "prediction" and "oracle".

        Raises:
            DatasetError: the clip or its prediction cannot be read, or the prediction has another length.
            MediaError: the prediction cannot be written.
        """
        with torch.inference_mode():
            truth = torch.from_numpy(self.prepared.sound(clip))
            predicted = self.predictor(clip, truth)
            if predicted.shape != truth.shape:
                shapes = f"{tuple(predicted.shape)}, but its truth {tuple(truth.shape)}"
                raise DatasetError(f"the prediction of {clip} by {self.predictor.name} is {shapes}")
            best = oracle(truth, self.config, hop=self.hop, bound=self.mask_bound)
            systems = torch.stack([truth.mean(0).expand(2, -1), predicted, best])  # as in ROWS
            scores = score_clips(systems, truth, SAMPLE_RATE, self.scoring)
        if predictions is not None:
            from ccstereo.media import SoundWriter

            with SoundWriter(predictions / f"{clip}.wav", sample_rate=SAMPLE_RATE) as writer:
                writer.write(predicted.numpy())
        return {row: {name: values[i].item() for name, values in scores.items()} for i, row in enumerate(ROWS)}


def evaluate(
    evaluation: Evaluation,
    output: str | Path,
    *,
    jobs: int = 1,
    save_predictions: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Score all clips, or go on where an earlier attempt was stopped.

    Clips are shared out to threads, each with one thread of torch, so that scores do not depend on their number. What
    is scored is on disk at once; see `ccstereo.evaluation.run` for the files, of which this writes the journal.

    Args:
        evaluation: what to score.
        output: folder of the run; `ccstereo.evaluation.report.finish` writes its tables.
        jobs: threads.
        save_predictions: whether to write the predictions to `output`/predictions.
        progress: called with clips done and their number.

    Returns:
        The scores of all clips.

    Raises:
        DatasetError: there are no clips; one cannot be read; the output holds another run or cannot be written.
    """
    clips, output = evaluation.clips, Path(output)
    if not clips:
        raise DatasetError(f"{evaluation.prepared.folder}: {evaluation.split} names no clip of the set")
    settings = evaluation.settings()
    journal = Journal(output, settings)
    folder = output / "predictions" if save_predictions else None
    if folder:
        folder.mkdir(exist_ok=True)
        for stale in folder.glob(".*.part.wav"):  # of an attempt that was killed
            stale.unlink()
    waiting = [c for c in clips if c not in journal.done or (folder and not (folder / f"{c}.wav").is_file())]
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(1,))
    if progress:
        progress(len(clips) - len(waiting), len(clips))
    try:
        futures = [pool.submit(lambda clip: journal.add(clip, evaluation.score(clip, folder)), c) for c in waiting]
        for number, future in enumerate(as_completed(futures)):
            future.result()
            if progress:
                progress(len(clips) - len(waiting) + number + 1, len(clips))
    finally:
        pool.shutdown(cancel_futures=True)  # clips that are at work are finished, after an interrupt, too
        torch.set_num_threads(threads)
    return collect(output, settings, clips, journal)
