"""From weights to what runs them, by the quickest way that is installed."""

import platform
import shutil
import tempfile
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from ccstereo.errors import BackendError
from ccstereo.inference.backends import Backend, check_names, open_exported
from ccstereo.inference.cache import cached_network, code_digest, model_sources
from ccstereo.inference.device import choose_device
from ccstereo.inference.exported import PACKAGES, is_exported, read_exported, versions
from ccstereo.locate import locate, read_config, weights_sha256

if TYPE_CHECKING:
    from ccstereo.models.base import SpatialModel

X86 = ("x86_64", "amd64")
Tell = Callable[[str], None]


def load_backend(
    weights: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str | None = None,
    tell: Tell | None = None,
) -> Backend:
    """Load weights into what runs them.

    On a processor, "auto" is OpenVINO on x86 and ONNX Runtime elsewhere, where they are installed, and PyTorch
    otherwise. The converted network is kept, see `ccstereo.inference.cache`; from then on PyTorch is not loaded.

    Args:
        weights: as `ccstereo.load_model` takes them, or a folder that `ccstereo export` wrote, which is run by what it
            was written for.
        backend: of `BACKENDS`.
        device: torch's name, or "auto": CUDA, then MPS if the network runs on it, else the CPU.
        precision: "float32", "bfloat16" or "float16"; None is float16 on CUDA, else float32.
        tell: called with a line for people, of what takes long or is done in another way than by default.

    Raises:
        WeightsError: the weights are not found or damaged.
        BackendError: the device or the package is missing, or the network cannot be converted for the backend that was
            asked for; "auto" takes PyTorch then.
        ValueError: there is no such backend or precision.
    """
    check_names(backend, precision)
    tell = tell or _silent
    if is_exported(weights):
        return _open_given(weights, backend, device, precision)
    wish = choose_device(device)
    if backend in PACKAGES:
        if wish != "cpu" and device != "auto":
            raise BackendError(
                f"the backend {backend} runs on the CPU; leave out the device, or take the backend torch"
            )
        return _open_cached(weights, backend, precision or "float32", tell)
    if backend == "auto" and wish == "cpu" and (quick := quickest_backend(precision)):
        try:
            return _open_cached(weights, quick, precision or "float32", tell)
        except BackendError as error:
            tell(f"PyTorch runs this network, slower than {quick}: {error}")
    return _load_torch(weights, wish, device == "auto", precision, tell)


def make_backend(model: "SpatialModel", backend: str = "auto", precision: str | None = None) -> Backend:
    """Choose what runs a model in memory.

    Args:
        model: any model; it stays as it is.
        backend: of `BACKENDS`. "auto" is PyTorch: the others convert the network first, which takes some ten seconds,
            and what `load_backend` has converted is kept.
        precision: "float32", "bfloat16" or "float16"; None is float16 on CUDA, else float32.

    Raises:
        ValueError: there is no such backend or precision.
        BackendError: the package is missing, or the network cannot be converted.
    """
    check_names(backend, precision)
    if backend in ("auto", "torch"):
        from ccstereo.inference.backends.pytorch import TorchBackend

        return TorchBackend(model, precision)
    _need(backend)
    from ccstereo.inference.export import export_network

    folder = tempfile.mkdtemp(prefix="ccstereo-")
    try:
        export_network(model, Path(folder), backend)
        made = open_exported(folder, precision or "float32")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def as_backend(model: Union["SpatialModel", Backend]) -> Backend:
    """A backend as it is, a model in PyTorch."""
    given: Any = model  # whether it is a model cannot be asked without torch
    return make_backend(given) if hasattr(given, "parameters") else given


def quickest_backend(precision: str | None) -> str | None:
    """The backend of this processor that is installed, if it has the precision."""
    machine = platform.machine().lower()
    wanted = "openvino" if machine in X86 else "onnx"
    known = (None, "float32", "bfloat16") if wanted == "openvino" else (None, "float32")
    return wanted if precision in known and find_spec(PACKAGES[wanted]) is not None else None


def _need(backend: str) -> None:
    if find_spec(PACKAGES[backend]) is None:
        extra = {"openvino": "fast", "onnx": "onnx"}[backend]
        raise BackendError(f"the backend {backend} needs its package: pip install 'ccstereo[{extra}]'")


def _open_given(weights: str | Path, backend: str, device: str, precision: str | None) -> Backend:
    made_for = read_exported(weights).backend
    if backend not in ("auto", made_for):
        raise BackendError(f"{weights} was exported for {made_for}; leave out the backend {backend}")
    if device not in ("auto", "cpu"):
        raise BackendError(
            f"{weights} was exported for {made_for}, which runs on the CPU; leave out the device {device}"
        )
    return open_exported(weights, precision or "float32")


def _open_cached(weights: str | Path, backend: str, precision: str, tell: Tell) -> Backend:
    _need(backend)
    file = locate(weights)
    config = read_config(file, prefer_inside=Path(weights) == file)
    sha256 = weights_sha256(file)

    def make(folder: Path) -> None:
        from ccstereo.inference.export import export_network
        from ccstereo.models import load_model

        model = load_model(weights)
        tell(f"the network is converted for {backend} once, which takes some seconds")
        export_network(model, folder, backend, weights_sha256=sha256)

    facts = {
        "backend": backend,
        "config": config,
        "weights": sha256,
        "versions": versions(backend),
        "code": code_digest(*model_sources(config["model"]), Path(__file__).with_name("export.py")),
    }
    return open_exported(cached_network(facts, make), precision, keep=True)


def _load_torch(weights: str | Path, device: str, any_device: bool, precision: str | None, tell: Tell) -> Backend:
    from ccstereo.inference.backends.pytorch import TorchBackend, try_backend
    from ccstereo.models import load_model

    if device == "mps" and any_device:
        try:
            found = TorchBackend(load_model(weights, device=device), precision)
            try_backend(found)
        except (RuntimeError, NotImplementedError) as error:
            tell(f"the CPU runs this network: MPS cannot ({(str(error).splitlines() or [''])[0]})")
            device = "cpu"
        else:
            return found
    return TorchBackend(load_model(weights, device=device), precision)


def _silent(_: str) -> None:
    pass
