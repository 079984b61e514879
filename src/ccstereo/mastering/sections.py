"""Second-order filters in a row, on NumPy alone: `scipy.signal` takes half a second to import."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_BLOCK = 32  # samples that are filtered as one
_GROUP = 32  # blocks whose states are found as one
_TOGETHER = 2 * _GROUP * _BLOCK  # samples of a product of matrices: BLAS divides larger ones among threads, which spin


class Sections:
    """Filters sound (C, T) that comes in pieces; what comes out does not depend on how it was cut.

    A block's output is linear in its samples and in the state before it, (C, 2 N) numbers, and the states before a
    group of blocks are linear in the state before the group and in what each block adds: all these responses are found
    once, sample by sample.

    Args:
        sections: (N, 6), each b0, b1, b2, 1, a1, a2, in the order in which they are applied.
        channels: C.
    """

    def __init__(self, sections: NDArray[np.float64], channels: int) -> None:
        order = 2 * len(sections)
        response, after = _walk(sections, 1.0, np.zeros(order))
        lag = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
        self._by_samples = np.where(lag >= 0, response[lag], 0.0).T  # (earlier sample, output)
        self._state_of_samples = after[::-1]  # (sample, state behind the block)
        walks = [_walk(sections, 0.0, unit) for unit in np.eye(order)]
        self._by_state = np.stack([outputs for outputs, _ in walks])  # (state before, output)
        self._state_of_state = np.stack([states for _, states in walks], axis=1)  # (samples - 1, before, behind)
        powers = [np.eye(order)]
        for _ in range(_GROUP):
            powers.append(powers[-1] @ self._state_of_state[-1])
        self._states_of_state = np.concatenate(powers, axis=1)  # (before the group, before each block, last: behind it)
        self._states_of_added = np.zeros((_GROUP, order, _GROUP + 1, order))  # of a block, in the state before a later
        for block in range(_GROUP):
            for later in range(block + 1, _GROUP + 1):
                self._states_of_added[block, :, later] = powers[later - block - 1]
        self._state = np.zeros((channels, order))

    def push(self, sound: NDArray[np.floating]) -> NDArray[np.float64]:
        """Filter the next piece (C, T)."""
        exact = sound.astype(np.float64)
        pieces = [self._push(exact[:, at : at + _TOGETHER]) for at in range(0, exact.shape[1], _TOGETHER)]
        return np.concatenate(pieces or [exact], axis=1)

    def _push(self, sound: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = sound.shape[1] // _BLOCK
        blocks = sound[:, : whole * _BLOCK].reshape(len(sound), whole, _BLOCK)
        before = self._states(blocks @ self._state_of_samples)
        done = (blocks @ self._by_samples + before @ self._by_state).reshape(len(sound), -1)
        rest = sound[:, whole * _BLOCK :]
        return np.concatenate([done, self._rest(rest)], axis=1) if rest.shape[1] else done

    def _states(self, added: NDArray[np.float64]) -> NDArray[np.float64]:
        """The states (C, blocks, 2 N) before blocks that add so much to it, (C, blocks, 2 N)."""
        channels, blocks, order = added.shape
        before = np.empty_like(added)
        for at in range(0, blocks, _GROUP):
            group = added[:, at : at + _GROUP]
            count = group.shape[1]
            of_added = self._states_of_added[:count, :, : count + 1].reshape(count * order, -1)
            states = self._state @ self._states_of_state[:, : (count + 1) * order]
            states += group.reshape(channels, -1) @ of_added
            before[:, at : at + count] = states[:, :-order].reshape(channels, count, order)
            self._state = states[:, -order:]
        return before

    def _rest(self, sound: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filter less than a block."""
        length = sound.shape[1]
        done: NDArray[np.float64] = (
            sound @ self._by_samples[:length, :length] + self._state @ self._by_state[:, :length]
        )
        self._state = self._state @ self._state_of_state[length - 1] + sound @ self._state_of_samples[-length:]
        return done


def _walk(
    sections: Iterable[Iterable[float]], first: float, state: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A block's outputs (T,), and the state behind each sample (T, 2 N), after one sample and a state (2 N,)."""
    memory, outputs, states = state.tolist(), [], []
    for index in range(_BLOCK):
        value = first if index == 0 else 0.0
        for place, (b0, b1, b2, _, a1, a2) in zip(range(0, len(memory), 2), sections, strict=True):
            found = b0 * value + memory[place]
            memory[place : place + 2] = b1 * value - a1 * found + memory[place + 1], b2 * value - a2 * found
            value = found
        outputs.append(value)
        states.append(list(memory))
    return np.array(outputs), np.array(states)
