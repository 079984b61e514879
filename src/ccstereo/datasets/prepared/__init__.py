"""The prepared layout: its files, how they are built, read, checked and cut into windows."""
