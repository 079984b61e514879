"""The index of a part's shards: what a reader must know before it reads, so that it can plan a pass without reading.

OUT/train-000000.tar ...  WebDataset shards: <id>.json, <id>.mjpeg and <id>.wav of one clip after the other
OUT/train.json            the index: `ShardIndex`
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ccstereo.datasets.shards.stream import fetch, is_url
from ccstereo.errors import DatasetError

FORMAT = "ccstereo-shards"
VERSION = 1


@dataclass(frozen=True)
class Shard:
    """One tar file.

    Attributes:
        name: of the file.
        samples: clips in it.
        bytes: its size.
        sha256: of the file.
        offsets: byte at which each clip begins, so that a reader can begin at any.
        ends: byte after each clip's last.
        lengths: of each clip's sound, in samples: a model's window may be longer than a clip.
    """

    name: str
    samples: int
    bytes: int
    sha256: str
    offsets: list[int]
    ends: list[int]
    lengths: list[int]


@dataclass(frozen=True)
class ShardIndex:
    """All shards of a part.

    Attributes:
        name: of the prepared set.
        split: the part is of; "" if it is of none.
        part: train, val or test; "all" for all clips of a set.
        content_sha256: of what was asked for: the clips' rows, in their order, and the size of shards.
        samples, bytes: of all shards.
        shards: in the order of their names.
    """

    name: str
    split: str
    part: str
    content_sha256: str
    samples: int
    bytes: int
    shards: list[Shard]
    format: str = FORMAT
    version: int = VERSION


def beside(location: str, name: str) -> str:
    """Where a file of a folder or URL is; a URL keeps its query, such as a signature.

    >>> beside("https://host/set?key=1", "train.json")
    'https://host/set/train.json?key=1'
    """
    if not is_url(location):
        return str(Path(location) / name)
    parts = urlsplit(location)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/" + name))


def is_sharded(location: str) -> bool:
    """Whether this is a URL, or a folder with shards and no prepared set."""
    folder = Path(location)
    return is_url(location) or (not (folder / "dataset.json").exists() and any(folder.glob("*-000000.tar")))


def read_index(location: str, part: str) -> ShardIndex:
    """Read a part's index.

    Args:
        location: folder or URL.
        part: such as "train".

    Raises:
        DatasetError: it cannot be had, is damaged, or of a later version.
    """
    path = beside(location, f"{part}.json")
    try:
        content = json.loads(fetch(path))
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError(f"{content['format']} version {content['version']}")
        shards = [Shard(**shard) for shard in content["shards"]]
        for shard in shards:
            if {len(shard.offsets), len(shard.ends), len(shard.lengths)} != {shard.samples}:
                raise ValueError(f"{shard.name} has {shard.samples} samples and other offsets")
        return ShardIndex(**content | {"shards": shards})
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: there is no such index; make it with ccstereo shard") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: not readable as {FORMAT} version {VERSION} ({error}); make it with ccstereo shard"
        ) from error


def index_bytes(index: ShardIndex) -> bytes:
    """The content of the index's file, a line a shard."""
    head = {name: value for name, value in asdict(index).items() if name != "shards"}
    shards = ",\n".join(json.dumps(asdict(shard)) for shard in index.shards)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "shards": [\n{shards}\n]}}\n'.encode()
