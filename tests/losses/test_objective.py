"""The objective: terms by name, for all targets."""

import pytest
import torch

from ccstereo.audio import stft
from ccstereo.audio.targets import SPECTROGRAM, TARGETS
from ccstereo.losses import Step, difference_mse, phase_loss, register_term
from ccstereo.losses.auxiliary import AuxiliaryHeads
from ccstereo.losses.objective import TERMS, check_weights, objective


def step_of(target: str, error: float = 0.1) -> Step:
    torch.manual_seed(0)
    chosen = TARGETS[target]
    sound = torch.randn(2, len(chosen.channels), 4000)
    reference = stft(chosen.encode(sound))
    return Step(
        target=chosen,
        mix_spec=stft(chosen.mixture(sound)),
        predicted=reference + error * torch.randn_like(reference),
        reference=reference,
        features=torch.randn(2, 8, 7, 14),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_terms_of_the_paper_for_every_target(target: str) -> None:
    weights = {"difference": 2.0, "magnitude": 0.5, "phase": 1.0}
    exact, terms = objective(step_of(target, error=0.0), weights)
    assert exact == 0
    step = step_of(target)
    loss, terms = objective(step, weights)
    assert loss == sum(weights[name] * value for name, value in terms.items())
    assert all(value > 0 for value in terms.values())
    torch.testing.assert_close(terms["difference"], difference_mse(step.predicted, step.reference))


def test_the_phase_term_is_of_the_decoded_sound() -> None:
    step = step_of("mid-side")
    difference, mix = step.predicted[:, 0], step.mix_spec
    ears = torch.stack([(mix + difference) / 2, (mix - difference) / 2], 1)
    true = step.target.decode(mix, step.reference, dim=SPECTROGRAM)
    assert objective(step, {"phase": 1.0})[1]["phase"] == phase_loss(ears, true)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"contrastiv": 1.0}, "contrastiv; there are difference"),
        ({"phase": -1.0}, "phase"),
        ({"phase": float("nan")}, "phase"),
    ],
)
def test_wrong_weights_are_refused(weights, words) -> None:
    with pytest.raises(ValueError, match=words):
        check_weights(weights)
    assert check_weights({"phase": 0.0, "difference": 1}) == {"difference": 1.0}


def test_a_term_of_ones_own() -> None:
    @register_term("test-loudness")
    def loudness(step: Step) -> torch.Tensor:
        return (step.predicted.abs().mean() - step.reference.abs().mean()).abs()

    try:
        loss, terms = objective(step_of("foa"), check_weights({"test-loudness": 2.0}))
        assert loss == 2 * terms["test-loudness"] > 0
        with pytest.raises(ValueError, match="registered already"):
            register_term("test-loudness")(loudness)
    finally:
        del TERMS["test-loudness"]


def test_the_contrastive_term_wants_the_same_sound_with_the_frame_before() -> None:
    step = step_of("mid-side")
    audio, step.fuse = torch.randn(2, 8, 4, 4), lambda audio, visual: audio * visual.mean((2, 3))[:, :, None, None]
    step.aux = {"audio_features": audio, "fused": step.fuse(audio, step.features)}
    step.earlier = step.features
    near = objective(step, {"contrastive": 1.0})[0]
    step.earlier = -step.features
    assert objective(step, {"contrastive": 1.0})[0] > near
    step.earlier = None
    with pytest.raises(ValueError, match="can fuse"):
        objective(step, {"contrastive": 1.0})


def test_the_relevance_term_prefers_the_right_column() -> None:
    """A relevance map that points at the sound's column costs less than one that points elsewhere."""
    heads = AuxiliaryHeads(8, 8, 3)
    columns = torch.zeros(2, 14, 16, 4)
    columns[:, 3] = 1 / 64
    features, costs = torch.randn(2, 8, 7, 14), []
    for column in (3, 10):
        relevance = torch.zeros(2, 7, 14, 16, 4)
        relevance[:, :, column] = 1
        costs.append(heads.relevance({"relevance.0": relevance.flatten(1, 2)}, features, columns).item())
    assert costs[0] < costs[1] - 3
