from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.audio.ambisonics import (
    DECODERS,
    encode,
    foa_to_binaural,
    harmonics,
    horizontal_speakers,
    make_decoder,
    rotate_yaw,
    to_acn,
)
from ccstereo.scenes import HRIRSet, load_sofa, spherical_head

HRTF = Path(__file__).parents[3] / "shared" / "stage" / "hrtf"
HEADS = {"sphere": None, "kemar": "MIT_KEMAR_normal_pinna.sofa", "cipic": "CIPIC_subject_003.sofa"}
RATE = 16_000
AZIMUTHS = range(-180, 180, 30)
CIRCLE = range(-180, 180, 10)


@pytest.fixture(params=list(HEADS), scope="module")
def head(request) -> HRIRSet:
    file = HEADS[request.param]
    if file is None:
        return spherical_head(RATE, np.arange(-180.0, 180.0, 5.0))
    if not (HRTF / file).is_file():
        pytest.skip("measured heads are not there")
    return load_sofa(HRTF / file).resampled(RATE)


def arrays(head):
    return torch.from_numpy(head.directions.copy()), torch.from_numpy(head.responses.copy())


@pytest.fixture(scope="module")
def decoders(head):
    return {method: make_decoder(method, *arrays(head), RATE) for method in DECODERS}


def impulse(length=1024, at=300):
    signal = torch.zeros(length, dtype=torch.float64)
    signal[at] = 1
    return signal


def plane_waves(decoder, azimuths=AZIMUTHS):
    return torch.stack([foa_to_binaural(encode(impulse(), float(a)), decoder) for a in azimuths])  # (A, 2, T)


def level(ear):
    return 10 * torch.log10(ear.square().sum(-1))


def lag(pair, top=1500.0):
    """Samples by which the left ear is behind the right, up to a frequency."""
    spectrum = torch.fft.rfft(pair, 2048)
    spectrum[..., torch.fft.rfftfreq(2048, 1 / RATE) > top] = 0
    correlation = torch.fft.irfft(spectrum[0] * spectrum[1].conj(), 16_384).roll(8192)
    return (int(correlation.argmax()) - 8192) / 8


def magnitude_error(decoder, head, azimuths=AZIMUTHS):
    """Decibels between decoded and measured magnitudes, 200 Hz to 7.5 kHz, over a circle."""
    frequency = torch.fft.rfftfreq(1024, 1 / RATE)
    band = (frequency > 200) & (frequency < 7500)
    true = torch.from_numpy(np.stack([head.nearest(float(a)) for a in azimuths]).astype(np.float64))
    found, true = (torch.fft.rfft(x, 1024).abs()[..., band] for x in (plane_waves(decoder, azimuths), true))
    return float((20 * torch.log10(found / true)).abs().mean())


class TestEncoding:
    def test_axes(self):
        one = torch.ones(1, dtype=torch.float64)
        for azimuth, elevation, expected in [
            (0, 0, [1, 0, 0, 1]),  # front: X
            (90, 0, [1, 1, 0, 0]),  # left: Y
            (-90, 0, [1, -1, 0, 0]),
            (180, 0, [1, 0, 0, -1]),
            (33, 90, [1, 0, 1, 0]),  # up: Z
        ]:
            torch.testing.assert_close(
                encode(one, azimuth, elevation).flatten(), torch.tensor(expected, dtype=torch.float64)
            )

    def test_sn3d_components_have_the_length_of_w(self):
        directions = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([360.0, 180.0]) - 90
        gains = harmonics(directions)
        torch.testing.assert_close(gains[:, 1:].square().sum(-1), gains[:, 0])

    def test_shapes(self):
        assert encode(torch.zeros(2, 5, 7), 10.0).shape == (2, 5, 4, 7)


class TestYaw:
    @pytest.mark.parametrize("elevation", [0.0, 40.0])
    def test_adds_to_the_azimuth(self, elevation):
        signal = torch.randn(3, 10, dtype=torch.float64)
        turned = rotate_yaw(encode(signal, 20.0, elevation), 70.0)
        torch.testing.assert_close(turned, encode(signal, 90.0, elevation))

    def test_without_heights(self):
        foa = torch.randn(2, 4, 10)
        flat = foa[:, [0, 1, 3]]
        torch.testing.assert_close(rotate_yaw(flat, 33.0), rotate_yaw(foa, 33.0)[:, [0, 1, 3]])

    def test_a_full_turn_is_none(self):
        foa = torch.randn(4, 10, dtype=torch.float64)
        torch.testing.assert_close(rotate_yaw(rotate_yaw(foa, 200.0), 160.0), foa)

    def test_other_channels_are_refused(self):
        with pytest.raises(ValueError, match="W, Y, Z, X"):
            rotate_yaw(torch.zeros(2, 10), 0.0)


