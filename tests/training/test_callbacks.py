"""Which weights a training keeps."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from ccstereo.training import callbacks
from ccstereo.training.data import StageData
from small import SMALL


@pytest.mark.parametrize(("seen", "kept"), [(False, "best.ckpt"), (True, "last.ckpt")])
def test_a_validation_of_files_that_were_trained_on_chooses_no_weights(seen, kept, tmp_path, monkeypatch) -> None:
    best, last = ModelCheckpoint(), callbacks.LastCheckpoint(str(tmp_path))
    best.best_model_path, last.saved_step = "best.ckpt", 2
    data = StageData(train_on_validation=seen, model_config=SMALL)
    trainer = SimpleNamespace(
        callbacks=[best, last], datamodule=data, is_global_zero=True, default_root_dir=str(tmp_path)
    )
    exported = []
    monkeypatch.setattr(callbacks, "export_checkpoint", lambda path, folder: exported.append((Path(path).name, folder)))
    callbacks.ExportWeights().on_fit_end(trainer, None)
    assert exported == [(kept, tmp_path / "weights")]
