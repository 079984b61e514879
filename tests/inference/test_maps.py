"""Maps over the frame: what they hold, and that taking them changes nothing."""

import numpy as np
import pytest
import torch

from ccstereo.inference.maps import activation_maps
from ccstereo.models import create_model


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (20, 60, 120, 3), dtype=np.uint8)
    return torch.from_numpy(0.1 * rng.standard_normal(32_000)).float(), frames


def test_attention_is_a_distribution_and_relevance_a_cosine(lite, inputs) -> None:
    maps = activation_maps(lite, *inputs, [0.2, 1.0, 1.9])
    assert set(maps) == {"relevance", "attention"}
    height, width = lite.feature_shape[1:]
    for found in maps.values():
        assert found.shape == (3, height, width)
    assert (maps["attention"] >= 0).all()
    np.testing.assert_allclose(maps["attention"].sum((1, 2)), 1, rtol=1e-4)
    assert np.abs(maps["relevance"]).max() <= 1
    assert np.ptp(maps["relevance"]) > 0


def test_relevance_is_the_weighted_mean_of_what_the_model_gives(lite, inputs) -> None:
    """Of a constant map the mean is the constant, whatever the sound."""
    mono, frames = inputs
    original = lite.forward

    def constant(spec, features, context=None):
        prediction = original(spec, features, context)
        cells = torch.arange(features.shape[-2] * features.shape[-1], dtype=torch.float32)
        prediction.aux["relevance.0"] = cells[None, :, None, None].expand(1, -1, 16, 4)
        prediction.aux = {"relevance.0": prediction.aux["relevance.0"]}
        return prediction

    lite.forward = constant
    try:
        found = activation_maps(lite, mono, frames, [1.0])["relevance"]
    finally:
        del lite.forward
    np.testing.assert_allclose(found.ravel(), np.arange(found.size), rtol=1e-5, atol=1e-5)


def test_the_model_predicts_as_before(lite, inputs) -> None:
    spec, features = torch.randn(1, 2, 257, 64), torch.randn(1, *lite.feature_shape)
    with torch.inference_mode():
        before = lite(spec, features).spec
        activation_maps(lite, *inputs, [1.0])
        after = lite(spec, features).spec
    assert torch.equal(before, after)
    assert not lite.fusion._forward_pre_hooks
    assert not lite.fusion.cross_attention._forward_hooks


def test_models_without_maps_give_none(inputs) -> None:
    assert activation_maps(create_model("mono2binaural").eval(), *inputs, [1.0]) == {}
