"""Which files can be written: suffixes, the sound they hold, and the checks made before any work starts."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ccstereo.errors import MediaError
from ccstereo.media.probe import default_video, open_input
from ccstereo.media.source import as_source
from ccstereo.media.tracks import choose_tag
from ccstereo.media.trial import reads_back


@dataclass(frozen=True)
class Container:
    """A kind of video file: FFmpeg's name of its writer, the sound codecs it holds, and the default of ambisonics."""

    muxer: str
    codecs: tuple[str, ...]  # the default first
    ambisonic: str


CONTAINERS = {
    ".mp4": Container("mp4", ("aac", "alac", "flac", "opus"), "aac"),
    ".m4v": Container("mp4", ("aac", "alac", "flac", "opus"), "aac"),
    ".mov": Container("mov", ("aac", "alac", "pcm"), "aac"),
    ".mkv": Container("matroska", ("aac", "opus", "flac", "alac", "pcm"), "opus"),
    ".webm": Container("webm", ("opus",), "opus"),
}
SOUND_FILES = (".wav", ".flac")
SOUND_CODECS = {".wav": ("pcm",), ".flac": ("flac",)}  # what may be asked for of these
LOSSY = ("aac", "opus")
OWN_MARK = ".binaural"  # stands in the names of results, before the suffix
BITRATES = (6_000, 512_000)  # bits a second that the encoders of AAC and Opus take for two channels
CODECS = tuple(dict.fromkeys(codec for container in CONTAINERS.values() for codec in container.codecs))


LONGEST_NAME = 255  # bytes, of a file on all usual systems


def choose_codec(path: Path, codec: str | None, *, ambisonic: bool = False) -> str:
    """The sound codec for a video file: the one asked for, or the default of its container, for ears or ambisonics.

    Raises:
        MediaError: the suffix is unknown, or its container cannot hold the codec.
    """
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        known = ", ".join((*CONTAINERS, *SOUND_FILES))
        raise MediaError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; name it one of {known}")
    if codec is None:
        return container.ambisonic if ambisonic else container.codecs[0]
    if codec not in CODECS:
        raise MediaError(f"{path}: unknown sound codec {codec!r}; use one of {', '.join(CODECS)}")
    if codec not in container.codecs:
        raise MediaError(f"{path}: {path.suffix} cannot hold {codec} sound; use {' or '.join(container.codecs)}")
    return codec


def default_output(source: Path | str) -> Path:
    """Where a video goes if nobody says: beside it, in the same kind of file, or in .mkv where that cannot be written.

    What comes from an address goes into the current folder. A name that would be too long for a file is cut.

    >>> default_output(Path("film.mp4")).name, default_output(Path("film.avi")).name
    ('film.binaural.mp4', 'film.binaural.mkv')
    >>> default_output("https://example.org/a/film.webm?key=1")
    PosixPath('film.binaural.webm')
    """
    path = Path(Path(unquote(urlsplit(source).path)).name or "input") if isinstance(source, str) else source
    ending = f"{OWN_MARK}{path.suffix if path.suffix.lower() in CONTAINERS else '.mkv'}"
    stem = path.stem
    while len(os.fsencode(stem + ending)) > LONGEST_NAME:
        stem = stem[:-1]
    return path.with_name(stem + ending)


def check_output(
    input_path: str | Path,
    output_path: str | Path,
    *,
    codec: str | None = None,
    bitrate: int | None = None,
    reencode: bool = False,
) -> None:
    """Find out before any work whether the output can be written.

    Args:
        input_path: the video to copy.
        output_path: the file to be written: .mp4, .m4v, .mov, .mkv, .webm, or .wav or .flac for the sound alone.
        codec: the sound codec asked for, None for the default.
        bitrate: bits a second asked for, None for the default.
        reencode: whether the video is encoded anew, as H.264.

    Raises:
        MediaError: the output is the input itself (be it through a link) or a folder; its folder is missing or not
            writable; its suffix is unknown; it cannot hold the codec or the input's video; it has no such bitrate;
            the input is unreadable.
    """
    source, target = as_source(input_path), Path(output_path)
    if len(os.fsencode(target.name)) > LONGEST_NAME:
        raise MediaError(f"{target}: its name is too long for a file; name it shorter")
    if target.is_dir():
        raise MediaError(f"{target}: is a folder; name a file in it")
    if target.suffix.lower() in SOUND_FILES:
        if codec is not None and codec not in SOUND_CODECS[target.suffix.lower()]:
            raise MediaError(f"{target}: {target.suffix} cannot hold {codec} sound; leave the codec out")
    else:
        codec = choose_codec(target, codec)
    _check_bitrate(target, codec or target.suffix, bitrate)
    folder = (target.resolve() if target.is_symlink() else target).absolute().parent
    if not folder.is_dir():
        raise MediaError(f"{target}: its folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(f"{target}: its folder {folder} cannot be written to; choose another")
    check_not_input(source, target)
    if target.suffix.lower() in CONTAINERS:
        _check_video(source, target, reencode=reencode)


def check_not_input(source: Path | str, target: Path) -> None:
    """Refuse an output that is the input itself, be it through a link.

    Raises:
        MediaError: it is.
    """
    if isinstance(source, Path) and source.exists() and target.exists() and source.samefile(target):
        raise MediaError(f"{target}: is the input itself; write to another file")


def _check_bitrate(target: Path, codec: str, bitrate: int | None) -> None:
    least, most = BITRATES
    if bitrate is None:
        return
    if codec not in LOSSY:
        raise MediaError(f"{target}: {codec} is lossless and has no bitrate to choose; leave it out")
    if not least <= bitrate <= most:
        raise MediaError(f"{target}: bitrate {bitrate}: {codec} takes {least} to {most} bits a second")


def _way(target: Path, other: str) -> str:
    """What to do about video that an output cannot hold, where `other` outputs can, or none ("")."""
    if target.suffix.lower() == ".webm":  # re-encoded video is H.264
        return f"use {other or '.mkv and --reencode'}"
    return f"use {' or '.join(filter(None, (other, '--reencode')))}"


def _check_video(source: Path | str, target: Path, *, reencode: bool) -> None:
    with open_input(source) as container:
        video = default_video(container)
        if video is None:
            raise MediaError(f"{source}: has no video track; write to .wav or .flac for the sound alone")
        if reencode:
            if target.suffix.lower() == ".webm":
                raise MediaError(f"{target}: .webm cannot hold H.264, as which video is re-encoded; use .mkv")
            return
        muxer = CONTAINERS[target.suffix.lower()].muxer
        held, tag = choose_tag(muxer, video)
        name = video.codec_context.codec.canonical_name
        if held and not reads_back(container, video, muxer, tag):
            raise MediaError(
                f"{target}: {name} video cannot be read from the {target.suffix} files that FFmpeg writes; "
                f"{_way(target, 'another kind of file')}"
            )
        if not held:
            way = _way(target, ".mkv" if choose_tag("matroska", video)[0] else "")
            raise MediaError(f"{target}: {target.suffix} cannot hold {name} video; {way}")
