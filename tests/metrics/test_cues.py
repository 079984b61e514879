import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.metrics import functional as F

SOFA = Path(__file__).parents[3] / "shared" / "stage" / "hrtf" / "MIT_KEMAR_normal_pinna.sofa"


def delayed(x: torch.Tensor, seconds: float, sample_rate: int = 16000) -> torch.Tensor:
    """Delay by any fraction of a sample, in the frequency domain, circularly."""
    frequency = torch.fft.rfftfreq(x.shape[-1], 1 / sample_rate, dtype=torch.float64)
    spectrum = torch.fft.rfft(x.double()) * torch.exp(-2j * math.pi * frequency * seconds)
    return torch.fft.irfft(spectrum, n=x.shape[-1]).to(x)


def noise(samples: int = 16000) -> torch.Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(3))


class TestLevel:
    def test_curve_against_a_loop(self):
        x = torch.randn(2, 5000)
        curve = F.spl_curve(x, 16000)
        for index, value in enumerate(curve):
            left, right = x[:, index * 800 : index * 800 + 1600].square().mean(1).tolist()
            assert value.item() == pytest.approx(10 * math.log10((left + 1e-6) / (right + 1e-6)), abs=1e-4)
        assert len(curve) == 5

    def test_curve_follows_a_source_from_left_to_right(self):
        pan = torch.linspace(1, 0, 16000)
        curve = F.spl_curve(torch.stack([pan * noise(), (1 - pan) * noise()]), 16000)
        assert (curve.diff() < 0).all()
        assert curve[0] > 15
        assert curve[-1] < -15

    def test_distance_is_euclidean(self):
        x = noise()
        even, left = torch.stack([x, x]), torch.stack([2 * x, x])
        frames = F.spl_curve(even, 16000).shape[-1]
        expected = 20 * math.log10(2) * math.sqrt(frames)
        assert F.spl_distance(left, even, 16000).item() == pytest.approx(expected, rel=1e-3)
        assert F.spl_distance(left, 3 * left, 16000, normalize=True).item() == pytest.approx(0, abs=1e-3)

    def test_silence_and_short_clips(self):
        silent = torch.zeros(2, 100, requires_grad=True)
        assert F.spl_curve(silent, 16000).tolist() == [0.0]
        F.spl_distance(silent, torch.zeros(2, 100), 16000).backward()
        assert silent.grad.isfinite().all()
        assert F.louder_ear(silent).item() == 0

    def test_louder_ear_counts_only_where_the_truth_has_one(self):
        x = noise(1000)
        left, right, even = (torch.stack([a * x, b * x]) for a, b in ((1.0, 0.1), (0.1, 1.0), (1.0, 0.9)))
        mono = torch.stack([x, x])
        pred = torch.stack([left, right, even, left, mono])
        target = torch.stack([left, left, left, even, left])
        assert F.louder_ear_correct(pred, target).nan_to_num(-1).tolist() == [1, 0, 1, -1, 0]
        assert F.louder_ear_correct(even, even, dead_zone=0.5).item() == 1


class TestLevelDifference:
    @given(gain=st.floats(-30, 30))
    @settings(max_examples=10, deadline=None)
    def test_is_the_gain(self, gain):
        x = noise()
        ild = F.interaural_level_difference(torch.stack([10 ** (gain / 20) * x, x]), 16000)
        assert ild.shape == (6, 9)
        assert torch.allclose(ild, torch.tensor(gain), atol=1e-3)

    def test_is_of_the_band(self):
        t = torch.arange(16000) / 16000
        low, high = torch.sin(2 * math.pi * 350 * t), torch.sin(2 * math.pi * 3000 * t)
        clip = torch.stack([low + 0.1 * high, 0.1 * low + high])
        ild = F.interaural_level_difference(clip, 16000).mean(-1)
        assert ild[1].item() == pytest.approx(20, abs=0.01)
        assert ild[4].item() == pytest.approx(-20, abs=0.01)

    def test_error(self):
        x = noise()
        truth = torch.stack([2 * x, x])
        error = F.ild_error(torch.stack([truth, 0.3 * truth, truth.flip(0)]), truth.expand(3, 2, -1), 16000)
        assert error.shape == (3, 6)
        double = 2 * 20 * math.log10(2)
        assert torch.allclose(error, torch.tensor([0, 0, double])[:, None].expand(3, 6), atol=1e-2)

    def test_only_what_sounds_counts(self):
        t = torch.arange(16000) / 16000
        tone = torch.sin(2 * math.pi * 350 * t)
        error = F.ild_error(torch.randn(2, 16000), torch.stack([tone, tone]), 16000)
        assert error.isnan().tolist() == [True, False, True, True, True, True]
        assert F.ild_error(torch.randn(2, 16000), torch.zeros(2, 16000), 16000).isnan().all()

    def test_bands_need_frequencies(self):
        with pytest.raises(ValueError, match="band"):
            F.interaural_level_difference(torch.randn(2, 8000), 16000, edges=(9000, 10000))


