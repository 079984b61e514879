"""360 degree videos in the raw layouts of the YouTube sets, with their quirks, made on the spot."""

import shutil
import struct
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

RATE = 48_000
SECONDS = 3
AZIMUTH = 60.0  # of the dot and of the sound
NAMES = {
    "plain": "opus_wyzx_0",
    "flat": "missing_z_1",
    "eyes": "topbottom_2",
    "cube": "eac_as_er_3",
    "pair": "two_files_8",
    "area": "equal_area9",
    "cut": "truncated_4",
    "stereo": "twochannel5",
    "quiet": "silent_mid6",
    "absent": "deleted_id7",
}


def world(seed):
    """A sphere painted with smooth noise, equirectangular, and a red dot on the left."""
    rng = np.random.default_rng(seed)
    azimuth = np.pi * (1 - 2 * (np.arange(480) + 0.5) / 480)
    elevation = np.pi * (0.5 - (np.arange(240) + 0.5) / 240)[:, None]
    axes = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation) + 0 * azimuth
    picture = np.zeros((240, 480, 3))
    for _ in range(12):
        phase = sum(w * axis for w, axis in zip(rng.normal(0, 3, 3), axes, strict=True))
        picture += np.cos(phase + rng.uniform(0, 6))[..., None] * rng.normal(0, 1, 3)
    picture = np.clip(110 + 18 * picture + 30 * axes[2][..., None], 0, 200).astype(np.uint8)
    column = round((0.5 - AZIMUTH / 360) * 480)
    picture[110:130, column - 10 : column + 10] = (255, 0, 0)
    return picture


def laid_out(picture, output):
    """The picture in another layout of FFmpeg's v360."""
    graph = Graph()
    source = graph.add_buffer(width=480, height=240, format=av.VideoFormat("gbrp"), time_base=Fraction(1))
    remap, sink = graph.add("v360", f"input=e:output={output}"), graph.add("buffersink")
    source.link_to(remap)
    remap.link_to(sink)
    graph.configure()
    graph.push(av.VideoFrame.from_ndarray(picture).reformat(format="gbrp"))
    return graph.pull().to_ndarray(format="rgb24")


def field(azimuth=AZIMUTH, height=True):
    """W, Y, Z, X of noise from a side."""
    noise = np.random.default_rng(1).normal(0, 0.1, RATE * SECONDS).astype(np.float32)
    a, e = np.radians(azimuth), np.radians(20.0 if height else 0.0)
    gains = [1, np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)]
    return np.array(gains, np.float32)[:, None] * noise


def write(path, picture, sound, codec=None, layout=None, **options):
    """Write a still picture, None for none, and sound (C, T), None for none."""
    with av.open(str(path), "w") as output:
        if picture is not None:
            video = output.add_stream("libx264", rate=10, options={"preset": "ultrafast", "qp": "10"})
            video.height, video.width, video.pix_fmt = *picture.shape[:2], "yuv420p"
        if sound is not None:
            audio = output.add_stream(codec, rate=RATE, options=options)
            audio.layout = layout
            if codec != "flac":
                audio.bit_rate = 128_000 * len(sound)
        if picture is not None:
            for _ in range(10 * SECONDS):
                output.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
            output.mux(video.encode(None))
        if sound is not None:
            for frame in frames(sound, codec, layout):
                output.mux(audio.encode(frame))
            output.mux(audio.encode(None))


def frames(sound, codec, layout):
    kind = {"flac": "s16", "aac": "fltp", "libopus": "flt"}[codec]
    for start in range(0, sound.shape[1], 960):
        block = sound[:, start : start + 960]
        if kind == "s16":
            block = np.rint(block * 32767).astype(np.int16)
        data = np.ascontiguousarray(block if kind == "fltp" else block.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(data, kind, layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame


def box(name, *content):
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), name) + data


def tag_equirectangular(path):
    """Give an mp4, whose index is at its end, an sv3d box."""
    projection = box(b"proj", box(b"prhd", bytes(16)), box(b"equi", bytes(20)))
    extra = box(b"sv3d", box(b"svhd", bytes(4), b"test\0"), projection)
    chain = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1")

    def insert(data, names):
        out, position = b"", 0
        while position < len(data):
            size, name = struct.unpack(">I4s", data[position : position + 8])
            body = data[position + 8 : position + size]
            if name == names[0]:
                head = {b"stsd": 8, b"avc1": 78}.get(name, 0)
                body = body[:head] + (insert(body[head:], names[1:]) if names[1:] else body[head:] + extra)
            out += box(name, body)
            position += size
        return out

    path.write_bytes(insert(path.read_bytes(), chain))


def make_360(folder):
    """Videos of `NAMES`, in which a dot and its sound are at `AZIMUTH`, but for what their names say."""
    (folder / "more").mkdir(parents=True)
    foa = field()
    picture = world(0)
    plain = folder / f"A walk [{NAMES['plain']}].mkv"
    write(plain, picture, foa, "libopus", "4.0", mapping_family="255")
    shutil.copy(plain, folder / "more" / f"{NAMES['plain']}.mkv")  # the same id twice
    write(folder / "more" / f"{NAMES['flat']}.mkv", picture, field(height=False)[[0, 1, 3]], "flac", "3.0")
    aac = np.zeros((6, foa.shape[1]), np.float32)
    aac[[2, 1, 4, 0]] = foa  # as YouTube puts W, Y, Z, X into a 5.1 track
    write(folder / f"{NAMES['eyes']}.mp4", np.concatenate([picture, world(0)]), aac, "aac", "5.1")
    write(folder / f"{NAMES['cube']}.mp4", laid_out(picture, "eac:w=480:h=320"), foa, "aac", "4.0")
    tag_equirectangular(folder / f"{NAMES['cube']}.mp4")
    write(folder / f"{NAMES['pair']}.video.mp4", picture, None)  # as spatialaudiogen downloads them
    write(folder / f"{NAMES['pair']}.audio.f338.webm", None, foa, "libopus", "4.0", mapping_family="255")
    write(folder / f"{NAMES['area']}.mkv", laid_out(picture, "cylindricalea:w=480:h=152"), foa, "flac", "4.0")
    cut = folder / f"{NAMES['cut']}.mp4"
    write(cut, picture, foa, "aac", "4.0")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    write(folder / f"{NAMES['stereo']}.mkv", picture, foa[:2], "flac", "stereo")
    quiet = foa.copy()
    quiet[:, RATE - 500 : 2 * RATE + 500] = 0  # the second second; resampling rings at the edges
    quiet[1:, 2 * RATE :] = 0  # the third: mono
    write(folder / f"{NAMES['quiet']}.mkv", picture, quiet, "flac", "4.0")
    write(folder / "not_in_list.mkv", picture, foa, "flac", "4.0")
    return folder


def write_lists(folder):
    """YT-MUSIC of all, and REC-STREET of four of them."""
    (folder / "subsets").mkdir(parents=True)
    few = ("plain", "flat", "cut", "quiet")
    for name, ids, count in (("YT-Music", list(NAMES.values()), 4), ("REC-Street", [NAMES[k] for k in few], 2)):
        for number in (1, 2, 3):
            (folder / "subsets" / f"{name}.train.{number}.lst").write_text("\n".join(ids[:-count]))
            (folder / "subsets" / f"{name}.test.{number}.lst").write_text("\n".join(ids[-count:]))
        (folder / "subsets" / f"{name}.lst").write_text("\n".join(ids))
    return folder
