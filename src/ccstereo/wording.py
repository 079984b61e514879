"""How messages and reports put things."""


def counted(count: int, noun: str) -> str:
    """A number with its noun, which takes an s in the plural.

    >>> counted(1, "clip"), counted(0, "clip"), counted(2_000, "clip")
    ('1 clip', '0 clips', '2000 clips')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
