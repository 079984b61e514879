"""Rooms against pyroomacoustics' own microphones, Eyring's formula and the dry head."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ccstereo.errors import DatasetError
from ccstereo.scenes import spatialize
from ccstereo.scenes.acoustics.hrir import HRIRSet, spherical_head
from ccstereo.scenes.acoustics.room_bank import RoomBank, distances_in, room_bank
from ccstereo.scenes.acoustics.rooms import DISTANCES, MARGIN, Room, room_responses, sample_room

pyroomacoustics = pytest.importorskip("pyroomacoustics")

RATE = 16_000
SPHERE = spherical_head(RATE)
POINT = HRIRSet("point", np.zeros((1, 2)), np.ones((1, 2, 1), dtype=np.float32), RATE)  # no head at all
BOTH = """
import os, pathlib, sys
from ccstereo.scenes import spherical_head
from ccstereo.scenes.acoustics import room_bank as bank

out, compute = pathlib.Path(os.environ["OUT"]), bank.room_responses

def counted(room, *arguments):
    (out / f"room-{os.getpid()}-{room.seed}").touch()
    return compute(room, *arguments)

bank.room_responses = counted
(out / f"ready-{os.getpid()}").touch()
sys.stdin.read()
bank.room_bank(spherical_head(16_000), 6, azimuths=(0.0, 30.0), seconds=0.1, jobs=1, folder=out / "rooms")
"""
BARE = """
from ccstereo.scenes import room_bank, spherical_head

room_bank(spherical_head(16_000), 100, azimuths=(0.0,), seconds=0.01, jobs=2, folder="rooms")
"""
HALL = Room((6.0, 5.0, 3.0), (2.6, 2.2, 1.5), 20.0, 0.4)


def response(room: Room, azimuth: float = 30.0, distance: float = 1.5, head: HRIRSet = SPHERE, **options) -> np.ndarray:
    pair = room_responses(room, head, np.array([azimuth]), np.array([distance]), **options)[0]
    return pair.astype(np.float64)


def reverberation(signal: np.ndarray, start: float = -5.0, end: float = -25.0) -> float:
    """RT60 by Schroeder's backward integration, from the fall between `start` and `end` dB."""
    left = np.cumsum(np.square(signal)[::-1])[::-1]
    level = 10 * np.log10(left / left[0] + 1e-12)
    part = np.flatnonzero((level <= start) & (level >= end))
    return float(-60 / np.polyfit(part / RATE, level[part], 1)[0])


def energy(signal: np.ndarray) -> float:
    return float(np.square(signal).sum())


class TestDirectSound:
    @pytest.mark.parametrize("azimuth", [-60.0, -10.0, 0.0, 35.0])
    def test_is_the_dry_head(self, heads, azimuth):
        """Until the first reflection, from the floor, arrives."""
        for name in set(heads) & {"sphere", "kemar"}:
            head = heads[name].resampled(RATE)
            floor = np.hypot(1.0, 2 * HALL.listener[2]) - 1.0
            before = int(floor / 343 * RATE) - 16
            assert before > 60
            wet = response(HALL, azimuth, 1.0, head)
            np.testing.assert_allclose(wet[:, :before], head.nearest(azimuth)[:, :before], atol=2e-3)

    def test_a_room_that_swallows_everything_is_none(self):
        dead = replace(HALL, rt60=0.01)
        wet = response(dead, 40.0)
        np.testing.assert_allclose(wet[:, :128], SPHERE.nearest(40.0), atol=1e-2)
        assert energy(wet[:, 128:]) < 1e-3 * energy(wet)

    @pytest.mark.parametrize("azimuth", [-50.0, -20.0, 20.0, 50.0])
    def test_the_nearer_ear_hears_it_louder_and_earlier(self, azimuth):
        wet = response(HALL, azimuth)[:, :80]
        near, far = wet if azimuth > 0 else wet[::-1]
        assert energy(near) > 1.3 * energy(far)
        assert np.argmax(np.abs(near)) < np.argmax(np.abs(far))

    def test_turning_the_head_and_the_source_together_changes_it_not(self):
        """The room turned by a right angle about its listener in the middle."""
        one = Room((6.0, 4.0, 3.0), (3.0, 2.0, 1.5), 10.0, 0.3)
        other = Room((4.0, 6.0, 3.0), (2.0, 3.0, 1.5), 100.0, 0.3)
        a, b = response(one, seconds=0.02), response(other, seconds=0.02)  # before images are thinned
        np.testing.assert_allclose(a, b, atol=1e-3)


