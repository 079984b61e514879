"""Measured heads from files that the tests write themselves, and what is said of files that cannot be read."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import HRIRSet, load_sofa, spherical_head
from ccstereo.scenes.acoustics.spatialize import spatialize

sofar = pytest.importorskip("sofar")

AZIMUTHS = np.arange(0.0, 360.0, 30.0)  # SOFA counts anticlockwise, 0 to 360
DIRECTIONS = [0, 30, 60, 90, 120, 150, -180, -150, -120, -90, -60, -30]
HEAD = spherical_head(44_100, AZIMUTHS)


def write(path: Path, responses: np.ndarray = HEAD.responses, cartesian: bool = False, **fields) -> Path:
    sofa = sofar.Sofa("SimpleFreeFieldHRIR")
    sofa.Data_IR = responses.astype(np.float64)
    sofa.Data_SamplingRate = 44_100.0
    sofa.SourcePosition = np.stack([AZIMUTHS, 0 * AZIMUTHS, 1.4 + 0 * AZIMUTHS], axis=-1)
    if cartesian:
        angle = np.radians(AZIMUTHS)
        sofa.SourcePosition = 1.4 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
        sofa.SourcePosition_Type, sofa.SourcePosition_Units = "cartesian", "metre"
    for name, value in fields.items():
        setattr(sofa, name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sofar.write_sofa(str(path), sofa)
    return path


def refused(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        load_sofa(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


class TestReading:
    def test_a_head_written_to_a_file_is_read_again(self, tmp_path):
        head = load_sofa(write(tmp_path / "round head.sofa"))
        assert (head.name, head.sample_rate) == ("round head", 44_100)
        assert head.responses.dtype == np.float32
        np.testing.assert_allclose(head.responses, HEAD.responses, atol=1e-7)
        np.testing.assert_allclose(head.directions, np.stack([DIRECTIONS, np.zeros(12)], axis=-1), atol=1e-9)

    def test_and_sounds_the_same(self, tmp_path):
        head = load_sofa(write(tmp_path / "head.sofa"))
        dry = np.random.default_rng(0).standard_normal(2_000).astype(np.float32)
        for azimuth in (-60.0, 30.0):
            expected = [signal.convolve(dry, response)[:2_000] for response in HEAD.nearest(azimuth)]
            np.testing.assert_allclose(spatialize(dry, np.array([azimuth]), head), expected, atol=1e-5)

    def test_cartesian_positions_are_turned_into_angles(self, tmp_path):
        head = load_sofa(write(tmp_path / "head.sofa", cartesian=True))
        turned = (head.directions - np.stack([DIRECTIONS, np.zeros(12)], axis=-1) + 180) % 360 - 180
        np.testing.assert_allclose(turned, 0, atol=1e-9)

    def test_elevations_are_read(self, tmp_path):
        positions = np.stack([AZIMUTHS, np.linspace(-40, 70, 12), 1.4 + 0 * AZIMUTHS], axis=-1)
        head = load_sofa(write(tmp_path / "head.sofa", SourcePosition=positions))
        np.testing.assert_allclose(head.directions[:, 1], np.linspace(-40, 70, 12), atol=1e-9)

    def test_swapped_ears_are_put_right(self, tmp_path):
        head = load_sofa(write(tmp_path / "head.sofa", HEAD.responses[:, ::-1]))
        np.testing.assert_allclose(head.responses, HEAD.responses, atol=1e-7)

    def test_ears_in_order_stay_whatever_the_file_calls_them(self, tmp_path):
        names = np.array([[0.0, -0.09, 0.0], [0.0, 0.09, 0.0]])  # right, then left, as in CIPIC's files
        head = load_sofa(write(tmp_path / "head.sofa", ReceiverPosition=names))
        np.testing.assert_allclose(head.responses, HEAD.responses, atol=1e-7)

    def test_delays_kept_apart_are_heard(self, tmp_path):
        delays = 100.0 + 10.5 * np.stack([np.sin(np.radians(AZIMUTHS)), -np.sin(np.radians(AZIMUTHS))], axis=-1)
        head = load_sofa(write(tmp_path / "head.sofa", Data_Delay=delays))
        frequencies = np.array([500.0, 3_000.0, 9_000.0])
        for i in range(12):
            now, was = (spectrum(set_, i, frequencies) for set_ in (head, HEAD))
            expected = np.exp(-2j * np.pi * frequencies * (delays[i, 0] - delays[i, 1]) / 44_100)
            np.testing.assert_allclose(now[0] / now[1], was[0] / was[1] * expected, rtol=0.015)

    def test_one_delay_for_all_is_dropped(self, tmp_path):
        head = load_sofa(write(tmp_path / "head.sofa", Data_Delay=np.array([[30.0, 30.0]])))
        np.testing.assert_allclose(head.responses, HEAD.responses, atol=1e-7)


def spectrum(head: HRIRSet, index: int, frequencies: np.ndarray) -> np.ndarray:
    taps = np.arange(head.responses.shape[-1])
    return head.responses[index] @ np.exp(-2j * np.pi * np.outer(taps, frequencies) / head.sample_rate)


class TestRefusing:
    def test_a_missing_file(self, tmp_path):
        assert "no such SOFA file" in refused(tmp_path / "none.sofa")

    @pytest.mark.parametrize("content", [b"", b"hello\n" * 1_000, b"\x89HDF\r\n\x1a\n" + bytes(500)])
    def test_another_kind_of_file(self, tmp_path, content):
        path = tmp_path / "head.sofa"
        path.write_bytes(content)
        assert "not a SOFA file" in refused(path)

    def test_a_folder(self, tmp_path):
        assert "no such SOFA file" in refused(tmp_path)

    def test_a_missing_package_is_named_with_its_remedy(self, tmp_path, monkeypatch):
        path = tmp_path / "head.sofa"
        path.write_bytes(b"x")
        monkeypatch.setitem(sys.modules, "sofar", None)
        assert "pip install 'ccstereo[hrtf]'" in refused(path)

    def test_a_file_of_one_ear(self, tmp_path):
        ear = {"ReceiverPosition": np.array([[0.0, 0.09, 0.0]]), "Data_Delay": np.zeros((1, 1))}
        assert "pair of responses" in refused(write(tmp_path / "head.sofa", HEAD.responses[:, :1], **ear))

    def test_a_listener_who_turns_before_one_loudspeaker(self, tmp_path):
        assert "for 1 positions" in refused(write(tmp_path / "head.sofa", SourcePosition=np.array([[0.0, 0.0, 1.4]])))


def test_the_measured_files_name_one_ear_first_and_store_the_other(heads):
    """CIPIC's file says that the right ear comes first; the left one does, and is taken for what it is."""
    if "cipic" not in heads:
        pytest.skip("measured heads are not there")
    path = Path(__file__).parents[3] / "shared" / "stage" / "hrtf" / "CIPIC_subject_003.sofa"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = sofar.read_sofa(str(path), verbose=False)
    assert raw.ReceiverPosition.reshape(-1, 3)[0, 1] < 0  # "right"
    np.testing.assert_array_equal(heads["cipic"].responses, raw.Data_IR.astype(np.float32))
    left, right = np.square(heads["cipic"].nearest(60.0)).sum(-1)
    assert left > 4 * right
