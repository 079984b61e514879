"""Shards on web servers: with ranges and without, answers that end early, and servers that fail."""

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.datasets import shards_stream
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.shards.windows import ShardWindows
from ccstereo.datasets.shards.write import write_shards
from ccstereo.errors import DatasetError
from ccstereo.models import create_model

CONFIG = create_model("ccstereo-lite").config


def worker(source: Source):
    rng = np.random.default_rng(int(source.key))
    pictures = [encode_jpeg(rng.integers(0, 255, (15, 30, 3), dtype=np.uint8)) for _ in range(10)]
    yield Clip(source.key, 0.1 * rng.standard_normal((2, 16_000)).astype(np.float32), pictures)


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    """22 different clips of 1 s in shards of three or four."""
    folder = tmp_path_factory.mktemp("shards")
    sources = [Source(f"{n}", ()) for n in range(22)]
    prepare(sources, worker, folder / "set", SetInfo("test"))
    prepared = PreparedSet(folder / "set")
    write_shards(prepared, list(prepared.clips), folder / "shards", part="train", shard_bytes=1_000_000)
    return str(folder / "shards")


def same(first: list[dict[str, torch.Tensor]], second: list[dict[str, torch.Tensor]]) -> bool:
    """Whether two lists of items are equal in everything."""
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a) for a, b in zip(first, second, strict=True)
    )


class _Server(ThreadingHTTPServer):
    """Serves a folder; may know no ranges, and may end every answer early."""

    def __init__(self, folder: str, ranges: bool, most: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.ranges, self.most = Path(folder), ranges, most
        self.asked: list[tuple[str, str | None]] = []
        self.failing = 0


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
        start = int(asked[6:-1]) if asked and server.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        tar = path.suffix == ".tar"
        self.wfile.write(data[start:][: server.most if tar else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve(monkeypatch):
    """`serve(folder, ranges, most)` begins a server and returns it with its address."""
    monkeypatch.setattr(shards_stream, "PAUSE", 0.0)
    servers = []

    def begin(folder: str, ranges: bool = True, most: int | None = None) -> tuple[_Server, str]:
        servers.append(_Server(folder, ranges, most))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return servers[-1], f"http://127.0.0.1:{servers[-1].server_port}"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


class TestHTTP:
    @pytest.mark.parametrize("most", [None, 100_000])
    def test_streams_what_the_folder_holds(self, shards, serve, most):
        server, url = serve(shards, True, most)
        windows = ShardWindows(f"{url}/?key=1", CONFIG, batch_size=2, buffer=4)
        local = ShardWindows(shards, CONFIG, batch_size=2, buffer=4)
        assert same(list(windows), list(local))
        tars = [path for path, _ in server.asked if ".tar?key=1" in path]
        shard_count = len(windows.index.shards)
        assert len(set(tars)) == shard_count
        assert (len(tars) == shard_count) == (most is None)  # a shard is one request, unless it breaks
        assert any(asked for _, asked in server.asked) == (most is not None)

    def test_a_resumed_run_asks_for_the_rest_alone(self, shards, serve):
        server, url = serve(shards)
        state = {"epoch": 0, "samples": 2, "processes": 1, "workers": 1, "batch_size": 2}
        items = []
        for location in (url, shards):
            windows = ShardWindows(location, CONFIG, batch_size=2, shuffle=False)
            windows.load_state_dict(state)
            items.append(list(windows))
        assert len(items[0]) == 20
        assert same(*items)
        ranges = [asked for path, asked in server.asked if path.endswith(".tar")]
        assert ranges == [f"bytes={windows.index.shards[0].offsets[2]}-"] + [None] * (len(windows.index.shards) - 1)

    def test_without_ranges(self, shards, serve):
        server, url = serve(shards, ranges=False)
        local = ShardWindows(shards, CONFIG, batch_size=2, buffer=1, rank=1, world=2)
        assert same(list(ShardWindows(url, CONFIG, batch_size=2, buffer=1, rank=1, world=2)), list(local))
        server.most = 100_000  # broken at the same byte each time, and no way to go on from there
        with pytest.raises(
            DatasetError, match=r"train-\d+.tar: cannot be read after 5 tries \(it ended after 100000 of"
        ):
            list(ShardWindows(url, CONFIG))

    def test_servers_that_fail(self, shards, serve, tmp_path):
        shutil.copytree(shards, tmp_path / "copy")
        server, url = serve(str(tmp_path / "copy"))
        server.failing = 3
        windows = ShardWindows(url, CONFIG, shuffle=False)
        (tmp_path / "copy" / "train-000001.tar").unlink()
        with pytest.raises(DatasetError, match=r"train-000001.tar: the server answers 404"):
            list(windows)
        server.failing = 10**6
        with pytest.raises(DatasetError, match=r"train-000000.tar: cannot be read after 5 tries"):
            list(ShardWindows.__iter__(windows))
        with pytest.raises(DatasetError, match="no such index; make it with ccstereo shard"):
            ShardWindows(url, CONFIG, part="test")
