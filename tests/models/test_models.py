"""What every registered model keeps, and what is particular to one."""

import copy
import json
import sys

import pytest
import torch

import tiny_models  # noqa: F401 - whose models are registered, too
from ccstereo import DEFAULT_WEIGHTS
from ccstereo.models import (
    CCStereoConfig,
    LiteConfig,
    Mono2BinauralConfig,
    SpatialModel,
    create_model,
    list_models,
    load_model,
)
from ccstereo.models.config import ModelConfig
from ccstereo.models.parts.resnet import ResNet18Trunk
from ccstereo.models.registry import register_model
from small import SMALL

PARAMETERS = {
    "after-parida2022": 22_967_557,
    "morgado2018": 36_860_803,
    "apnet": 35_536_976,
    "assoconv": 34_301_854,
    "ccstereo": 17_555_426,
    "ccstereo-lite": 9_712_962,
    "mono2binaural": 34_262_746,
    "mono2binaural-lite": 5_611_706,
    "sagm": 24_261_514,
}


@pytest.fixture(scope="module", params=list_models())
def model(request: pytest.FixtureRequest) -> SpatialModel:
    torch.manual_seed(0)
    return create_model(request.param).eval()


def inputs(model: SpatialModel, batch: int = 2, frames: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    bins, length = model.config.spectrogram_size
    clip = (model.config.clip_frames,) if model.config.clip_frames > 1 else ()
    return torch.randn(batch, 2, bins, frames or length), torch.randn(batch, *clip, 3, *model.config.frame_size)


def test_contract(model: SpatialModel) -> None:
    mix_spec, frames = inputs(model)
    with torch.inference_mode():
        features = model.encode_frames(frames)
        output = model(mix_spec, features)
    assert tuple(features.shape) == (2, *model.feature_shape)
    channels = len(model.target.predicted)
    assert tuple(output.spec.shape) == tuple(output.mask.shape) == (2, channels, *mix_spec.shape[1:])
    assert output.mask.abs().max() <= getattr(model.config, "mask_bound", 1.0)
    if "fused" in output.aux:
        assert output.aux["fused"].shape[-2:] == output.aux["audio_features"].shape[-2:] == (8, 2)
    mask, mix = torch.complex(*output.mask.unbind(2)), torch.complex(*mix_spec.unbind(1))[:, None]
    torch.testing.assert_close(output.spec, torch.view_as_real(mask * mix).movedim(-1, 2), atol=1e-5, rtol=1e-5)
    if model.target.has_ears:
        left, right = model.target.decode(mix_spec, output.spec, dim=-4).unbind(1)
        torch.testing.assert_close(output.diff_spec, left - right)
    else:
        with pytest.raises(ValueError, match="no ears"):
            _ = output.diff_spec


def test_items_of_a_batch_do_not_touch(model: SpatialModel) -> None:
    mix_spec, frames = inputs(model)
    with torch.inference_mode():
        together = model(mix_spec, model.encode_frames(frames)).mask
        alone = torch.cat(
            [model(m[None], model.encode_frames(f[None])).mask for m, f in zip(mix_spec, frames, strict=True)]
        )
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_another_window_length(model: SpatialModel) -> None:
    mix_spec, frames = inputs(model, batch=1, frames=101)
    with torch.inference_mode():
        assert model(mix_spec, model.encode_frames(frames)).spec.shape[2:] == mix_spec.shape[1:]


def test_every_weight_is_used(model: SpatialModel) -> None:
    mix_spec, frames = inputs(model)
    model = copy.deepcopy(model).train()  # in which mode all that is trained is run
    prediction = model(mix_spec, model.encode_frames(frames))
    own = [
        value for name, value in prediction.aux.items() if name.endswith("_spec")
    ]  # what training supervises besides
    sum(spec.square().mean() for spec in (prediction.spec, *own)).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_the_frame_matters(model: SpatialModel) -> None:
    mix_spec, frames = inputs(model)
    with torch.inference_mode():
        first = model(mix_spec, model.encode_frames(frames)).mask
        second = model(mix_spec, model.encode_frames(frames.flip(-1))).mask
    assert not torch.equal(first, second)


def test_config_round_trip(model: SpatialModel) -> None:
    values = json.loads(json.dumps(model.config.to_dict()))
    again = type(model.config).from_dict(values)
    assert again == model.config
    assert hash(again) == hash(model.config)
    assert create_model(model.name, **values).config == model.config


def test_wrong_shapes_are_named(model: SpatialModel) -> None:
    mix_spec, frames = inputs(model, batch=1)
    with pytest.raises(ValueError, match="expected frames"):
        model.encode_frames(frames[..., :-1])
    features = torch.zeros(1, *model.feature_shape)
    if model.least_frames > 1:
        with pytest.raises(ValueError, match="expected a spectrogram"):
            model(mix_spec[..., : model.least_frames - 1], features)
    with pytest.raises(ValueError, match="expected a spectrogram"):
        model(mix_spec[:, :, :-1], features)
    with pytest.raises(ValueError, match="expected features"):
        model(mix_spec, features[..., :-1])


def test_unknown_key_lists_the_known_ones(model: SpatialModel) -> None:
    with pytest.raises(ValueError, match=r"widht.*known are .*sample_rate, window"):
        create_model(model.name, widht=3)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameter_count(name: str) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in create_model(name).parameters()) == PARAMETERS[name]


