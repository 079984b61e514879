import json
import subprocess
import sys

import pytest
import torch

from ccstereo.metrics import functional as F

pytest.importorskip("torchmetrics")

from ccstereo.metrics import modules as M

FACTORIES = {
    "stft": (lambda: M.STFTDistance(normalize=True), lambda p, t: F.stft_distance(p, t, normalize=True)),
    "mag": (M.MagnitudeDistance, F.magnitude_distance),
    "phs": (M.PhaseDistance, F.phase_distance),
    "env": (lambda: M.EnvelopeDistance(normalize=True), lambda p, t: F.envelope_distance(p, t, normalize=True)),
    "wav": (lambda: M.WaveformDistance(reduction="sum"), lambda p, t: F.waveform_distance(p, t, reduction="sum")),
    "snr": (M.SignalToNoiseRatio, F.signal_to_noise_ratio),
    "spl": (lambda: M.SPLDistance(16000), lambda p, t: F.spl_distance(p, t, 16000)),
    "ild": (lambda: M.ILDError(16000), lambda p, t: F.ild_error(p, t, 16000)),
    "itd": (lambda: M.ITDError(16000), lambda p, t: F.itd_error(p, t, 16000)),
    "louder": (M.LouderEarAccuracy, F.louder_ear_correct),
    "mrstft": (M.MultiResolutionSTFT, F.multi_resolution_stft),
}

SYNC = """
import sys, torch, torch.distributed as dist
from ccstereo.metrics import modules as M
rank, store = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
pred, target, azimuths, metrics = torch.load(sys.argv[3], weights_only=False)
part = slice(0, 3) if rank == 0 else slice(3, 5)  # shares of unlike size
for metric in metrics:
    metric.update(pred[part], (azimuths if isinstance(metric, M.AzimuthError) else target)[part])
    print(metric.compute().tolist(), flush=True)
dist.destroy_process_group()
"""


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_mean_over_batches_is_the_mean_over_clips(name):
    make, score = FACTORIES[name]
    metric = make()
    pred, target = torch.randn(2, 5, 2, 8000)
    target = target * torch.tensor([0.3, 1.0])[:, None]
    for start, stop in ((0, 1), (1, 4), (4, 5)):
        metric.update(pred[start:stop], target[start:stop])
    assert torch.allclose(metric.compute(), score(pred, target).mean(0), rtol=1e-4)
    metric.reset()
    metric.update(pred[0], target[0])  # one clip needs no batch axis
    assert torch.allclose(metric.compute(), score(pred[0], target[0]), rtol=1e-4)


def test_one_truth_does_not_stand_for_many():
    with pytest.raises(ValueError, match="differ in shape"):
        M.WaveformDistance().update(torch.zeros(3, 2, 100), torch.zeros(2, 100))


def test_undefined_scores_are_left_out():
    x = torch.randn(1000)
    left, even = torch.stack([x, 0.1 * x]), torch.stack([x, x])
    metric = M.LouderEarAccuracy()
    metric.update(torch.stack([left, left.flip(0), left]), torch.stack([left, left, even]))
    assert metric.compute().item() == 0.5
    bands = M.ILDError(16000, edges=(500, 1000, 2000))
    tone = torch.sin(2 * torch.pi * 700 / 16000 * torch.arange(8000))
    bands.update(torch.stack([tone, tone]), torch.stack([tone, 0.5 * tone]))
    low, high = bands.compute().tolist()
    assert low == pytest.approx(6.02, abs=0.01)
    assert high != high


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_a_prediction_that_is_nan_is_not_left_out(name):
    """Weights that give NaN on half the clips must not look good on the other half."""
    metric = FACTORIES[name][0]()
    target = torch.randn(2, 2, 8000) * torch.tensor([0.3, 1.0])[:, None]
    pred = target.clone()
    pred[1] = torch.nan
    metric.update(pred, target)
    assert metric.compute().isnan().all()
    assert metric.count.max() == 2


def test_azimuth_takes_true_angles():
    bank = torch.tensor([[[1.0, 0, 0], [0, 0, 0.5]], [[0, 0, 0.5], [1.0, 0, 0]]])
    metric = M.AzimuthError(16000, bank, torch.tensor([30.0, -30.0]))
    x = torch.randn(4000)
    left = torch.stack([x, 0.5 * x.roll(2)])
    metric.update(torch.stack([left, left.flip(0)]), torch.tensor([30.0, 10.0]))
    assert metric.compute().item() == pytest.approx(20)
    assert not metric.state_dict()


def test_two_processes_agree_with_one(tmp_path):
    """Every class, on shares of three clips and two, of which some are undefined."""
    names = sorted(FACTORIES)
    bank = torch.tensor([[[1.0, 0, 0], [0, 0, 0.5]], [[0, 0, 0.5], [1.0, 0, 0]]])
    pred, target = torch.randn(2, 5, 2, 4000)
    target = target * torch.tensor([[0.3, 1.0], [1.0, 1.0], [1.0, 0.4], [1.0, 1.0], [0.2, 1.0]])[..., None]
    azimuths = torch.tensor([30.0, -30.0, 10.0, 0.0, 30.0])
    metrics = [*(FACTORIES[name][0]() for name in names), M.AzimuthError(16000, bank, torch.tensor([30.0, -30.0]))]
    torch.save((pred, target, azimuths, metrics), tmp_path / "clips")
    command = [sys.executable, "-c", SYNC]
    workers = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store"), str(tmp_path / "clips")], stdout=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    printed = [worker.communicate(timeout=240)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert printed[0] == printed[1]
    for metric, line in zip(metrics, printed[0].splitlines(), strict=True):
        metric.update(pred, azimuths if isinstance(metric, M.AzimuthError) else target)
        assert torch.allclose(torch.tensor(json.loads(line)), metric.compute(), rtol=1e-4), type(metric)


def test_the_package_loads_no_optional_library():
    heavy = ("torchmetrics", "auraloss", "scipy.stats")
    code = f"import sys, ccstereo.metrics; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
