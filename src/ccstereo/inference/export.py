"""A model in PyTorch becomes a folder of graphs for OpenVINO or ONNX Runtime, see `ccstereo.inference.exported`."""

import copy
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ccstereo.errors import BackendError
from ccstereo.inference.backends import Backend, open_exported
from ccstereo.inference.exported import CONTEXT, FRAMES, WINDOWS, ExportedNetwork, versions, write_exported
from ccstereo.models.base import Prediction, SpatialModel
from ccstereo.vision.transforms import normalize

TOLERANCE = 1e-3  # of the largest magnitude, by which a converted part may differ: 1e-5 is usual


@dataclass(frozen=True)
class Part:
    """One graph of a network.

    Attributes:
        module: takes and gives tensors alone.
        inputs: examples, by name; the batch comes first and may be of any size.
        lengths: of each input the other axes that may be of any size.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    lengths: dict[str, tuple[int, ...]]


class _Frames(nn.Module):
    def __init__(self, model: SpatialModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        return self.model.encode_frames(normalize(frames))


class _Context(nn.Module):
    def __init__(self, model: SpatialModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, spec: Tensor) -> Tensor:
        found = self.model.encode_context(spec)
        assert found is not None
        return found


class _Windows(nn.Module):
    def __init__(self, model: SpatialModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, spec: Tensor, features: Tensor, context: Tensor | None = None) -> Tensor:
        prediction: Prediction = self.model(spec, features, context)
        return prediction.spec


@torch.inference_mode()
def network_parts(model: SpatialModel, batch: int = 2) -> dict[str, Part]:
    """Cut a model into graphs, with examples of a batch size.

    Args:
        model: in evaluation mode, on the CPU, in float32.
        batch: N of the examples.
    """
    config = model.config
    draw = torch.Generator().manual_seed(batch)
    clip = (config.clip_frames,) if config.clip_frames > 1 else ()
    frames = torch.randint(0, 256, (batch, *clip, 3, *config.frame_size), generator=draw, dtype=torch.uint8)
    bins, length = config.spectrogram_size
    spec = torch.randn(batch, 2, bins, length, generator=draw)
    windows = {"spec": spec, "features": model.encode_frames(normalize(frames))}
    parts = {FRAMES: Part(_Frames(model).eval(), {"frames": frames}, {})}
    if config.context:
        around = torch.randn(batch, 2, bins, config.stft.frames(config.context) + batch, generator=draw)
        embedding = model.encode_context(around)
        if embedding is not None:
            windows["context"] = embedding
            parts[CONTEXT] = Part(_Context(model).eval(), {"spec": around}, {"spec": (3,)})
    parts[WINDOWS] = Part(_Windows(model).eval(), windows, {})
    return parts


def export_network(model: SpatialModel, folder: Path, backend: str, *, weights_sha256: str = "") -> ExportedNetwork:
    """Write a model as graphs of float32 into a folder, and see that they compute what the model does.

    Args:
        model: any; it stays as it is.
        folder: made if missing.
        backend: "openvino" or "onnx", which opens them.
        weights_sha256: of the file that the model was loaded from.

    Raises:
        BackendError: the package is missing, the network cannot be converted, or what came out computes something else.
    """
    copied = copy.deepcopy(model).to("cpu", torch.float32).eval().requires_grad_(False)
    folder.mkdir(parents=True, exist_ok=True)
    parts = network_parts(copied)
    write = _write_openvino if backend == "openvino" else _write_onnx
    for name, part in parts.items():
        try:
            with torch.no_grad(), _quiet():
                write(part, folder / name)
        except (ImportError, BackendError):
            raise
        except Exception as error:  # converters raise whatever they meet
            raise BackendError(
                f"{model.name}: its {name} cannot be converted for {backend} ({_line(error)})"
            ) from error
    network = ExportedNetwork(
        backend=backend,
        model=model.name,
        settings=model.config.to_dict(),
        precision="float32",
        parts=tuple(parts),
        weights_sha256=weights_sha256,
        made_by=versions(backend),
    )
    write_exported(network, folder)
    check_same(copied, folder)
    return network


def check_same(model: SpatialModel, folder: Path) -> None:
    """Run an exported network beside the model, on a batch of another size.

    Raises:
        BackendError: they differ by more than `TOLERANCE`.
    """
    backend = open_exported(folder)
    for name, part in network_parts(model, batch=3).items():
        with torch.inference_mode():
            wanted = part.module(*part.inputs.values())
        try:
            found = torch.from_numpy(_run(backend, name, part))
        except Exception as error:  # a size that was taken for a constant, say
            raise BackendError(f"{model.name}: its {name} does not run in {backend.name} ({_line(error)})") from error
        difference = float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-6))
        if not difference <= TOLERANCE:
            raise BackendError(
                f"{model.name}: its {name} computes something else in {backend.name}, by {difference:.1%} of the "
                "largest value"
            )


def _run(backend: Backend, name: str, part: Part) -> Any:
    spec, *others = (tensor.numpy() for tensor in part.inputs.values())
    if name == FRAMES:
        return backend.encode_frames(spec)
    if name == CONTEXT:
        return backend.encode_context(spec)
    return backend.predict(spec, others[0], others[1] if len(others) > 1 else None)


def _write_openvino(part: Part, path: Path) -> None:
    from ccstereo.inference.backends.openvino import import_openvino

    openvino = import_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    decoder = TorchScriptPythonDecoder(part.module, example_input=tuple(part.inputs.values()))
    frontend = FrontEndManager().load_by_framework("pytorch")
    graph = frontend.convert(frontend.load(decoder))
    for node, (name, example) in zip(graph.inputs, part.inputs.items(), strict=True):
        free = (0, *part.lengths.get(name, ()))
        shape = openvino.PartialShape([-1 if axis in free else size for axis, size in enumerate(example.shape)])
        node.node.set_partial_shape(shape)
        node.node.set_element_type(openvino.Type.u8 if example.dtype == torch.uint8 else openvino.Type.f32)
        node.get_tensor().set_names({name})
    graph.validate_nodes_and_infer_types()
    openvino.save_model(graph, path.with_suffix(".xml"), compress_to_fp16=False)


def _write_onnx(part: Part, path: Path) -> None:
    if find_spec("onnx") is None:  # which ONNX Runtime runs without
        raise BackendError("a network is converted for onnx by the package onnx: pip install 'ccstereo[onnx]'")
    try:
        _export_onnx(part, path, batched=True)
    except Exception:  # some operators are known for whole shapes alone: such a graph takes one item at a time
        _export_onnx(part, path, batched=False)


def _export_onnx(part: Part, path: Path, *, batched: bool) -> None:
    axes = {name: {axis: f"length{axis}" for axis in part.lengths.get(name, ())} for name in (*part.inputs, "found")}
    if batched:
        axes = {name: {0: "batch"} | free for name, free in axes.items()}
    torch.onnx.export(
        part.module,
        tuple(tensor if batched else tensor[:1] for tensor in part.inputs.values()),
        path.with_suffix(".onnx"),
        input_names=list(part.inputs),
        output_names=["found"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,  # the newer exporter needs packages that nothing else here does
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing warns of every shape that Python looks at, which do not change, and prints the graph that it fails at."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:200]