def test_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="ccstereo, ccstereo-lite"):
        create_model("ccstero")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="registered already"):
        register_model("ccstereo")(create_model)


@pytest.mark.parametrize("levels", [(), (0,), (1, 3)])
def test_avad_levels(levels: tuple[int, ...]) -> None:
    model = create_model("ccstereo-lite", avad_levels=levels).eval()
    mix_spec, frames = inputs(model, batch=1)
    with torch.inference_mode():
        relevance = model(mix_spec, model.encode_frames(frames)).relevance
    assert [tuple(found.shape) for found in relevance] == [(1, 98, 16 << level, 4 << level) for level in levels]
    assert all(found.abs().max() <= 1 + 1e-5 for found in relevance)


def test_fusing_again_equals_the_forward_pass() -> None:
    model = create_model("ccstereo-lite").eval()
    mix_spec, frames = inputs(model)
    with torch.inference_mode():
        features = model.encode_frames(frames)
        output = model(mix_spec, features)
        torch.testing.assert_close(model.fuse(output.aux["audio_features"], features), output.aux["fused"])


def test_mono2binaural_keeps_all_bins() -> None:
    model = create_model("mono2binaural").eval()
    legacy = create_model("mono2binaural", legacy_bins=True).eval()
    legacy.load_state_dict(model.state_dict())
    mix_spec, _ = inputs(model, batch=1)
    features = torch.rand(1, *model.feature_shape)
    with torch.inference_mode():
        full, published = model(mix_spec, features), legacy(mix_spec, features)
    assert published.diff_spec.shape == (1, 2, 256, 64)
    assert torch.equal(full.mask[:, :, :, :256], published.mask)
    assert not full.mask[:, :, :, 256].any()


def test_trunk_has_torchvisions_names() -> None:
    keys = list(ResNet18Trunk().state_dict())
    assert len(keys) == 120
    assert keys[:2] == ["conv1.weight", "bn1.weight"]
    assert {"layer1.0.conv1.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias"} <= set(keys)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trunk": "vgg"}, "resnet18-dilated"),
        ({"trunk": "slim"}, "trunk_channels"),
        ({"trunk_channels": (8,), "trunk_strides": (2,)}, "belong to trunk 'slim'"),
        ({"trunk": "slim", "trunk_channels": (8, 8), "trunk_strides": (2,)}, "differ in length"),
        ({"trunk": "slim", "trunk_channels": (8, -8), "trunk_strides": (2, 2)}, "trunk_channels must be positive"),
        ({"visual_channels": 64}, "visual_channels"),
        ({"attention_heads": 7}, "attention_heads"),
        ({"attention_heads": 0}, "attention_heads must be positive"),
        ({"avad_levels": (4,)}, r"0\.\.3"),
        ({"avad_levels": (0, 0)}, "avad_levels"),
        ({"audio_channels": (128,)}, "two levels"),
        ({"window": 1600}, "halvings"),
        ({"frame_size": (256, 448)}, "cropped"),
        ({"frame_size": (224,)}, "height, width"),
        ({"win_length": 1024}, "n_fft"),
        ({"rms": 0.0}, "rms must be positive"),
        ({"target": "stereo"}, "mid-side, left-right, foa"),
        ({"clip_frames": 0}, "clip_frames must be positive"),
    ],
)
def test_bad_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CCStereoConfig.from_dict(values)


@pytest.mark.parametrize("values", [{"squeezed_channels": 0}, {"audio_channels": (8,)}, {"window": 1600}])
def test_bad_values_of_mono2binaural(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"squeezed_channels must be positive|levels|halvings"):
        Mono2BinauralConfig.from_dict(values)