class TestReflections:
    def test_are_those_that_pyroomacoustics_hears(self, request):
        """At a point without a head, against its own impulse response."""
        # Its high-pass would take the low frequencies, at which images add up.
        request.addfinalizer(lambda: pyroomacoustics.constants.set("rir_hpf_enable", True))
        pyroomacoustics.constants.set("rir_hpf_enable", False)
        theirs = pyroomacoustics.ShoeBox(
            HALL.size, RATE, materials=pyroomacoustics.Material(HALL.absorption), max_order=12, air_absorption=False
        )
        theirs.add_source(np.array(HALL.listener) + 1.5 * HALL.heading(30.0))
        theirs.add_microphone(HALL.listener)
        theirs.compute_rir()  # 1 at a metre
        start = pyroomacoustics.constants.get("frac_delay_length") // 2 + 1.5 / 343 * RATE
        expected = np.asarray(theirs.rir[0][0]) * 1.5
        ours = response(HALL, head=POINT)[0]
        edges = np.arange(8, 1_600, 80)  # energies of 5 ms, of the first 0.1 s
        got = [energy(ours[a:b]) for a, b in pairwise(edges)]
        edges = edges + round(start)
        want = [energy(expected[a:b]) for a, b in pairwise(edges)]
        assert np.abs(10 * np.log10(np.array(got) / np.array(want))[:6]).max() < 1.0  # all images are kept
        assert 10 * np.log10(sum(got) / sum(want)) == pytest.approx(0, abs=0.5)

    def test_the_mirror_image_in_the_floor_is_where_geometry_puts_it(self):
        room = Room((40.0, 40.0, 3.0), (20.0, 20.0, 1.2), 0.0, 1.0)
        wet = response(room, 0.0, 2.0, POINT, seconds=0.02)[0]
        way = np.hypot(2.0, 2 * 1.2)
        arrival = (way - 2.0) / 343 * RATE
        peak = 1 + int(np.argmax(np.abs(wet[1 : round(arrival) + 5])))
        assert peak == pytest.approx(arrival, abs=1)
        near = slice(round(arrival) - 6, round(arrival) + 7)
        assert np.sqrt(energy(wet[near])) == pytest.approx(np.sqrt(1 - room.absorption) * 2.0 / way, rel=0.1)

    def test_come_from_where_they_are(self):
        """A wall at the right ear sends a source on the left back to the right ear."""
        room = Room((12.0, 10.0, 3.5), (6.0, 0.7, 1.7), 0.0, 0.5)
        wet = response(room, 60.0, 3.0, seconds=0.02)
        later = (3.0 * np.sin(np.radians(60)) * 2 + 0.7 * 2) / 343 * RATE  # at least
        assert energy(wet[0, :40]) > 2 * energy(wet[1, :40])
        way = np.hypot(3.0 * np.cos(np.radians(60)), 3.0 * np.sin(np.radians(60)) + 1.4)
        arrival = round((way - 3.0) / 343 * RATE)
        assert arrival < later
        reflected = wet[:, arrival + 20 : arrival + 60]
        assert energy(reflected[1]) > energy(reflected[0])


class TestReverberation:
    @pytest.mark.parametrize("rt60", [0.15, 0.3, 0.6])
    def test_lasts_about_as_long_as_asked(self, rt60):
        rooms = [replace(sample_room(seed), rt60=rt60, softness=0.0) for seed in range(6)]
        measured = [reverberation(response(room, 0.0, 1.0, POINT)[0]) for room in rooms]
        assert np.median(measured) == pytest.approx(rt60, rel=0.25)
        assert min(measured) > 0.75 * rt60

    def test_soft_walls_take_high_frequencies_first(self):
        soft = replace(HALL, softness=0.05)
        hard, wet = (np.abs(np.fft.rfft(response(room)[:, 400:])) for room in (HALL, soft))
        low, high = slice(20, 100), slice(1_500, 2_400)  # of 2,600 bins
        assert 10 * np.log10(energy(wet[:, low]) / energy(hard[:, low])) == pytest.approx(0, abs=1.0)
        assert energy(wet[:, high]) < 0.7 * energy(hard[:, high])

    def test_is_weaker_the_more_the_walls_absorb(self):
        late = [energy(response(replace(HALL, rt60=rt60))[:, 200:]) for rt60 in (0.15, 0.25, 0.4, 0.6)]
        assert (np.diff(late) > 0).all()

    def test_is_weaker_beside_the_direct_sound_the_nearer_the_source(self):
        late = [energy(response(HALL, distance=distance)[:, 300:]) for distance in (0.5, 1.0, 2.0)]
        assert 10 * np.log10(late[1] / late[0]) == pytest.approx(6, abs=1.5)
        assert 10 * np.log10(late[2] / late[1]) == pytest.approx(6, abs=1.5)

    def test_reaches_both_ears_alike_whatever_the_azimuth(self):
        for azimuth in (-60.0, 60.0):
            left, right = response(HALL, azimuth)[:, 800:]
            assert abs(10 * np.log10(energy(left) / energy(right))) < 1.5