class TestOrders:
    names = "WYZX"

    def channels(self, *values):
        return torch.tensor(values, dtype=torch.float64)[:, None]

    def test_acn_drops_head_locked_stereo(self):
        assert to_acn(self.channels(1, 2, 3, 4, 8, 9), "acn").flatten().tolist() == [1, 2, 3, 4]

    def test_youtubes_aac(self):
        # W in the centre, Y in the right, Z back left, X left; the low channel holds nothing.
        assert to_acn(self.channels(4, 2, 1, 0, 3, 0), "aac-5.1").flatten().tolist() == [1, 2, 3, 4]

    def test_fuma(self):
        w = 0.5**0.5
        torch.testing.assert_close(to_acn(self.channels(w, 4, 2, 3), "fuma").flatten(), self.channels(1, 2, 3, 4)[:, 0])
        torch.testing.assert_close(to_acn(self.channels(w, 4, 2), "fuma").flatten(), self.channels(1, 2, 4)[:, 0])

    def test_three_channels_are_w_y_x(self):
        assert to_acn(self.channels(1, 2, 4), "acn").flatten().tolist() == [1, 2, 4]

    @pytest.mark.parametrize(("order", "count"), [("acn", 2), ("aac-5.1", 4), ("aac-5.1", 3), ("fuma", 2)])
    def test_too_few_channels(self, order, count):
        with pytest.raises(ValueError, match="channels"):
            to_acn(torch.zeros(count, 3), order)

    def test_unknown_order(self):
        with pytest.raises(ValueError, match=r"aac-5\.1"):
            to_acn(torch.zeros(4, 3), "wxyz")


class TestDecoding:
    @pytest.mark.parametrize("method", DECODERS)
    def test_sound_on_a_side_is_louder_and_earlier_there(self, decoders, method):
        for azimuth in (40.0, 90.0, 140.0, -40.0, -90.0, -140.0):
            pair = foa_to_binaural(encode(impulse(), azimuth), decoders[method])
            side = np.sign(azimuth)
            assert side * (level(pair[0]) - level(pair[1])) > (3 if abs(azimuth) == 90 else 0.5)
            assert side * lag(pair) < (-3 if abs(azimuth) == 90 else 0)

    @pytest.mark.parametrize("method", DECODERS)
    def test_energy_is_even_over_azimuth(self, decoders, head, method):
        energy = level(plane_waves(decoders[method], CIRCLE).flatten(1))
        if method == "magls":  # which keeps a head's own unevenness: 3.5 dB of CIPIC's subject
            own = level(torch.stack([torch.from_numpy(head.nearest(float(a))).flatten() for a in CIRCLE]))
            assert (energy - own).abs().max() < 3
        if method != "magls" or head.name != "CIPIC_subject_003":
            assert (energy - energy.mean()).abs().max() < 3

    def test_the_bare_pseudo_inverse_is_uneven_on_measured_heads(self, head):
        """Why it is not what is given by default: sources behind are lost."""
        energy = level(plane_waves(make_decoder("pseudo-inverse", *arrays(head), RATE, even=False), CIRCLE).flatten(1))
        behind = float(energy[0] - energy.mean())
        assert (behind > -3) if head.name == "spherical head" else (behind < -5)

    def test_in_front_both_ears_hear_the_same(self, decoders, head):
        for decoder in decoders.values():
            pair = foa_to_binaural(encode(impulse(), 0.0), decoder)
            assert (level(pair[0]) - level(pair[1])).abs() < (1e-3 if head.name == "spherical head" else 2)
            assert abs(lag(pair)) < 1

    def test_mirrored_scenes_mirror(self, decoders, head):
        if head.name != "spherical head":
            pytest.skip("measured heads are not symmetric")
        foa = sum(encode(torch.randn(1000, dtype=torch.float64), float(a)) for a in (20, 75, -130))
        mirrored = foa * torch.tensor([1.0, -1.0, 1.0, 1.0])[:, None]
        for decoder in decoders.values():
            torch.testing.assert_close(
                foa_to_binaural(mirrored, decoder), foa_to_binaural(foa, decoder).flip(0), atol=1e-5, rtol=1e-5
            )

    def test_magls_keeps_magnitudes_better(self, decoders, head):
        bare = make_decoder("pseudo-inverse", *arrays(head), RATE, even=False)
        error = {name: magnitude_error(d, head) for name, d in (decoders | {"pseudo-inverse": bare}).items()}
        assert error["magls"] < 0.5 * error["projection"]
        assert error["magls"] < 0.6 * error["pseudo-inverse"]

    @pytest.mark.parametrize("method", DECODERS)
    def test_delays_are_the_heads_own_where_the_first_order_can_follow(self, decoders, head, method):
        """Up to 500 Hz: above, half a period, which is all that a first-order field can do, is less than the delay."""
        pair = foa_to_binaural(encode(impulse(), 90.0), decoders[method])
        own = torch.from_numpy(head.nearest(90.0)).double()
        share = lag(pair, 500) / lag(own, 500)
        least = {"projection": 0.5, "pseudo-inverse": 0.65, "magls": 0.8}  # projection halves the directional part
        assert least[method] < share < 1.05

    @pytest.mark.parametrize("method", DECODERS)
    def test_in_time_with_the_heads_own_responses(self, decoders, head, method):
        pair = foa_to_binaural(encode(impulse(at=300), 90.0), decoders[method])[0]
        true = torch.from_numpy(head.nearest(90.0)[0])
        assert abs(int(pair.abs().argmax()) - 300 - int(true.abs().argmax())) < 0.7e-3 * RATE

    def test_the_projection_decoder_is_eight_speakers_played_one_by_one(self, decoders, head):
        foa = torch.randn(4, 500, dtype=torch.float64)
        expected = torch.zeros(2, 500, dtype=torch.float64)
        for azimuth in (np.arange(8) / 4 - 1) * 180:
            a = np.radians(azimuth)
            feed = (foa[0] + foa[1] * np.sin(a) + foa[3] * np.cos(a)).numpy() / 8
            for ear, response in enumerate(head.nearest(float(azimuth))):
                expected[ear] += torch.from_numpy(np.convolve(feed, response)[:500])
        torch.testing.assert_close(foa_to_binaural(foa, decoders["projection"]), expected, atol=1e-5, rtol=1e-5)

    def test_yaw_is_the_same_as_moving_the_source(self, decoders):
        decoder = decoders["magls"]
        turned = foa_to_binaural(rotate_yaw(encode(impulse(), 20.0), 50.0), decoder)
        torch.testing.assert_close(turned, foa_to_binaural(encode(impulse(), 70.0), decoder))

    def test_no_z_is_a_silent_z(self, decoders):
        foa = torch.randn(3, 4, 400)
        foa[:, 2] = 0
        for decoder in decoders.values():
            torch.testing.assert_close(foa_to_binaural(foa[:, [0, 1, 3]], decoder), foa_to_binaural(foa, decoder))