def test_lists_become_tuples() -> None:
    assert ModelConfig(resize=[240, 480]).resize == (240, 480)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"audio_blocks": (1, 1)}, "audio_blocks"),
        ({"audio_blocks": (0, 0, 0, 0, -1)}, "audio_blocks"),
        ({"decoder_blocks": (1,)}, "decoder_blocks"),
        ({"mask_bound": 0.0}, "mask_bound"),
    ],
)
def test_bad_values_of_lite(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LiteConfig.from_dict(values)


def test_defaults_of_lite_are_those_of_the_weights_in_the_package() -> None:
    assert load_model(DEFAULT_WEIGHTS).config == create_model("ccstereo-lite").config


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision(dtype: torch.dtype) -> None:
    model = create_model("ccstereo-lite", **(SMALL | {"context": 40_800})).eval().to(dtype)
    mix_spec, frames = inputs(model)
    with torch.inference_mode():
        around = model.encode_context(torch.randn(2, 2, 257, 200))
        found = model(mix_spec, model.encode_frames(frames), around).spec
    assert found.isfinite().all()


def conditioned() -> SpatialModel:
    """A small network that heeds its context, as one does that was trained."""
    torch.manual_seed(0)
    network = create_model("ccstereo-lite", **(SMALL | {"context": 40_800})).eval()
    for film in network.film:
        torch.nn.init.normal_(film.weight, 0.0, 0.1)
    return network


def test_a_context_conditions() -> None:
    """Any length of it, the window itself without one, its mask's size the window's."""
    network = conditioned()
    mix_spec, frames = inputs(network)
    with torch.inference_mode():
        features = network.encode_frames(frames)
        alone = network(mix_spec, features)
        torch.testing.assert_close(network(mix_spec, features, network.encode_context(mix_spec)).mask, alone.mask)
        assert alone.aux["context"].shape == (2, 128)
        around = [torch.randn(2, 2, 257, length) for length in (64, 101, 256)]
        masks = [network(mix_spec, features, network.encode_context(spec)).mask for spec in around]
    for mask in masks:
        assert mask.shape == (2, 1, *mix_spec.shape[1:])
        assert (mask - alone.mask).abs().mean() > 1e-3


def test_a_context_changes_its_own_window_alone() -> None:
    network = conditioned()
    mix_spec, frames = inputs(network)
    around = torch.randn(2, 2, 257, 256)
    with torch.inference_mode():
        features = network.encode_frames(frames)
        contexts = [network.encode_context(torch.stack([around[0], other])) for other in around]
        before, after = (network(mix_spec, features, context).mask for context in contexts)
    torch.testing.assert_close(before[0], after[0], atol=1e-5, rtol=1e-4)
    assert (before[1] - after[1]).abs().mean() > 1e-3


@pytest.mark.parametrize("name", ["ccstereo-lite", "mono2binaural"])
def test_who_takes_windows_alone_says_so(name: str) -> None:
    network = create_model(name, **(SMALL if name == "ccstereo-lite" else {}))
    assert network.encode_context(torch.zeros(1, 2, 257, 256)) is None
    mix_spec, frames = inputs(network)
    with pytest.raises(ValueError, match=f"this {name} takes windows alone"):
        network(mix_spec, network.encode_frames(frames), torch.zeros(2, 128))


def test_a_context_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="context of 10000 samples is less than a window of 10080"):
        LiteConfig(context=10_000)


class FakeTimm:
    """What `timm` gives of a network made with `features_only`."""

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 6, 3, 16, 1)
            torch.nn.init.constant_(self.conv.weight, 0.5)
            self.feature_info = type("Info", (), {"channels": lambda _: [6], "reduction": lambda _: [16]})()

        def forward(self, frames: torch.Tensor) -> list[torch.Tensor]:
            return [self.conv(frames)]

    @staticmethod
    def create_model(name: str, *, pretrained: bool, features_only: bool, out_indices: tuple[int, ...]):
        if name != "tiny":
            raise RuntimeError(f"Unknown model ({name})")
        assert not pretrained
        assert features_only
        assert out_indices == (-1,)
        return FakeTimm.Network()


def test_trunks_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", FakeTimm)
    values = SMALL | {"trunk": "timm:tiny", "trunk_channels": (), "trunk_strides": ()}
    model = create_model("ccstereo-lite", **values).eval()
    assert model.feature_shape == (32, 7, 14)
    assert (model.visual.trunk.network.conv.weight == 0.5).all()  # keeps what timm has drawn
    assert model.encode_frames(torch.zeros(1, 3, 112, 224)).shape == (1, 32, 7, 14)
    with pytest.raises(ValueError, match="timm cannot build it"):
        create_model("ccstereo-lite", trunk="timm:nothing")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"pip install 'ccstereo\[timm\]'"):
        create_model("ccstereo-lite", trunk="timm:other")
