"""A precision that the processor would imitate is not trained in."""

import pytest
import torch

from ccstereo.training.precision import affordable_precision


@pytest.mark.parametrize(
    ("capability", "precision", "accelerator", "expected"),
    [
        ("AVX2", "bf16-mixed", "cpu", "32-true"),
        ("DEFAULT", "bf16-true", "auto", "32-true"),
        ("AVX2", "16-mixed", "cpu", "32-true"),
        ("AVX512", "bf16-mixed", "cpu", "bf16-mixed"),
        ("AVX2", "bf16-mixed", "gpu", "bf16-mixed"),
        ("AVX2", "32-true", "cpu", "32-true"),
        ("AVX2", None, "cpu", None),
    ],
)
def test_float32_where_a_cpu_imitates_the_precision(monkeypatch, capability, precision, accelerator, expected) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert affordable_precision(precision, accelerator) == expected


def test_auto_is_the_accelerator_where_there_is_one(monkeypatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert affordable_precision("bf16-mixed", "auto") == "bf16-mixed"
