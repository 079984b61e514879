"""Packets of an input, whatever tracks it has."""

from collections.abc import Iterator
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream


def packets(container: InputContainer, *wanted: Stream) -> "Iterator[Packet[Any]]":
    """Yield the packets of the tracks that are wanted, of all if none is named, then PyAV's mark of the end of each.

    A track that a broadcast starts later, which is in no header, is passed over: PyAV fails at the mark of its end,
    which comes after those of the others.

    Raises:
        av.FFmpegError: the input cannot be read on.
    """
    try:
        yield from container.demux(*wanted)
    except IndexError:
        return
