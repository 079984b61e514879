"""Frames on their way into a network."""
