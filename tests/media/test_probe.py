from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from ccstereo.errors import MediaError
from ccstereo.media import probe


def test_tells_what_a_video_holds(make, tools):
    path = make("a.mkv", sound=tools.clicks(48_000, 100), audio={"start": 12_000}, times=range(5, 25))
    info = probe(str(path))
    assert info.path == path
    assert info.container == "matroska,webm"
    assert info.duration == pytest.approx(1.27, abs=0.03)
    assert info.video is not None
    assert info.audio is not None
    video = info.video
    assert (video.codec, video.width, video.height, video.rotation) == ("h264", 96, 64, 0)
    assert video.frame_rate == 25
    assert video.start == pytest.approx(0.2, abs=1e-3)
    audio = info.audio
    assert (audio.codec, audio.sample_rate, audio.channels, audio.layout) == ("aac", 48_000, 2, "stereo")
    assert audio.start == pytest.approx(0.25, abs=1e-3)
    assert (info.other_videos, info.other_audios) == (0, 0)


def test_length_of_the_sound_is_told_where_declared(make, tools):
    info = probe(make("a.mp4", sound=tools.clicks(24_000, 100)))
    assert info.audio is not None
    assert info.audio.duration == pytest.approx(0.5, abs=1e-3)


def test_takes_the_tracks_marked_as_default(make, tools):
    def more(output):
        small, packets = tools.add_video(output, [np.zeros((32, 32, 3), np.uint8)] * 20, range(20))
        sound, sound_packets = tools.add_audio(
            output, tools.clicks(16_000, 100, channels=1), rate=16_000, layout="mono"
        )
        small.disposition = sound.disposition = Disposition.default
        for stream in list(output.streams)[:2]:
            stream.disposition = Disposition(0)
        return [packets, sound_packets]

    info = probe(make("a.mkv", sound=tools.clicks(48_000, 100), extra=more))
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.index, info.video.width) == (2, 32)
    assert (info.audio.index, info.audio.sample_rate) == (3, 16_000)
    assert (info.other_videos, info.other_audios) == (1, 1)


def test_takes_the_best_of_several_defaults(real):
    info = probe(real("nasa_13013.mp4"))
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.width, info.video.height, info.video.frame_rate) == (480, 270, Fraction(30_000, 1001))
    assert info.audio.sample_rate == 16_000
    assert (info.other_videos, info.other_audios) == (1, 1)


def add_cover(output):
    cover = output.add_stream("png", rate=1)
    cover.width = cover.height = 16
    cover.pix_fmt = "rgb24"
    cover.disposition = Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 200, np.uint8))
    return [cover.encode(frame) + cover.encode(None)]


def test_cover_art_is_no_video(make, tools):
    path = make("a.mp4", [], tools.clicks(48_000, 100), extra=add_cover)
    assert probe(path).video is None
    with pytest.raises(MediaError, match=r"a\.mp4: has no video track; give a video"):
        probe(path, require_video=True)


@pytest.mark.parametrize(("degrees", "size"), [(90, (64, 96)), (180, (96, 64)), (-90, (64, 96))])
def test_size_is_as_shown(make, degrees, size):
    video = probe(make("a.mp4", video={"rotation": (degrees,)})).video
    assert video is not None
    assert (video.width, video.height) == size
    assert video.rotation == -degrees % 360


def test_a_frame_without_sound(make):
    path = make("a.mp4")
    assert probe(path).audio is None
    with pytest.raises(MediaError, match=r"a\.mp4: has no audio track; give a video with sound"):
        probe(path, require_audio=True)


def test_names_with_a_colon_or_percent_are_names(make, tools):
    assert probe(make("http:a%03d.mp4", sound=tools.clicks(4800, 100))).video is not None


def test_metadata_in_another_encoding_does_not_matter(make, tools):
    path = make("a.mkv", sound=tools.clicks(4800, 100), extra=lambda o: o.metadata.update(title="ZZZZ") or [])
    path.write_bytes(path.read_bytes().replace(b"ZZZZ", b"Z\xe9\xffZ"))
    assert probe(path).video is not None


def test_missing(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.mp4: no such file; check the path"):
        probe(tmp_path / "gone.mp4")


def test_folder(tmp_path):
    with pytest.raises(MediaError, match="is a folder; give a video file"):
        probe(tmp_path)


def test_empty(tmp_path):
    path = tmp_path / "a.mp4"
    path.touch()
    with pytest.raises(MediaError, match=r"a\.mp4: is empty"):
        probe(path)


@pytest.mark.parametrize("text", ["just a note\n", "größer\n" * 2000, "<html>\n<body>Not found</body></html>"])
def test_text(tmp_path, text):
    path = tmp_path / "a.mp4"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MediaError, match=r"a\.mp4: is a text file, not a video"):
        probe(path)


def test_noise(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(np.random.default_rng(0).integers(0, 255, 5000, np.uint8).tobytes())
    with pytest.raises(MediaError, match=r"a\.mp4: cannot be read as audio or video \("):
        probe(path)


def test_index_missing(make, tools):
    path = make("a.mp4", sound=tools.clicks(48_000, 100))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"a\.mp4: is incomplete: its index \(moov\) is missing"):
        probe(path)


def test_data_cut_off_behind_the_index(make, tools):
    noise = list(np.random.default_rng(0).integers(0, 255, (50, 64, 96, 3), np.uint8))
    path = make("a.mp4", noise, tools.clicks(96_000, 100), options={"movflags": "+faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(
        MediaError, match=r"a\.mp4: is cut off: its video ends after [01]\.\d\d s of the 2\.00 s"
    ) as info:
        probe(path)
    assert "\n" not in str(info.value)
