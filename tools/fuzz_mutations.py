"""Ways in which files go wrong: bits flip, pieces go missing or come twice, lengths lie, heads are of another file."""

from collections.abc import Callable, Sequence

import numpy as np

# What programs trip over where they expect a length, a count or an offset.
ODD_NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEAD = 4096  # bytes: where most containers have what describes the rest


def mutate(data: bytes, others: Sequence[bytes], seed: Sequence[int]) -> tuple[bytes, str]:
    """Damage a file in one to three ways.

    Args:
        data: of the file.
        others: of files whose pieces may be put into it.
        seed: makes the same damage again.

    Returns:
        The damaged file, and what was done to it.
    """
    random = np.random.default_rng(seed)
    done = []
    for _ in range(random.choice([1, 2, 3], p=[0.6, 0.3, 0.1])):
        name = random.choice(list(MUTATIONS))
        data = MUTATIONS[name](data or b"\0", others[random.integers(len(others))], random)
        done.append(str(name))
    return data, "+".join(done)


def _place(data: bytes, random: np.random.Generator) -> int:
    """A position: in the head, the tail, or anywhere, each as likely."""
    low, high = {0: (0, HEAD), 1: (len(data) - HEAD, len(data)), 2: (0, len(data))}[int(random.integers(3))]
    return int(random.integers(max(0, low), max(1, min(high, len(data)))))


def _length(data: bytes, random: np.random.Generator) -> int:
    """Of a piece: from a byte to half the file, short ones as likely as long ones."""
    return int(2 ** random.uniform(0, np.log2(max(2, len(data) // 2))))


def _bits(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(2 ** random.uniform(0, 6))):
        changed[_place(data, random)] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _bytes(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(2 ** random.uniform(0, 5))):
        changed[_place(data, random)] = int(random.integers(256))
    return bytes(changed)


def _number(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    """Put a number where a length may stand."""
    at, size = _place(data, random), int(random.choice([1, 2, 4, 8]))
    value = int(random.choice([*ODD_NUMBERS, len(data), int(random.integers(2**32))])) % 256**size
    return data[:at] + value.to_bytes(size, "big" if random.random() < 0.5 else "little") + data[at + size :]


def _add_to_number(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    """Make a number a little larger or smaller."""
    at, size = _place(data, random), int(random.choice([1, 2, 4]))
    order = "big" if random.random() < 0.5 else "little"
    value = (int.from_bytes(data[at : at + size], order) + int(random.integers(-20, 21))) % 256**size
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def _cut(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at + _length(data, random) :]


def _twice(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    at, length = _place(data, random), _length(data, random)
    return data[: at + length] + data[at:]


def _zeros(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    at, length = _place(data, random), _length(data, random)
    return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]


def _noise(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    at, length = _place(data, random), _length(data, random)
    return data[:at] + random.bytes(len(data[at : at + length])) + data[at + length :]


def _insert(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[:at] + random.bytes(_length(data, random)) + data[at:]


def _swap(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    """Exchange two neighbouring pieces."""
    at, one, two = _place(data, random), _length(data, random), _length(data, random)
    return data[:at] + data[at + one : at + one + two] + data[at : at + one] + data[at + one + two :]


def _truncate(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    return data[: _place(data, random)]


def _head_of_another(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    length = min(_length(other, random), HEAD)
    return other[:length] + data[length:]


def _piece_of_another(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    at, start, length = _place(data, random), _place(other, random), _length(other, random)
    return data[:at] + other[start : start + length] + data[at + length :]


def _another_behind(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    return data + other[_place(other, random) :]


MUTATIONS: dict[str, Callable[[bytes, bytes, np.random.Generator], bytes]] = {
    function.__name__[1:]: function
    for function in (
        _bits,
        _bytes,
        _number,
        _add_to_number,
        _cut,
        _twice,
        _zeros,
        _noise,
        _insert,
        _swap,
        _truncate,
        _head_of_another,
        _piece_of_another,
        _another_behind,
    )
}
