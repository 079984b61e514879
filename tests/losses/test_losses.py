import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.losses import contrastive_loss, difference_mse, magnitude_loss, phase_loss, shuffle_positions
from golden_recipe import noise_audio, uniform


def spectrum(waveform: np.ndarray) -> torch.Tensor:
    """STFT with mirrored ends, as the released phase loss takes it."""
    window = torch.hann_window(400)
    spec = torch.stft(torch.from_numpy(waveform), 512, 160, 400, window=window, return_complex=True, pad_mode="reflect")
    return torch.view_as_real(spec).permute(0, 3, 1, 2)


class TestGolden:
    def test_phase_loss(self):
        pred, target = (spectrum(noise_audio(name, 2, 10080, 7)) for name in ("loss_pred", "loss_target"))
        # The released call has the real signal first and the generated one second; the paper has it the other way.
        assert phase_loss(pred, target).item() == pytest.approx(1.553730845451355, rel=1e-4)
        assert phase_loss(target, pred).item() == pytest.approx(1.5541532039642334, rel=1e-4)
        assert abs(phase_loss(pred, target) - phase_loss(target, pred)) > 3e-4

    def test_magnitude_loss(self):
        pred, target = (
            torch.from_numpy(uniform(name, (2, 2, 257, 64), 7)) for name in ("loss_pred_spec", "loss_target_spec")
        )
        assert magnitude_loss(pred, target).item() == pytest.approx(0.32347172498703003, rel=1e-5)

    def test_contrastive_loss(self):
        anchor, positive, negative = (
            torch.from_numpy(uniform(name, (8, 128), 7)) for name in ("anchor", "positive", "negative")
        )
        positive = anchor + 0.3 * positive
        # A difference of float32 numbers near 10 left 1e-6 of noise in the golden value, 2e-4 of it.
        assert contrastive_loss(anchor, positive, negative).item() == pytest.approx(0.0008865594863891602, abs=1e-6)
        exact = contrastive_loss(anchor, positive, negative).item()
        assert exact == pytest.approx(0.0008863419610889262, rel=1e-4)  # in float64
        released = contrastive_loss(anchor, positive, negative, as_released=True).item()
        assert released == pytest.approx(0.0011722879717126489, rel=1e-4)


