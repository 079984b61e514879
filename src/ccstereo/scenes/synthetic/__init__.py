"""Synthetic photos and sounds, made from a seed alone."""
