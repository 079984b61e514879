import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.audio import MID_SIDE, apply_mask, istft, rms, rms_gain, stft


def spectra(*names: str) -> list[torch.Tensor]:
    return [torch.randn(3, 2, 9, 5, dtype=torch.float64) for _ in names]


def as_complex(spec: torch.Tensor) -> torch.Tensor:
    return torch.complex(spec[..., 0, :, :], spec[..., 1, :, :])


def split(pair: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return MID_SIDE.mixture(pair), MID_SIDE.encode(pair)


class TestStereo:
    def test_mixture_and_difference_are_undone(self):
        pair = torch.randn(4, 2, 1_000)
        torch.testing.assert_close(MID_SIDE.decode(*split(pair)), pair)

    def test_left_comes_first(self):
        mix, difference = split(torch.tensor([[2.0], [0.5]]))
        assert (mix.item(), difference.item()) == (2.5, 1.5)
        assert MID_SIDE.decode(mix, difference).tolist() == [[2.0], [0.5]]

    def test_swapped_ears_turn_the_difference_alone(self):
        pair = torch.randn(2, 100)
        mix, difference = split(pair)
        mix_swapped, difference_swapped = split(pair.flip(0))
        torch.testing.assert_close(mix_swapped, mix)
        torch.testing.assert_close(difference_swapped, -difference)

    def test_mirrored_sound_has_its_ears_swapped_but_not_its_time(self):
        pair = torch.randn(2, 2, 50)
        mirrored = MID_SIDE.mirrored(pair)
        assert torch.equal(mirrored[:, 0], pair[:, 1])
        assert torch.equal(mirrored[:, 1], pair[:, 0])
        assert torch.equal(MID_SIDE.mirrored(mirrored), pair)


class TestMask:
    def test_multiplies_complex_numbers(self):
        mask, spec = spectra("mask", "spec")
        torch.testing.assert_close(as_complex(apply_mask(mask, spec)), as_complex(mask) * as_complex(spec))

    def test_one_is_neutral_and_zero_is_mono(self):
        (spec,) = spectra("spec")
        one = torch.zeros_like(spec)
        one[:, 0] = 1
        assert torch.equal(apply_mask(one, spec), spec)
        assert not apply_mask(torch.zeros_like(spec), spec).any()

    def test_commutes_and_distributes_over_sums(self):
        a, b, c = spectra("a", "b", "c")
        torch.testing.assert_close(apply_mask(a, b), apply_mask(b, a))
        torch.testing.assert_close(apply_mask(a, b + c), apply_mask(a, b) + apply_mask(a, c))
        torch.testing.assert_close(apply_mask(apply_mask(a, b), c), apply_mask(a, apply_mask(b, c)))

    def test_the_ratio_of_the_difference_to_the_mixture_restores_both_ears(self):
        pair = torch.randn(2, 4_000, dtype=torch.float64)
        mix, difference = split(pair)
        ratio = as_complex(stft(difference[0])) / as_complex(stft(mix))
        mask = torch.stack([ratio.real, ratio.imag])
        restored = MID_SIDE.decode(mix, istft(apply_mask(mask, stft(mix)), 4_000)[None])
        torch.testing.assert_close(restored, pair, atol=1e-8, rtol=0)


class TestLevel:
    @given(loudness=st.floats(0.01, 1_000), target=st.floats(0.01, 1))
    @settings(deadline=None)
    def test_every_audible_window_reaches_the_target(self, loudness, target):
        mix = loudness * torch.randn(3, 500, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        gain = rms_gain(mix, target)
        assert gain.shape == (3, 1)
        assert (gain * mix).square().mean(-1).sqrt().numpy() == pytest.approx(target)

    def test_silence_is_raised_no_further_than_the_floor_allows(self):
        mix = torch.stack([torch.zeros(100), torch.full((100,), 1e-5), torch.full((100,), 1e-4)])
        assert rms_gain(mix, 0.1, floor=1e-4).flatten().numpy() == pytest.approx(1_000)
        assert rms_gain(mix[1], 0.1, floor=1e-6).item() == pytest.approx(10_000)

    def test_rms_is_per_window(self):
        x = torch.tensor([[3.0, -3.0], [0.0, 0.0]])
        assert rms(x).tolist() == [[3.0], [0.0]]
        assert rms(x, floor=0.5).tolist() == [[3.0], [0.5]]