class TestReconstruction:
    def test_against_loops_over_complex_numbers(self):
        pred, target = torch.randn(2, 2, 2, 50, 40)
        one, other = (x[:, 0].numpy() + 1j * x[:, 1].numpy() for x in (pred, target))
        assert difference_mse(pred, target).item() == pytest.approx(np.mean(np.abs(one - other) ** 2) / 2, rel=1e-5)
        expected = np.mean(np.abs(np.abs(one) - np.abs(other)))
        assert magnitude_loss(pred, target).item() == pytest.approx(expected, rel=1e-5)
        energy = np.abs(other.real) + np.abs(other.imag)
        angles = [
            abs(math.remainder(np.angle(a) - np.angle(b), 2 * math.pi))
            for a, b in zip(one.flat, other.flat, strict=True)
            if min(abs(a.real) + abs(a.imag), abs(b.real) + abs(b.imag)) > 0.2 * energy.mean()
        ]
        assert len(angles) < one.size
        assert phase_loss(pred, target).item() == pytest.approx(np.mean(angles), rel=1e-5)

    @pytest.mark.parametrize("loss", [difference_mse, magnitude_loss, phase_loss])
    @pytest.mark.parametrize(
        ("pred_scale", "target_scale"), [(0, 0), (0, 1), (1, 0), (1e-18, 1e-18), (1, 1), (1, 1e18)]
    )
    def test_gradient_is_finite_in_silence_too(self, loss, pred_scale, target_scale):
        pred = (pred_scale * torch.randn(2, 2, 6, 5)).requires_grad_()
        value = loss(pred, target_scale * torch.randn(2, 2, 6, 5))
        value.backward()
        assert value.isfinite()
        assert pred.grad.isfinite().all()

    @pytest.mark.parametrize("loss", [difference_mse, magnitude_loss, phase_loss])
    def test_is_zero_with_zero_gradient_at_the_truth(self, loss):
        pred = torch.randn(2, 2, 6, 5, requires_grad=True)
        value = loss(pred, pred.detach().clone())
        value.backward()
        assert value.item() == 0
        assert pred.grad.abs().max() == 0

    def test_phase_loss_leads_downhill(self):
        torch.manual_seed(0)
        target = torch.randn(1, 2, 6, 5)
        pred = torch.randn(1, 2, 6, 5, requires_grad=True)
        before = phase_loss(pred, target)
        before.backward()
        assert phase_loss(pred.detach() - 0.1 * pred.grad, target) < before

    @given(turn=st.floats(-3.1, 3.1), gain=st.floats(0.5, 2.0))
    @settings(max_examples=25, deadline=None)
    def test_phase_loss_is_the_turn_between_the_spectra(self, turn, gain):
        target = torch.view_as_complex(torch.randn(1, 6, 5, 2))
        pred = target * gain * torch.exp(1j * torch.tensor(turn))
        value = phase_loss(*(torch.view_as_real(x).permute(0, 3, 1, 2) for x in (pred, target)))
        assert value.item() == pytest.approx(abs(turn), abs=1e-5)

    def test_half_precision_is_computed_in_full(self):
        pred, target = torch.randn(1, 2, 6, 5), torch.randn(1, 2, 6, 5)
        for loss in (difference_mse, magnitude_loss, phase_loss):
            half = loss(pred.bfloat16(), target.bfloat16())
            assert half.dtype == torch.float32
            assert half == loss(pred.bfloat16().float(), target.bfloat16().float())

    @pytest.mark.parametrize("loss", [difference_mse, magnitude_loss, phase_loss])
    def test_shapes_must_fit(self, loss):
        with pytest.raises(ValueError, match="spectrograms"):
            loss(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 5))
        with pytest.raises(ValueError, match="spectrograms"):
            loss(torch.zeros(1, 3, 3, 4), torch.zeros(1, 3, 3, 4))


class TestContrastive:
    def test_against_equation_7_written_out(self):
        anchor, positive, negatives = (torch.randn(count, 16, dtype=torch.float64) for count in (5, 5, 7))

        def similarity(a, b):
            return math.exp(float(a @ b / a.norm() / b.norm()) / 0.3)

        expected = 0.0
        for a, p in zip(anchor, positive, strict=True):
            good = similarity(a, p)
            expected -= math.log(good / (good + sum(similarity(a, n) for n in negatives))) / 5
        assert contrastive_loss(anchor, positive, negatives, 0.3).item() == pytest.approx(expected, rel=1e-5)

    def test_mixed_precision_and_silence(self):
        features = [torch.randn(4, 16) for _ in range(3)]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = contrastive_loss(*features)
        assert mixed == contrastive_loss(*features)
        zero = torch.zeros(4, 16, requires_grad=True)
        for as_released in (False, True):
            contrastive_loss(zero, zero, zero, as_released=as_released).backward()
        assert zero.grad.isfinite().all()

    def test_shapes_must_fit(self):
        with pytest.raises(ValueError, match="anchor"):
            contrastive_loss(torch.zeros(4, 3), torch.zeros(5, 3), torch.zeros(4, 3))


class TestShufflePositions:
    def test_moves_whole_positions_and_each_item_its_own_way(self):
        position = torch.arange(98.0).reshape(7, 14)
        features = torch.stack([position, -position]).expand(6, 2, 7, 14)
        shuffled = shuffle_positions(features, torch.Generator().manual_seed(0))
        assert torch.equal(shuffled[:, 0], -shuffled[:, 1])
        assert torch.equal(shuffled[:, 0].flatten(1).sort(1).values, position.flatten().expand(6, 98))
        assert len({tuple(item.flatten().tolist()) for item in shuffled[:, 0]}) == 6

    def test_generator_decides(self):
        features = torch.randn(2, 3, 7, 14)
        one, same, other = (shuffle_positions(features, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)

    def test_passes_gradients(self):
        features = torch.randn(2, 3, 7, 14, requires_grad=True)
        shuffle_positions(features).sum().backward()
        assert torch.equal(features.grad, torch.ones_like(features))
