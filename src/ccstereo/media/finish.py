"""The last hand on an MP4 or QuickTime file: what FFmpeg's writer leaves out of its index, or rounds."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Stream

from ccstereo.media.copying import Copied, PacketCopier
from ccstereo.media.encode import SoundEncoder
from ccstereo.media.movie import Movie, Node, media_timescale, parse, set_edits, set_length
from ccstereo.media.tracks import add_copy

# Boxes of a video's sample entry that FFmpeg writes into .mp4 only: Dolby Vision's.
_DOLBY_VISION = (b"dvcC", b"dvvC", b"dvwC")
# Names of Matroska's elements: what a file is, and its length, the latter with its size of 8 bytes.
_INFO, _DURATION = bytes.fromhex("1549a966"), bytes.fromhex("448988")
_MATROSKA_HEAD = 1 << 16
_VIDEO_ENTRY = 8 + 78  # a box's header and the fields of a video's sample entry


def finish_movie(path: Path, muxer: str, encoder: SoundEncoder, copier: PacketCopier, metadata: dict[str, str]) -> None:
    """Write edit lists to the sample, Dolby Vision's box and all metadata, and move the index to the front.

    Args:
        path: a file that FFmpeg's writer has closed, its index at the end.
        muxer: FFmpeg's name of the writer, "mp4" or "mov".
        encoder: of its sound.
        copier: of its other tracks.
        metadata: what the file should hold.
    """
    movie = Movie(path)
    for index, track in _written(movie, encoder, copier).items():
        if index == encoder.stream.index:
            if encoder.priming is not None:
                priming = encoder.priming * media_timescale(track) // encoder.rate
                set_edits(movie, track, start=encoder.start, media_time=priming, length=encoder.length)
            if encoder.ambisonic:
                _mark_ambisonic(track)
            continue
        copied = copier.copied[index]
        if copied.stream.type == "video":
            _show(movie, track, copied)
            if muxer == "mov" and copied.stream.codec_context.codec.canonical_name in ("hevc", "h264", "av1"):
                _keep_dolby_vision(track, copied.stream)
    set_length(movie)
    _keep_metadata(path, muxer, movie, metadata)
    movie.save()


def finish_matroska(path: Path, end: Fraction) -> None:
    """Have a Matroska file declare that it ends after so many seconds: FFmpeg's writer adds the sound's priming."""
    with path.open("r+b") as file:
        head = file.read(_MATROSKA_HEAD)
        at = head.find(_DURATION, max(0, head.find(_INFO)))
        if at >= 0:
            file.seek(at + len(_DURATION))
            file.write(struct.pack(">d", float(1000 * end)))  # in the file's unit, a millisecond


def _written(movie: Movie, encoder: SoundEncoder, copier: PacketCopier) -> dict[int, Node]:
    """The tracks of the file by their index in the output; the writer skips those that got no packets."""
    indices = sorted(
        index for index, copied in copier.copied.items() if copied.first_decoded is not None and not copied.still
    )
    if encoder.priming is not None:
        indices = sorted([*indices, encoder.stream.index])
    return dict(zip(indices, movie.tracks, strict=False))


def _show(movie: Movie, track: Node, copied: Copied) -> None:
    if copied.shown is None or copied.first_decoded is None:
        return
    media_time = round((copied.shown - copied.first_decoded) * media_timescale(track))
    set_edits(movie, track, start=copied.shown, media_time=media_time, length=copied.end - copied.shown)


def _mark_ambisonic(track: Node) -> None:
    """Say that the channels are first-order ambisonics, by the box of Google's Spatial Audio RFC.

    https://github.com/google/spatial-media/blob/master/docs/spatial-audio-rfc.md: version 0; periphonic; order 1;
    channels in the order of ACN, normalised as SN3D; how many, and which one each of them is.
    """
    table = track.find(b"mdia", b"minf", b"stbl", b"stsd")
    if table is not None and table.boxes:
        version_and_type, order, ordering_and_normalisation = bytes(2), (1).to_bytes(4, "big"), bytes(2)
        channels = b"".join(number.to_bytes(4, "big") for number in (4, 0, 1, 2, 3))
        fields = version_and_type + order + ordering_and_normalisation + channels
        table.boxes[0].fields += bytes(Node(b"SA3D", fields))


def _keep_dolby_vision(track: Node, stream: Stream) -> None:
    table = track.find(b"mdia", b"minf", b"stbl", b"stsd")
    if table is None or not table.boxes:
        return
    entry = table.boxes[0]
    for box in parse(_as_mp4(stream).fields[_VIDEO_ENTRY - 8 :]):
        if box.name in _DOLBY_VISION and box.name not in entry.fields:
            entry.fields += bytes(box)


def _as_mp4(stream: Stream) -> Node:
    """The sample entry of a video as FFmpeg writes it into .mp4."""
    buffer = io.BytesIO()
    options = {"movflags": "empty_moov", "strict": "unofficial"}
    with av.open(buffer, "w", format="mp4", container_options=options) as output:
        add_copy(output, stream, None)
        output.start_encoding()
    for box in parse(buffer.getvalue()):
        table = box.find(b"trak", b"mdia", b"minf", b"stbl", b"stsd")
        if table is not None and table.boxes:
            return table.boxes[0]
    return Node(b"")


def _keep_metadata(path: Path, muxer: str, movie: Movie, metadata: dict[str, str]) -> None:
    """Keep entries that FFmpeg has no place for, such as Apple's, as QuickTime does: under their own names."""
    with av.open(f"file:{path}", "r", metadata_errors="replace") as written:
        held = {key.lower() for key in written.metadata}
    missing = {key: value for key, value in metadata.items() if key.lower() not in held and value}
    if not missing:
        return
    handler = Node(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    names = b"".join(bytes(Node(b"mdta", key.encode())) for key in missing)
    keys = Node(b"keys", bytes(4) + len(missing).to_bytes(4, "big") + names)
    items = [
        Node(number.to_bytes(4, "big"), b"", [Node(b"data", (1).to_bytes(4, "big") + bytes(4) + value.encode())])
        for number, value in enumerate(missing.values(), 1)
    ]
    fields = b"" if muxer == "mov" else bytes(4)  # version and flags, which QuickTime's box does not have
    movie.moov.boxes.append(Node(b"meta", fields, [handler, keys, Node(b"ilst", b"", items)]))
