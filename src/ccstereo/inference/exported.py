"""A network as a folder that runs without PyTorch: a graph a part, and `network.json`, which says what it is.

    frames.xml, .bin     uint8 frames (N, 3, h, w), or clips, to features
    context.xml, .bin    spectrograms around windows to embeddings, for models that are conditioned on them
    windows.xml, .bin    spectrograms, features and embeddings to spectrograms
    network.json         model, sizes, target, precision, what it was made of and by, and a SHA-256 of each file

ONNX has a file `.onnx` in the place of both.
"""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ccstereo.config import ModelConfig
from ccstereo.errors import WeightsError
from ccstereo.files import write_atomic
from ccstereo.locate import NETWORK_NAME

FORMAT = 1
SUFFIXES = {"openvino": ".xml", "onnx": ".onnx"}  # of the file to open, by backend
PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime"}  # that run them
FRAMES, CONTEXT, WINDOWS = "frames", "context", "windows"


@dataclass(frozen=True)
class ExportedNetwork:
    """What `network.json` holds.

    Attributes:
        backend: "openvino" or "onnx".
        model: the architecture, as `ccstereo.list_models` names it.
        settings: its whole configuration, as its weights have it.
        precision: "float32" or "int8", of its weights.
        parts: names of its graphs.
        weights_sha256: of the file of weights that it was made of; empty of a model in memory.
        made_by: versions of the libraries.
        files: SHA-256 of every file, by name.
        scores: on the stage benchmark, where they were asked for.
    """

    backend: str
    model: str
    settings: dict[str, Any]
    precision: str
    parts: tuple[str, ...]
    weights_sha256: str = ""
    made_by: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> ModelConfig:
        """What every model has of its configuration: sizes, rates and target, but no widths."""
        names = [part.name for part in fields(ModelConfig)]
        return ModelConfig(**{name: self.settings[name] for name in names})


def is_exported(folder: str | Path) -> bool:
    """Whether a path is a folder that `ccstereo export` wrote."""
    return (Path(folder) / NETWORK_NAME).is_file()


def write_exported(network: ExportedNetwork, folder: Path) -> None:
    """Write `network.json`, the checksums of the files beside it included."""
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.name != NETWORK_NAME}
    values = asdict(network) | {"format": FORMAT, "files": files}
    write_atomic(folder / NETWORK_NAME, json.dumps(values, indent=2) + "\n")


def read_exported(folder: str | Path) -> ExportedNetwork:
    """Read `network.json`, and see that every file is as it was written.

    Raises:
        WeightsError: something is missing, damaged, or of another format.
    """
    folder = Path(folder)
    try:
        values = json.loads((folder / NETWORK_NAME).read_text())
        if values.pop("format") != FORMAT:
            raise WeightsError(f"{folder} was written by another version of ccstereo; export the weights again")
        network = ExportedNetwork(**values | {"parts": tuple(values["parts"])})
        _ = network.config
        broken = [name for name, sha256 in network.files.items() if _sha256(folder / name) != sha256]
        wanted = {part + SUFFIXES[network.backend] for part in network.parts}
        broken += sorted(wanted - set(network.files))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{folder} is no whole exported network ({error}); export the weights again") from error
    if broken:
        raise WeightsError(f"{folder}: {broken[0]} is damaged; export the weights again")
    return network


def versions(backend: str) -> dict[str, str]:
    """Versions on which a converted network depends, by library; empty of one that is not installed."""
    found = {"python": platform.python_version()}
    for package in ("ccstereo", "torch", PACKAGES[backend]):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
