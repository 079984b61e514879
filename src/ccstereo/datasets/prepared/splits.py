"""Folds by source: clips of one recording never lie in two splits, unless there is no other recording."""

import hashlib
from collections.abc import Sequence

from ccstereo.datasets.prepared.format import SPLITS, ClipRow


def split_by_source(rows: Sequence[ClipRow], seed: int = 0) -> dict[str, list[str]]:
    """Divide clips 80-10-10 into train, val and test, by their source.

    Sources are ordered by a hash of their key, so that the fold is the same on every machine and hardly changes when
    sources are added. Of three sources or more every split gets one; two are train and val. The clips of a single
    source are divided by time, the last ones for test, the ones before for val: two clips are train and val, one is
    train. Another seed is another fold.
    """
    clips: dict[str, list[str]] = {}
    for row in rows:
        clips.setdefault(row.source, []).append(row.id)
    if len(clips) == 1:
        return _by_time(sorted(rows, key=lambda row: row.start))
    order = sorted(clips, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    tenth = max(1, round(len(order) / 10))
    val = order[:tenth] if len(order) > 1 else []
    test = order[tenth : 2 * tenth] if len(order) > 2 else []
    train = order[len(val) + len(test) :]
    chosen = dict(zip(SPLITS, (train, val, test), strict=True))
    return {split: sorted(clip for key in keys for clip in clips[key]) for split, keys in chosen.items()}


def default_fold(rows: Sequence[ClipRow]) -> dict[str, dict[str, list[str]]]:
    """One fold, "default", by source."""
    return {"default": split_by_source(rows)}


def _by_time(rows: Sequence[ClipRow]) -> dict[str, list[str]]:
    names = [row.id for row in rows]
    tenth = max(1, round(len(names) / 10))
    test = tenth if len(names) > 2 else 0
    val = tenth if len(names) > 1 else 0
    kept = len(names) - val - test
    return {"train": names[:kept], "val": names[kept : kept + val], "test": names[kept + val :]}
