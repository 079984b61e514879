"""After Parida 2022: relevance at every level, three decoders in training, one in the end."""

import pytest
import torch

from ccstereo.models import create_model
from ccstereo.models.parida import ParidaConfig, similarity
from small import SMALL_OF


def test_similarity_is_the_cosine_of_every_pair_of_positions() -> None:
    torch.manual_seed(0)
    audio, visual = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 2, 6)
    found = similarity(audio, visual)
    assert found.shape == (2, 12, 3, 4)
    expected = torch.cosine_similarity(audio[1, :, 2, 3], visual[1, :, 1, 4], dim=0)
    torch.testing.assert_close(found[1, 10, 2, 3], expected)


def test_three_decoders_in_training_and_one_in_the_end() -> None:
    torch.manual_seed(0)
    model = create_model("after-parida2022", **SMALL_OF["after-parida2022"])
    mix, features = torch.randn(2, 2, 257, 64), torch.rand(2, *model.feature_shape)
    trained = model.train()(mix, features)
    assert {"magnitude_spec", "phase_spec"} <= set(trained.aux)
    loudness = mix.square().sum(1)
    torch.testing.assert_close(trained.aux["phase_spec"].square().sum(1), loudness)  # a rotation alone
    ratio = trained.aux["magnitude_spec"] / mix
    assert ratio.min() >= 0
    torch.testing.assert_close(ratio[:, 0], ratio[:, 1])  # the mixture's phase
    with torch.inference_mode():
        used = model.eval()(mix, features)
    assert not {"magnitude_spec", "phase_spec"} & set(used.aux)
    assert [value.shape[1:] for value in used.relevance] == [(98, 8 << i, 2 << i) for i in range(5)]


def test_the_target_is_the_difference() -> None:
    with pytest.raises(ValueError, match="target must be mid-side"):
        ParidaConfig(target="left-right")
