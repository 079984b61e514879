"""The index of a split's shards: all that a reader must know to fetch any window of any clip.

OUT/train-000000.tar ...  WebDataset shards: <id>.json, <id>.mjpeg and <id>.wav of one clip after the other
OUT/train.json            the index: `ShardIndex`, a line a shard
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from ccstereo.datasets.prepared.format import ClipRow, SetInfo
from ccstereo.datasets.prepared.tables import info_of, row_of
from ccstereo.errors import DatasetError

FORMAT = "ccstereo-shards"
VERSION = 2


@dataclass(frozen=True)
class Member:
    """Where a clip's two files lie in a shard: `row` of the table, first byte of each file, bytes of the frames."""

    row: ClipRow
    sound: int
    frames: int
    frames_bytes: int


@dataclass(frozen=True)
class Shard:
    """One tar file: its name, size in bytes, checksum and clips."""

    name: str
    bytes: int
    sha256: str
    clips: list[Member]


@dataclass(frozen=True)
class ShardIndex:
    """All shards of a split.

    Attributes:
        info: of the prepared set.
        fold: the split is of; "" if it is of none.
        split: train, val or test; "all" for all clips of a set.
        content_sha256: of what was asked for: the clips' rows, in their order, and the size of shards.
        shards: in the order of their names.
    """

    info: SetInfo
    fold: str
    split: str
    content_sha256: str
    shards: list[Shard]
    format: str = FORMAT
    version: int = VERSION


def shard_of(content: dict[str, Any]) -> Shard:
    """Make of JSON the shard it was.

    Raises:
        ValueError, KeyError, TypeError: it is something else.
    """
    clips = [Member(**clip | {"row": row_of(ClipRow, clip["row"])}) for clip in content["clips"]]
    return Shard(**content | {"clips": clips})


def parse_index(data: bytes, where: str) -> ShardIndex:
    """Read the content of an index's file.

    Raises:
        DatasetError: it is damaged, or of another version.
    """
    try:
        content = json.loads(data)
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError(f"{content['format']} version {content['version']}")
        shards = [shard_of(shard) for shard in content["shards"]]
        return ShardIndex(**content | {"info": info_of(content["info"]), "shards": shards})
    except (ValueError, KeyError, TypeError) as error:
        again = "write the shards again with ccstereo shard"
        raise DatasetError(f"{where}: not readable as {FORMAT} version {VERSION} ({error}); {again}") from error


def index_bytes(index: ShardIndex) -> bytes:
    """The content of the index's file."""
    head = {name: value for name, value in asdict(index).items() if name != "shards"}
    shards = ",\n".join(json.dumps(asdict(shard), ensure_ascii=False) for shard in index.shards)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "shards": [\n{shards}\n]}}\n'.encode()
