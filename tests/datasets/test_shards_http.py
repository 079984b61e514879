"""Shards on web servers: with ranges and without, answers that end early, and servers that fail."""

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import PreparedWindows
from ccstereo.datasets.shards import reader
from ccstereo.datasets.shards.reader import open_set
from ccstereo.datasets.shards.write import write_shards
from ccstereo.errors import DatasetError
from ccstereo.models import create_model

CONFIG = create_model("ccstereo").config


def worker(source: Source):
    rng = np.random.default_rng(int(source.key))
    frames = [encode_jpeg(rng.integers(0, 255, (15, 30, 3), dtype=np.uint8)) for _ in range(10)]
    yield Clip(source.key, 0.1 * rng.standard_normal((2, 16_000)).astype(np.float32), frames)


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    """22 different clips of 1 s in shards of three or four."""
    folder = tmp_path_factory.mktemp("shards")
    sources = [Source(f"{n}", ()) for n in range(22)]
    prepare(
        sources, worker, folder / "set", SetInfo("test"), folds=lambda rows: {"one": {"train": [r.id for r in rows]}}
    )
    prepared = PreparedSet(folder / "set")
    write_shards(prepared, list(prepared.clips), folder / "shards", split="train", fold="one", shard_bytes=1_000_000)
    return str(folder / "shards")


def windows(location: str) -> PreparedWindows:
    prepared = open_set(location)
    return PreparedWindows(prepared, prepared.ids("one", "train"), CONFIG)


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two items are equal in everything."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


class _Server(ThreadingHTTPServer):
    """Serves a folder; may know no ranges, fail for a while, or end some answers early."""

    def __init__(self, folder: str, ranges: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.ranges = Path(folder), ranges
        self.asked: list[tuple[str, str | None]] = []
        self.failing = self.breaking = 0


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append((self.path, asked))
        path = server.folder / self.path.lstrip("/").partition("?")[0]
        if server.failing or not path.is_file():
            server.failing -= bool(server.failing)
            self.send_error(404 if not path.is_file() else 503)
            return
        data = path.read_bytes()
        first, last = 0, len(data)
        if asked and server.ranges:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            last += 1
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(last - first))
        self.end_headers()
        if server.breaking and path.suffix == ".tar":
            server.breaking -= 1
            last = first + (last - first) // 2
        self.wfile.write(data[first:last])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve(monkeypatch):
    """`serve(folder, ranges)` begins a server and returns it with its address."""
    monkeypatch.setattr(reader, "PAUSE", 0.0)
    servers = []

    def begin(folder: str, ranges: bool = True) -> tuple[_Server, str]:
        servers.append(_Server(folder, ranges))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return servers[-1], f"http://127.0.0.1:{servers[-1].server_port}"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


class TestHTTP:
    @pytest.mark.parametrize("breaking", [0, 4])
    def test_windows_are_those_of_the_folder(self, shards, serve, breaking):
        server, url = serve(shards)
        remote, local = windows(f"{url}/?key=1"), windows(shards)
        server.breaking = breaking
        assert all(same(remote[k], local[k]) for k in range(22))
        asked = [found for path, found in server.asked if ".tar?key=1" in path]
        assert len(asked) == 3 * 22 + breaking  # sound, positions of frames, frames; what broke is asked for again
        sizes = [int(b) - int(a) + 1 for a, b in (found.removeprefix("bytes=").split("-") for found in asked)]
        assert (
            max(sizes) < 60_000
        )  # no more than a window's own: its sound takes 40,320 bytes, two frames of noise 50,000

    def test_in_workers(self, shards, serve):
        _, url = serve(shards)
        loader = DataLoader(windows(url), 4, num_workers=2)
        local = windows(shards)
        for number, batch in enumerate(loader):
            assert torch.equal(batch["sound"][0], local[4 * number]["sound"])

    def test_without_ranges(self, shards, serve):
        _, url = serve(shards, ranges=False)
        remote = windows(url)
        with pytest.raises(DatasetError, match=r"train-\d+.tar: the server sends no ranges of bytes; use one"):
            remote[0]

    def test_servers_that_fail(self, shards, serve, tmp_path):
        shutil.copytree(shards, tmp_path / "copy")
        server, url = serve(str(tmp_path / "copy"))
        server.failing = 3
        remote = windows(url)
        server.failing = 10**6
        with pytest.raises(DatasetError, match=r"train-\d+.tar: cannot be read after 5 tries \(503"):
            remote[0]
        server.failing = 0
        for path in (tmp_path / "copy").glob("*.tar"):
            path.unlink()
        with pytest.raises(DatasetError, match=r"train-\d+.tar: is not there; copy or write"):
            remote[0]
        (tmp_path / "copy" / "train.json").unlink()
        with pytest.raises(DatasetError, match="no such index, or it may not be read; make shards"):
            open_set(url)
