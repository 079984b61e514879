"""Binaural sound for video: a mono soundtrack becomes one heard in space, guided by what the pictures show."""
