"""Data sets: what networks are trained and scored on."""