class TestTimeDifference:
    @given(delay=st.floats(-800, 800))
    @settings(max_examples=10, deadline=None)
    def test_is_the_delay(self, delay):
        x = noise()
        clip = torch.stack([x, delayed(x, 1e-6 * delay)])
        itd = F.interaural_time_difference(clip, 16000)
        assert itd.shape == (3, 9)
        assert itd.median(-1).values.sub(delay).abs().max() < 10
        whole = F.interaural_time_difference(clip, 16000, segment=1.0)
        assert torch.allclose(whole, torch.tensor(delay), atol=2.0)

    def test_sign_level_and_rate(self):
        x = noise(48000)
        clip = torch.stack([0.1 * delayed(x, 3e-4, 48000), x])  # the right ear is earlier and louder
        itd = F.interaural_time_difference(clip, 48000, segment=1.0)
        assert torch.allclose(itd, torch.tensor(-300.0), atol=2.0)

    def test_mono_and_silence_have_none(self):
        x = noise()
        assert F.interaural_time_difference(torch.stack([x, x]), 16000).abs().max() < 0.1
        assert F.interaural_time_difference(torch.zeros(2, 16000), 16000).abs().max() == 0
        assert F.interaural_time_difference(torch.stack([x, 0 * x]), 16000).abs().max() == 0

    def test_error_of_mono_is_the_true_delay(self):
        x = noise()
        truth = torch.stack([x, delayed(x, 4e-4)])
        error = F.itd_error(torch.stack([x, x]), truth, 16000, segment=1.0)
        assert torch.allclose(error, torch.full((3,), 400.0), atol=2.0)
        assert F.itd_error(0.1 * truth, truth, 16000).abs().max() < 0.1


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("score", [F.ild_error, F.itd_error, F.spl_distance])
def test_gradients_lead_to_the_truth(score, silent):
    x = noise()
    truth = torch.stack([delayed(x, -2e-4), 0.4 * x])
    pred = (0 * truth if silent else torch.stack([x, 0.8 * x])).requires_grad_()
    before = score(pred, truth, 16000).sum()
    (gradient,) = torch.autograd.grad(before, pred)
    assert gradient.isfinite().all()
    if not silent:
        stepped = pred - 1e-2 * gradient / gradient.abs().max()
        assert score(stepped, truth, 16000).sum() < before


class TestAzimuth:
    azimuths = torch.arange(-60.0, 61.0, 5.0)

    def bank(self, taps: int = 64) -> torch.Tensor:
        """Delays and gains as a head's, without its colour."""
        lateral = torch.sin(torch.deg2rad(self.azimuths))
        pulse = torch.zeros(taps)
        pulse[taps // 2] = 1
        ears = [
            torch.stack([10 ** (side * 5 * s / 20) * delayed(pulse, -side * 3.5e-4 * s) for side in (1, -1)])
            for s in lateral.tolist()
        ]
        return torch.stack(ears)

    def render(self, x: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
        taps = bank.shape[-1]
        return torch.nn.functional.conv1d(x[None], bank.flip(-1).reshape(-1, 1, taps), padding=taps - 1).unflatten(
            0, (-1, 2)
        )

    def test_every_direction_is_found_in_noise(self):
        bank = self.bank()
        clips = self.render(noise(8000), bank)
        clips = clips + 0.1 * clips.std() * torch.randn(clips.shape, generator=torch.Generator().manual_seed(0))
        assert torch.equal(F.estimate_azimuth(clips, 16000, bank, self.azimuths), self.azimuths)
        assert F.azimuth_error(clips, self.azimuths, 16000, bank, self.azimuths).max() == 0
        swapped = F.azimuth_error(clips.flip(-2), self.azimuths, 16000, bank, self.azimuths)
        assert torch.equal(swapped, 2 * self.azimuths.abs())

    def test_mono_is_in_front(self):
        mono = noise(8000).expand(2, -1)
        assert F.estimate_azimuth(mono, 16000, self.bank(), self.azimuths).item() == 0

    def test_a_clip_that_is_nan_comes_from_nowhere(self):
        clip = torch.full((2, 4000), torch.nan)
        assert F.azimuth_error(clip, torch.tensor(0.0), 16000, self.bank(), self.azimuths).isnan()

    def test_error_goes_the_short_way_round(self):
        bank = self.bank()[:1]
        error = F.azimuth_error(torch.randn(2, 2000), torch.tensor(-170.0), 16000, bank, torch.tensor([175.0]))
        assert error.item() == pytest.approx(15)

    def test_shapes_must_fit(self):
        with pytest.raises(ValueError, match="impulse responses"):
            F.estimate_azimuth(torch.zeros(2, 100), 16000, torch.zeros(5, 3, 8), torch.zeros(5))
        with pytest.raises(ValueError, match="azimuths"):
            F.estimate_azimuth(torch.zeros(2, 100), 16000, torch.zeros(5, 2, 8), torch.zeros(4))

    @pytest.mark.skipif(not SOFA.exists(), reason="the measured ears lie outside the repository")
    def test_measured_ears(self):
        sofar = pytest.importorskip("sofar")
        sofa = sofar.read_sofa(str(SOFA), verify=False, verbose=False)
        rate = round(float(sofa.Data_SamplingRate.item()))
        positions = torch.from_numpy(sofa.SourcePosition)
        azimuths = (positions[:, 0] + 180) % 360 - 180
        front = (positions[:, 1] == 0) & (azimuths.abs() <= 60)
        bank, azimuths = torch.from_numpy(sofa.Data_IR)[front].float(), azimuths[front].float()
        clips = self.render(noise(rate // 2), bank)
        assert torch.equal(F.estimate_azimuth(clips, rate, bank, azimuths), azimuths)
