"""Packets of inputs whose tracks are not all in the header, and packets that move in time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ccstereo.media.demuxing import packets
from ccstereo.media.timing import Shift

OTHER = {"mpegts_start_pid": "0x200", "mpegts_pmt_start_pid": "0x1100", "tables_version": "1"}


def test_a_track_that_starts_later_ends_nothing(make, tools, tmp_path: Path) -> None:
    """A broadcast's second sound, far behind the packets that are probed: PyAV fails at the end of the file."""
    first = make("first.ts", tools.grays(20) * 12, tools.clicks(10 * 48_000, 100))
    more = tmp_path / "more.ts"
    with av.open(str(more), "w", format="mpegts", container_options=OTHER) as output:
        for packet in tools.add_audio(output, tools.clicks(48_000, 100), codec="mp2")[1]:
            output.mux(packet)
    late = tmp_path / "late.ts"
    late.write_bytes(first.read_bytes() + more.read_bytes())
    with av.open(str(late)) as container, pytest.raises(IndexError):  # else this module is of no use any more
        list(container.demux())
    with av.open(str(late)) as container:
        known = len(container.streams)
        found = list(packets(container))
        assert all(packet.stream.index < known for packet in found)
        assert sum(packet.size > 0 and packet.stream.type == "video" for packet in found) == 240


@pytest.mark.parametrize("by", [Fraction(2, 25), Fraction(-1024, 48_000), Fraction(1, 3)])
def test_packets_move_by_any_time(make, tools, by: Fraction) -> None:
    with av.open(str(make("a.mkv", tools.grays(5), np.zeros((2, 9600), np.float32)))) as container:
        for packet in container.demux(video=0):
            if packet.size:
                before = (packet.pts * packet.time_base, packet.duration * packet.time_base)
                (moved,) = Shift(by).push(packet)
                assert abs(moved.pts * moved.time_base - before[0] - by) < Fraction(1, 90_000)
                assert abs(moved.duration * moved.time_base - before[1]) < Fraction(1, 90_000)
