"""Simulated scenes: pictures and sounds placed on a stage, with the truth of who is heard where."""
