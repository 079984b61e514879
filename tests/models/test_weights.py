"""Weights on disk: there and back, and what is said when they do not fit."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file

from ccstereo import locate
from ccstereo.errors import WeightsError
from ccstereo.models import SpatialModel, create_model, list_models, list_weights, load_model, save_model, weights

TINY = {
    "frame_size": (56, 112),
    "trunk": "slim",
    "trunk_channels": (4, 8, 8),
    "trunk_strides": (2, 2, 2),
    "visual_channels": 8,
    "aspp_channels": 4,
    "audio_channels": (4, 4, 4, 4, 8),
    "attention_heads": 2,
    "feedforward_channels": 8,
    "context": 0,
}


def tiny() -> SpatialModel:
    return create_model("ccstereo-lite", **TINY)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_model(tiny(), tmp_path / "weights")


def rewrite(folder: Path, **changes: torch.Tensor | None) -> None:
    state = load_file(folder / "model.safetensors")
    state.update({key: value for key, value in changes.items() if value is not None})
    state = {key: value for key, value in state.items() if not (key in changes and changes[key] is None)}
    save_file(state, folder / "model.safetensors")


@pytest.mark.parametrize("name", list_models())
def test_there_and_back(name: str, tmp_path: Path) -> None:
    model = create_model(name)
    again = load_model(save_model(model, tmp_path))
    assert (again.name, again.config, again.training) == (name, model.config, False)
    for key, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor), key


def test_half_precision_on_disk_only(tmp_path: Path) -> None:
    model = create_model("ccstereo-lite")
    folder = save_model(model, tmp_path, half=True)
    assert (folder / "model.safetensors").stat().st_size < 2.2 * sum(p.numel() for p in model.parameters())
    state = load_model(folder).state_dict()
    for key, tensor in model.state_dict().items():
        assert state[key].dtype == tensor.dtype
        torch.testing.assert_close(state[key], tensor, atol=1e-6, rtol=1e-3)


def test_loading_draws_no_random_numbers(saved: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load_model(saved)
    assert torch.equal(torch.rand(1), expected)


def test_single_file_carries_its_configuration(saved: Path) -> None:
    (saved / "config.json").unlink()
    alone = (saved / "model.safetensors").rename(saved / "best.safetensors")
    assert load_model(alone).config == tiny().config
    assert load_model(str(alone)).name == "ccstereo-lite"


def test_single_file_with_configuration_beside(saved: Path) -> None:
    rewrite(saved)  # drops the metadata
    assert load_model(saved / "model.safetensors").config == tiny().config


def test_saving_leaves_only_whole_files(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    assert set(before) == {"config.json", "model.safetensors"}

    def fail(*arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(weights, "save_file", fail)
    with pytest.raises(WeightsError, match="no space left"):
        save_model(tiny(), saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="files there have no such modes")
def test_others_may_read_what_they_may_read_elsewhere(saved: Path) -> None:
    (saved / "plain").touch()
    assert len({path.stat().st_mode for path in saved.iterdir()}) == 1


def test_diverged_weights_are_not_saved(tmp_path: Path) -> None:
    model = tiny()
    with torch.no_grad():
        model.decoder.last.bias[0] = float("nan")
    with pytest.raises(WeightsError, match=r"decoder\.last\.bias.*diverged"):
        save_model(model, tmp_path)


def test_embedded_weights(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "EMBEDDED", saved.parent)
    (saved.parent / "notes").mkdir()
    assert list_weights() == ["weights"]
    assert load_model("weights").config == tiny().config
    monkeypatch.setattr(locate, "EMBEDDED", saved.parent / "nowhere")
    assert list_weights() == []


@pytest.mark.parametrize("name", list_weights())
def test_weights_of_the_package_load(name: str) -> None:
    assert load_model(name).name in list_models()


def test_missing_unknown_and_misshapen_weights_are_named(saved: Path) -> None:
    rewrite(saved, **{"decoder.last.bias": torch.zeros(3), "decoder.last.weight": None, "more": torch.zeros(1)})
    with pytest.raises(WeightsError) as caught:
        load_model(saved)
    message = str(caught.value)
    assert "1 missing (decoder.last.weight)" in message
    assert "1 unknown (more)" in message
    assert "decoder.last.bias (3,) instead of (2,)" in message
    assert str(saved / "model.safetensors") in message


def test_damaged_file(saved: Path) -> None:
    file = saved / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    for weights_argument in (saved, file):
        with pytest.raises(WeightsError, match="damaged"):
            load_model(weights_argument)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not of the form"),
        ('{"model": "nothing"}', "no model named 'nothing'"),
        ('{"model": "ccstereo-lite", "config": {"colour": 1}}', "colour"),
        ('{"model": "ccstereo-lite", "config": {"level": "loud"}}', "not usable"),
        ('{"model": "ccstereo-lite", "config": 3}', "not usable"),
    ],
)
def test_bad_configuration(saved: Path, text: str, message: str) -> None:
    (saved / "config.json").write_text(text)
    with pytest.raises(WeightsError, match=message):
        load_model(saved)


def test_no_configuration(saved: Path) -> None:
    rewrite(saved)
    (saved / "config.json").unlink()
    with pytest.raises(WeightsError, match="no configuration inside"):
        load_model(saved)


def test_weights_not_found(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights 'ccstereo-huge'"):
        load_model("ccstereo-huge")
    with pytest.raises(WeightsError, match=r"holds no model\.safetensors"):
        load_model(tmp_path)
    (tmp_path / "best.pth").touch()
    with pytest.raises(WeightsError, match="import-checkpoint"):
        load_model(tmp_path / "best.pth")


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="cannot write"):
        save_model(tiny(), tmp_path / "file" / "weights")


def test_hub(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hf_hub_download(repository: str, filename: str, revision: str | None = None) -> str:
        asked.append((repository, filename, revision))
        if repository == "nobody/nothing":
            raise ValueError("404 not found\nmore lines")
        return str(saved / filename)

    hub = ModuleType("huggingface_hub")
    hub.hf_hub_download = hf_hub_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setattr(locate, "_resolves", lambda _: True)
    assert load_model("hf-hub:someone/stage@v1").config == tiny().config
    assert ("someone/stage", "model.safetensors", "v1") in asked
    with pytest.raises(WeightsError, match=r"cannot fetch hf-hub:nobody/nothing: 404 not found$"):
        load_model("hf-hub:nobody/nothing")


def test_without_a_network_the_hub_gives_what_it_has_at_once(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's own client tries for half a minute."""

    def hf_hub_download(repository: str, filename: str, revision: str | None, local_files_only: bool) -> str:
        assert local_files_only
        if repository == "nobody/nothing":
            raise ValueError("not in the cache")
        return str(saved / filename)

    def offline(*_: object) -> None:
        raise OSError("no network")

    hub = ModuleType("huggingface_hub")
    hub.hf_hub_download = hf_hub_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setattr(locate.socket, "getaddrinfo", offline)
    monkeypatch.setattr(locate, "getproxies", dict)
    assert load_model("hf-hub:someone/stage").config == tiny().config
    with pytest.raises(WeightsError, match="cannot fetch hf-hub:nobody/nothing: not in the cache"):
        load_model("hf-hub:nobody/nothing")


def test_hub_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match=r"pip install 'ccstereo\[hub\]'"):
        load_model("hf-hub:someone/stage")


def test_config_file_is_plain(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    assert config["model"] == "ccstereo-lite"
    assert config["config"]["trunk_strides"] == [2, 2, 2]
