"""Backends: fusing norms changes the speed alone, a caller's model stays as it is."""

import numpy as np
import pytest
import torch
from torch import nn

from ccstereo import Binauralizer
from ccstereo.errors import BackendError
from ccstereo.inference import TorchBackend, device, fused_for_inference, make_backend, precision_pays
from ccstereo.inference.backends import precision
from ccstereo.models import create_model

SLIM = {"frame_size": (56, 112), "trunk": "slim", "trunk_channels": (8, 16), "trunk_strides": (4, 4)}


@pytest.mark.parametrize("options", [SLIM, {"frame_size": (64, 128)}])
def test_fused_network_computes_the_same(options: dict[str, object]) -> None:
    torch.manual_seed(4)
    model = create_model("ccstereo-lite", **options).eval()
    for norm in (part for part in model.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.running_mean.uniform_(-0.1, 0.1)  # fresh statistics would hide a norm that was left out
        norm.running_var.uniform_(0.5, 2.0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fused = fused_for_inference(model)
    frames = torch.randn(2, 3, *model.config.frame_size)
    with torch.inference_mode():
        expected, found = model.encode_frames(frames), fused.encode_frames(frames)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.std()))
    assert not any(isinstance(part, nn.BatchNorm2d) for part in fused.visual.trunk.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_callers_model_stays_as_it_is() -> None:
    model = create_model("ccstereo-lite", **SLIM).train()
    backend = TorchBackend(model)
    assert all(part.training for part in model.modules())
    assert all(weight.requires_grad for weight in model.parameters())
    frames = np.zeros((1, 3, 56, 112), np.uint8)
    before = backend.encode_frames(frames)
    with torch.no_grad():
        model.visual.head.norm.bias += 1
    np.testing.assert_array_equal(backend.encode_frames(frames), before)


def test_unknown_names_are_refused() -> None:
    model = create_model("ccstereo-lite", **SLIM)
    with pytest.raises(ValueError, match="float8"):
        TorchBackend(model, "float8")
    with pytest.raises(ValueError, match="no backend 'magic'"):
        make_backend(model, "magic")


@pytest.mark.parametrize(
    ("machine", "capability", "pays"),
    [("x86_64", "AVX2", False), ("AMD64", "DEFAULT", False), ("x86_64", "AVX512", True), ("arm64", "DEFAULT", True)],
)
def test_only_x86_without_avx512_imitates_16_bits(monkeypatch, machine: str, capability: str, pays: bool) -> None:
    monkeypatch.setattr(precision.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert precision_pays("bfloat16", "cpu") == pays
    assert precision_pays("float32", "cpu")
    assert precision_pays("bfloat16", "cuda:0")
    model = create_model("ccstereo-lite", **SLIM)
    if pays:
        TorchBackend(model, "bfloat16")
    else:
        with pytest.warns(UserWarning, match="many times slower in bfloat16"):
            TorchBackend(model, "bfloat16")


def test_weights_in_half_precision_predict() -> None:
    """Features and context come back as float32, whatever the network computes in."""
    model = create_model("ccstereo-lite", **(SLIM | {"resize": (60, 120), "context": 40_800})).half()
    frames = np.zeros((5, 60, 120, 3), np.uint8)
    sound = Binauralizer(model).binauralize(np.full(8_000, 0.1, np.float32), 16_000, frames, 10.0)
    assert np.isfinite(sound).all()


class _Small(nn.Module):
    """A network on a device with room for so many items at once."""

    def __init__(self, model: nn.Module, room: int) -> None:
        super().__init__()
        self.model, self.room, self.sizes = model, room, []
        self.dtype, self.config = torch.float32, model.config

    def encode_frames(self, frames: torch.Tensor) -> torch.Tensor:
        self.check(frames)
        return self.model.encode_frames(frames)

    def forward(self, spec: torch.Tensor, *others: torch.Tensor) -> object:
        self.check(spec)
        return self.model(spec, *others)

    def check(self, batch: torch.Tensor) -> None:
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")


def test_where_memory_runs_out_smaller_batches_are_computed_and_said_once() -> None:
    torch.manual_seed(0)
    model = create_model("ccstereo-lite", **SLIM).eval()
    backend, whole = TorchBackend(model), TorchBackend(model)
    backend._network = small = _Small(whole._network, room=3)
    rng = np.random.default_rng(0)
    spec = rng.standard_normal((10, 2, *model.config.spectrogram_size)).astype(np.float32)
    features = rng.standard_normal((10, *model.feature_shape)).astype(np.float32)
    context = rng.standard_normal((10, 128)).astype(np.float32)
    with pytest.warns(UserWarning, match="smaller batches are computed") as told:
        found = backend.predict(spec, features, context)
    backend.predict(spec, features, context)
    assert len(told) == 1
    np.testing.assert_allclose(found, whole.predict(spec, features, context), atol=1e-5)
    assert small.sizes == [10, 5, *[2] * 5, *[2] * 5]  # the size that fits is kept
    small.room = 0
    with pytest.raises(BackendError, match="the memory of cpu is too small"):
        backend.predict(spec, features, context)


def test_a_device_that_is_not_there_is_one_line() -> None:
    for name, said in (("cuda:99", "not available here .* leave it out"), ("nonsense", "unknown; there are auto, cpu")):
        with pytest.raises(BackendError, match=f"^device {name}: {said}") as found:
            Binauralizer.from_pretrained(device=name)
        assert "\n" not in str(found.value)


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_the_best_device(monkeypatch, cuda: bool, mps: bool, chosen: str) -> None:
    monkeypatch.setattr(device, "_may_have_accelerator", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert device.choose_device("auto") == chosen
    monkeypatch.setattr(device, "_may_have_accelerator", lambda: False)
    assert device.choose_device("auto") == "cpu"


def test_what_mps_cannot_run_the_cpu_does(monkeypatch) -> None:
    from ccstereo.inference import load
    from ccstereo.inference.backends import pytorch

    def fail(_: object) -> None:
        raise NotImplementedError("aten::something is not implemented for MPS")

    monkeypatch.setattr(load, "choose_device", lambda _: "mps")
    monkeypatch.setattr(pytorch, "try_backend", fail)
    loaded = load._load_torch
    monkeypatch.setattr("ccstereo.models.load_model", lambda *_, **_named: create_model("ccstereo-lite", **SLIM))
    lines: list[str] = []
    assert loaded("any", "mps", True, None, lines.append).device == "cpu"
    assert lines == ["the CPU runs this network: MPS cannot (aten::something is not implemented for MPS)"]
