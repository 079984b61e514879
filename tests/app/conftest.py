"""A server of the page, and small videos of every kind."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("gradio")
pytest.importorskip("matplotlib")

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.app.service import Limits, Service
from ccstereo.app.workspace import Workspace
from ccstereo.models import save_model


@pytest.fixture(scope="session")
def weights(lite, tmp_path_factory) -> Path:
    """A folder of random weights."""
    return save_model(lite, tmp_path_factory.mktemp("weights") / "random")


@pytest.fixture
def service(weights, tmp_path) -> Iterator[Service]:
    """What the page does, in a folder of its own."""
    workspace = Workspace(tmp_path)
    service = Service(workspace, Limits(megabytes=5, seconds=30, files=3), [str(weights)])
    yield service
    service.close()
    assert not workspace.root.exists()


@pytest.fixture(scope="session")
def make_video(tmp_path_factory):
    """`make_video(name, codec, seconds, size)`: a moving pattern with noise, whose sound and frames differ by time."""
    folder = tmp_path_factory.mktemp("videos")

    def make(name: str, codec: str = "libx264", seconds: float = 2.0, size: tuple[int, int] = (96, 160)) -> Path:
        path = folder / name
        rng = np.random.default_rng(0)
        with av.open(str(path), "w") as container:
            video = container.add_stream(codec, rate=10)
            video.height, video.width = size
            video.pix_fmt = "yuv420p"
            if codec == "libx265":
                video.options = {"x265-params": "log-level=none"}
            sound = container.add_stream("aac", rate=48_000, layout="mono")
            for index in range(round(10 * seconds)):
                frame = np.full((*size, 3), 40, np.uint8)
                frame[20:60, 4 * index % 100 : 4 * index % 100 + 40] = rng.integers(0, 256, 3)
                container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(video.encode(None))
            noise = (0.1 * rng.standard_normal((1, round(48_000 * seconds)))).astype(np.float32)
            for start in range(0, noise.shape[1], 1024):
                block = av.AudioFrame.from_ndarray(noise[:, start : start + 1024], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = 48_000, start, Fraction(1, 48_000)
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
        return path

    return make


@dataclass
class Server:
    """A running `ccstereo app`: its address, the folder of its files, and all that it printed."""

    address: str
    folder: Path
    lines: list[str]

    def files(self) -> set[str]:
        """Files that are there now, without their tokens."""
        (root,) = self.folder.glob("ccstereo-app-*")
        return {path.name for path in root.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.fixture(scope="session")
def start_server(weights, tmp_path_factory):
    """`start_server(*options)`: a server that ends with the tests."""
    running = []

    def start(*options: str) -> Server:
        folder = tmp_path_factory.mktemp("temporary")
        command = [sys.executable, "-m", "ccstereo", "app", "--port", "0", "--weights", str(weights), *options]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if found := re.match(r"(http://\S+)", line):
                reader = threading.Thread(target=lambda: lines.extend(process.stdout))
                reader.start()
                running.append((process, folder, reader))
                return Server(found[1], folder, lines)
        process.wait()
        process.stdout.close()
        raise AssertionError("".join(lines))

    yield start
    for process, folder, reader in running:
        process.terminate()
        assert process.wait(60) == 143
        reader.join()
        process.stdout.close()
        assert not list(folder.glob("ccstereo-app-*"))


@pytest.fixture(scope="session")
def server(start_server) -> Server:
    """A server with small limits, whose second weights are the package's, which take longer."""
    return start_server(DEFAULT_WEIGHTS, "--max-seconds", "30", "--max-megabytes", "5", "--max-files", "3")


def playwright_error() -> type[Exception]:
    from playwright.sync_api import Error

    return Error


@pytest.fixture
def page(browser, server):
    """The page, opened; it fails where a request leaves this machine, a script fails, or a folder of it is shown."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    asked, errors, bodies = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    page.on(
        "response", lambda answer: bodies.append(answer) if "json" in answer.headers.get("content-type", "") else None
    )
    page.goto(server.address)
    page.get_by_text("Drop a video here").wait_for(timeout=60_000)
    yield page
    shown = page.content()
    for answer in bodies:
        with suppress(playwright_error()):  # the browser keeps not all that it was given
            shown += answer.text()
    page.close()
    assert not [address for address in asked if not address.startswith((server.address, "data:", "blob:"))]
    assert not errors
    assert str(server.folder) not in shown
