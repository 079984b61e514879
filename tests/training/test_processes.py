"""Two processes train as one does with the same batch, and divide the items."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ccstereo.training.loading import FreshSampler, SplitSampler

SCRIPT = Path(__file__).with_name("run_processes.py")


@pytest.mark.parametrize("size", [1, 5, 8])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_item_of_a_validation_comes_once(size: int, processes: int) -> None:
    samplers = [SplitSampler(size, rank, processes) for rank in range(processes)]
    assert sorted(item for sampler in samplers for item in sampler) == list(range(size))
    assert [len(sampler) for sampler in samplers] == [len(list(sampler)) for sampler in samplers]


@pytest.mark.parametrize("size", [6, 7])
def test_fresh_items_are_divided_evenly(size: int) -> None:
    samplers = [FreshSampler(size, rank, 3) for rank in range(3)]
    seen = []
    for epoch in range(3):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        items = [list(sampler) for sampler in samplers]
        assert {len(part) for part in items} == {2} == {len(sampler) for sampler in samplers}
        seen += itertools.chain(*items)
    assert len(set(seen)) == len(seen) == 18


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, Any]]]:
    """What one process and each of two say after the same steps."""
    folder = tmp_path_factory.mktemp("processes")
    for processes in (1, 2):
        command = [sys.executable, str(SCRIPT), str(processes), str(folder / str(processes))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
    return {count: [torch.load(folder / f"{count}.{rank}") for rank in range(count)] for count in (1, 2)}


def test_two_processes_have_the_windows_of_one(runs) -> None:
    (one,), two = runs[1], runs[2]
    assert len(one["windows"]) == 12
    assert sorted(two[0]["windows"] + two[1]["windows"]) == pytest.approx(one["windows"])
    assert len(two[0]["windows"]) == 6


def test_two_processes_log_what_one_logs(runs) -> None:
    (one,), two = runs[1], runs[2]
    names = {name for name in one["metrics"] if name != "val/phase"}
    assert {"train/loss", "val/one/stft_to_mono", "val/two/louder_ear", "val/stft_to_mono"} <= names
    for process in two:
        assert {name: process["metrics"][name] for name in names} == pytest.approx(
            {name: one["metrics"][name] for name in names}, rel=1e-4
        )


def test_two_processes_end_with_the_same_weights(runs) -> None:
    (one,), two = runs[1], runs[2]
    for name, weight in one["weights"].items():
        assert torch.equal(two[0]["weights"][name], two[1]["weights"][name])
        torch.testing.assert_close(
            that_count(name, two[0]["weights"][name]), that_count(name, weight), atol=1e-4, rtol=1e-3
        )


def that_count(name: str, weight: torch.Tensor) -> torch.Tensor:
    """Leave out the keys' bias of an attention.

    All keys share it, so softmax does not know of it: its gradient is rounding, which Adam makes as large as a step.
    """
    if not name.endswith("in_proj_bias"):
        return weight
    query, _, value = weight.chunk(3)
    return torch.cat([query, value])


def test_attention_does_not_know_of_the_bias_of_its_keys() -> None:
    torch.manual_seed(0)
    attention = torch.nn.MultiheadAttention(32, 8, batch_first=True)
    asked, seen = torch.randn(2, 5, 32), torch.randn(2, 7, 32)
    before = attention(asked, seen, seen)[0]
    with torch.no_grad():
        attention.in_proj_bias[32:64] += torch.randn(32)
    torch.testing.assert_close(attention(asked, seen, seen)[0], before, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        attention.in_proj_bias[:32] += torch.randn(32)
    assert not torch.allclose(attention(asked, seen, seen)[0], before, atol=1e-3)