class TestBlocks:
    def test_long_sound_is_one_convolution(self):
        head = spherical_head(RATE, np.arange(-180.0, 180.0, 15.0))
        decoder = make_decoder("magls", *arrays(head), RATE)
        foa = torch.randn(4, 150_000)
        whole = sum(
            torch.nn.functional.conv1d(foa[c][None, None], decoder.filters[:, c].flip(-1)[:, None], padding=256)[0]
            for c in range(4)
        )
        start = decoder.lead + 256 - (decoder.filters.shape[-1] - 1)
        torch.testing.assert_close(
            foa_to_binaural(foa, decoder), whole[:, start : start + 150_000], atol=1e-4, rtol=1e-4
        )

    def test_short_and_empty_sound(self):
        decoder = make_decoder("projection", *arrays(spherical_head(RATE, np.arange(-180.0, 180.0, 45.0))), RATE)
        assert foa_to_binaural(torch.zeros(2, 4, 5), decoder).shape == (2, 2, 5)
        assert foa_to_binaural(torch.zeros(4, 0), decoder).shape == (2, 0)


class TestErrors:
    def test_a_half_head_cannot_play_from_behind(self):
        with pytest.raises(ValueError, match="no response within 30 degrees"):
            make_decoder("projection", *arrays(spherical_head(RATE)), RATE)

    def test_bad_arguments(self):
        directions, responses = torch.zeros(3, 2), torch.zeros(3, 2, 8)
        with pytest.raises(ValueError, match="unknown decoder"):
            make_decoder("allrad", directions, responses, RATE)
        with pytest.raises(ValueError, match=r"\(N, 2, K\)"):
            make_decoder("magls", directions, responses[:2], RATE)

    def test_speakers_start_behind_and_go_round(self):
        assert horizontal_speakers()[:, 0].tolist() == [-180, -135, -90, -45, 0, 45, 90, 135]
