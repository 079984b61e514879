"""Which files are videos, by their names."""

_NAMES = "mp4 m4v mov mkv webm avi flv f4v wmv asf mpg mpeg vob ts mts m2ts mxf dv 3gp 3g2 ogv ogm"
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""Suffixes of files that are taken for videos where a folder is looked through."""