class TestSampledRooms:
    def test_have_space_for_sources_and_the_listener(self):
        for seed in range(30):
            room = sample_room(seed)
            assert 0.15 <= room.rt60 <= 0.6
            assert all(0.3 <= x <= extent - 0.3 for x, extent in zip(room.listener, room.size, strict=True))
            azimuths = np.arange(-60.0, 61.0, 5.0)
            for azimuth, distance in zip(azimuths, distances_in(room, list(azimuths)), strict=True):
                assert DISTANCES[0] <= distance <= DISTANCES[1]
                place = np.array(room.listener) + distance * room.heading(azimuth)
                assert (place > MARGIN - 1e-6).all()
                assert (place < np.array(room.size) - MARGIN + 1e-6).all()

    def test_the_seed_makes_them_again(self):
        assert sample_room(3) == sample_room(3) != sample_room(4)
        assert response(sample_room(3), 5.0, 1.0).tobytes() == response(sample_room(3), 5.0, 1.0).tobytes()

    def test_a_source_behind_a_wall_is_an_error(self):
        with pytest.raises(DatasetError, match="no place at 0 degrees and 9 m"):
            response(HALL, 0.0, 9.0)

    def test_without_pyroomacoustics_one_line_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
        with pytest.raises(DatasetError, match=r"pip install 'ccstereo\[rooms\]'"):
            response(HALL)


class TestBank:
    @pytest.fixture
    def bank(self, tmp_path) -> RoomBank:
        return room_bank(SPHERE, 3, seed=7, azimuths=(-30.0, 0.0, 30.0), seconds=0.1, folder=tmp_path)

    def test_holds_what_the_rooms_are_computed_to(self, bank):
        assert len(bank) == 3
        assert (bank.responses.shape, bank.responses.dtype) == ((3, 3, 2, 1_600), np.float16)
        room = sample_room(8)
        expected = room_responses(room, SPHERE, np.array(bank.azimuths), distances_in(room, bank.azimuths), 0.1)
        np.testing.assert_array_equal(bank.responses[1], expected.astype(np.float16))

    def test_is_read_again_and_the_same_with_more_processes(self, bank, tmp_path, monkeypatch):
        options = {"seed": 7, "azimuths": (-30.0, 0.0, 30.0), "seconds": 0.1}
        other = room_bank(SPHERE, 3, **options, jobs=2, folder=tmp_path / "other")
        np.testing.assert_array_equal(bank.responses, other.responses)
        monkeypatch.setattr("ccstereo.scenes.acoustics.room_bank.room_responses", None)
        again = room_bank(SPHERE, 3, **options, folder=tmp_path)
        np.testing.assert_array_equal(bank.responses, again.responses)
        assert len(list(tmp_path.glob("*.npy"))) == 1  # no temporary one is left

    def test_takes_the_cores_unless_rooms_are_few(self, tmp_path, monkeypatch):
        asked = []

        def one_by_one(task, items, jobs):
            asked.append(jobs)
            return [(item, task(item)) for item in items]

        monkeypatch.setattr("ccstereo.scenes.acoustics.room_bank.map_items", one_by_one)
        monkeypatch.setattr("os.cpu_count", lambda: 8)
        for rooms in (3, 100):
            room_bank(POINT, rooms, azimuths=(0.0,), seconds=0.001, folder=tmp_path)
        assert asked == [1, 8]

    def test_two_processes_compute_it_once(self, tmp_path):
        """Both start at the same moment and write a file for every room that they compute."""
        script = tmp_path / "both.py"
        script.write_text(BOTH)
        environment = {**os.environ, "OUT": str(tmp_path)}
        runs = [subprocess.Popen([sys.executable, str(script)], env=environment, stdin=subprocess.PIPE) for _ in "ab"]
        while len(list(tmp_path.glob("ready-*"))) < 2:
            assert all(run.poll() is None for run in runs)
            time.sleep(0.01)
        for run in runs:
            run.stdin.close()
        assert [run.wait() for run in runs] == [0, 0]
        assert len(list(tmp_path.glob("room-*"))) == 6

    def test_a_script_without_a_guard_is_told_of_it(self, tmp_path):
        """Its processes would begin by running it, and wait for the lock that waits for them."""
        script = tmp_path / "bare.py"
        script.write_text(BARE)
        done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=200)
        assert done.returncode == 1
        assert 'put `if __name__ == "__main__":` around what your script does' in done.stderr

    @pytest.mark.usefixtures("bank")
    def test_another_head_or_setting_is_another_file(self, tmp_path):
        room_bank(spherical_head(RATE, radius=0.09), 1, seconds=0.1, folder=tmp_path, azimuths=(0.0,))
        room_bank(SPHERE, 1, seconds=0.1, folder=tmp_path, azimuths=(0.0,))
        assert len(list(tmp_path.glob("*.npy"))) == 3

    def test_a_room_stands_in_the_place_of_the_head(self, bank):
        wet = bank[0]
        assert (wet.responses.shape, wet.responses.dtype) == ((3, 2, 1_600), np.float32)
        dry = np.random.default_rng(0).standard_normal(4_000).astype(np.float32)
        out = spatialize(dry, np.array([28.0]), wet)
        np.testing.assert_allclose(out[0], np.convolve(dry, wet.responses[2, 0])[:4_000], atol=1e-3)
        assert spatialize(dry, np.array([-30.0, 30.0]), wet).shape == (2, 4_000)

    def test_a_folder_that_cannot_be_written_is_one_line(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DatasetError, match="cannot keep rooms there"):
            room_bank(SPHERE, 1, seconds=0.1, folder=tmp_path / "file")
