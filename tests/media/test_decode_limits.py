"""What cannot be read is reported, and memory stays small."""

from pathlib import Path

import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import FrameChunk, MediaReader


def test_arguments(make, tools):
    path = make("a.mp4", sound=tools.clicks(4800, 100))
    for options in ({"frame_rate": 0}, {"frame_rate": -1}, {"frame_size": (0, 10)}):
        with pytest.raises(ValueError, match="positive"):
            MediaReader(path, **options)


def test_needs_frame_and_sound(make, tools):
    with pytest.raises(MediaError, match="has no audio track"):
        MediaReader(make("a.mp4"))
    with pytest.raises(MediaError, match="has no video track"):
        MediaReader(make("b.mp4", [], tools.clicks(4800, 100)))


def noise(count):
    return list(np.random.default_rng(0).integers(0, 255, (count, 64, 96, 3), np.uint8))


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi"])
def test_cut_off(make, tools, name):
    path = make(
        name,
        noise(100),
        tools.clicks(192_000, 100),
        audio={"codec": "libopus", "fmt": "flt"} if name != "a.avi" else {"codec": "pcm_s16le", "fmt": "s16"},
        video=tools.video_for(name),
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"is cut off: its \w+ ends after [123]\.\d\d s of the 4\.0\d s it declares"):
        tools.read(path)


def test_cut_off_fragments(make, tools):
    path = make("a.mp4", noise(100), tools.clicks(192_000, 100), options={"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"a\.mp4: (is cut off|no sound decodes)"):
        tools.read(path)


def test_too_much_damage(make, tools):
    path = make(
        "a.mkv", sound=np.random.default_rng(0).uniform(-1, 1, (2, 192_000)), audio={"codec": "flac", "fmt": "s16"}
    )
    data = path.read_bytes()
    for packet in tools.packets(path, "audio")[10:30]:
        data = data.replace(packet[3], bytes(len(packet[3])))
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.mkv: 1\.92 s of its sound, from 0\.96 s on, do not decode"):
        tools.read(path)


def test_nothing_decodes(make, tools):
    path = make(
        "a.mkv", sound=np.random.default_rng(0).uniform(-1, 1, (2, 48_000)), audio={"codec": "flac", "fmt": "s16"}
    )
    data = path.read_bytes()
    for packet in tools.packets(path, "audio"):
        data = data.replace(packet[3], bytes(len(packet[3])))
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.mkv: no sound decodes from its flac track"):
        MediaReader(path)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc for the memory it uses")
def test_memory_stays_small(big, tools):
    # 60 MB of frames in front of all the sound: a reader that kept what it meets on the way would hold them all.
    used = []
    with MediaReader(big) as reader:
        for chunk in reader:
            if isinstance(chunk, FrameChunk):
                used.append(tools.resident())
    assert len(used) == 600
    assert max(used[20:]) - used[20] < 15e6
