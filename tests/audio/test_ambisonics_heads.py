import numpy as np
import pytest
import torch

from ccstereo.audio.directions import (
    diffuse_field_equalised,
    nearest_direction,
    sphere_weights,
    unit_vectors,
)
from ccstereo.scenes import load_sofa, spherical_head

AROUND = torch.tensor([[float(a), 0.0] for a in range(-180, 180, 10)])


def test_unit_vectors_point_left_up_and_to_the_front():
    found = unit_vectors(torch.tensor([[90.0, 0.0], [0.0, 90.0], [0.0, 0.0], [-30.0, 0.0]]))
    torch.testing.assert_close(found[:3], torch.eye(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(4))
    assert found[3, 0] == pytest.approx(-0.5)


def test_nearest_goes_over_the_back():
    assert nearest_direction(torch.tensor([[179.0, 0.0], [42.0, 8.0]]), AROUND).tolist() == [0, 22]
    with pytest.raises(ValueError, match="no response within 30 degrees of azimuth 0, elevation 60"):
        nearest_direction(torch.tensor([[0.0, 60.0]]), AROUND)


def test_shares_make_up_for_dense_places():
    """A quarter of the circle that is measured four times as densely still stands for a quarter of the sphere."""
    azimuths = torch.cat([torch.arange(0, 90, 5.0), torch.arange(90, 360, 20.0)]).double()
    levels = torch.arange(-80, 90, 20.0).double()
    directions = torch.cartesian_prod(azimuths, levels)
    shares = sphere_weights(directions)
    assert shares.sum() == pytest.approx(1)
    assert shares[directions[:, 0] < 90].sum() == pytest.approx(0.25, abs=0.03)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(500, 2, dtype=torch.float64, generator=generator)
    spread = torch.stack([x[:, 0] * 360, torch.rad2deg(torch.asin(2 * x[:, 1] - 1))], dim=-1)
    assert (sphere_weights(spread)[:, None] * unit_vectors(spread)).sum(0).norm() < 0.05


class TestEqualisation:
    def measured(self):
        """A spherical head behind a resonance of 15 dB at 2.5 kHz, as an ear canal has."""
        head = spherical_head(16_000, np.arange(-180.0, 180.0, 10.0))
        frequency = np.fft.rfftfreq(512, 1 / 16_000)
        gain = np.ones(len(frequency), complex)
        gain[1:] += 5 / (1 + 3j * (frequency[1:] / 2500 - 2500 / frequency[1:]))
        wet = np.fft.irfft(np.fft.rfft(head.responses, 512) * gain, 512)[..., :256]
        directions = torch.from_numpy(head.directions)
        return directions, torch.from_numpy(head.responses), torch.from_numpy(wet.astype(np.float32))

    def test_a_resonance_common_to_all_directions_goes(self):
        directions, dry, wet = self.measured()
        flat = [diffuse_field_equalised(directions, x) for x in (dry, wet)]
        assert flat[1].shape == (36, 2, 512)
        spectra = [20 * torch.log10(torch.fft.rfft(x, 1024).abs())[..., 20:480] for x in flat]
        spectra = [x - x.mean() for x in spectra]  # but for the level of all
        torch.testing.assert_close(spectra[1], spectra[0], atol=0.5, rtol=0)
        power = torch.fft.rfft(flat[1], 1024).abs().square().mean((0, 1))[20:480]
        assert 10 * torch.log10(power.max() / power.min()) < 0.5

    def test_differences_between_ears_stay(self):
        directions, _, wet = self.measured()
        before, after = (torch.fft.rfft(x.double(), 1024) for x in (wet, diffuse_field_equalised(directions, wet)))
        between = [x[:, 0] / x[:, 1] for x in (before, after)]
        torch.testing.assert_close(between[1][:, 20:480], between[0][:, 20:480], atol=0.05, rtol=0.02)

    def test_a_measured_head(self, shared):
        head = load_sofa(shared / "stage" / "hrtf" / "MIT_KEMAR_normal_pinna.sofa").resampled(16_000)
        directions, responses = (torch.from_numpy(np.array(a)) for a in (head.directions, head.responses))
        shares = sphere_weights(directions.double())
        spread = []
        for x in (responses, diffuse_field_equalised(directions, responses)):
            power = torch.einsum("n,nef->f", shares, torch.fft.rfft(x.double(), 1024).abs().square())[13:480]
            spread.append(float(10 * torch.log10(power.max() / power.min())))
        assert spread[0] > 15
        assert spread[1] < 1
