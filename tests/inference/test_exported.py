"""Every registered model runs in OpenVINO and ONNX Runtime, and computes there what it does in PyTorch."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_models  # noqa: F401  (registers clips of frames and several targets)
from ccstereo import Binauralizer
from ccstereo.cli.main import main
from ccstereo.errors import BackendError, WeightsError
from ccstereo.inference import TorchBackend, cache, load, load_backend, make_backend
from ccstereo.inference.export import export_network
from ccstereo.inference.exported import NETWORK_NAME, is_exported, read_exported
from ccstereo.locate import weights_sha256
from ccstereo.models import create_model, list_models, save_model
from small import SMALL, SMALL_OF

PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime"}
SIZES = SMALL_OF | {  # that convert in seconds; models that are not here are taken as they are
    "ccstereo-lite": SMALL | {"context": 40_800},
    "mono2binaural": {"resize": (68, 132), "frame_size": (64, 128)},  # with its ResNet
}
TOLERANCE = 1e-4  # of the largest value


@pytest.fixture(params=PACKAGES)
def backend(request) -> str:
    if find_spec(PACKAGES[request.param]) is None:
        pytest.skip(f"needs {PACKAGES[request.param]}")
    return request.param


def small(name: str, **config: object):
    torch.manual_seed(1)
    return create_model(name, **SIZES.get(name, {}) | config).eval()


def assert_near(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=TOLERANCE * np.abs(wanted).max())


@pytest.mark.parametrize("name", list_models())
def test_every_model_computes_the_same(name: str, backend: str) -> None:
    model = small(name)
    config = model.config
    ours, theirs = TorchBackend(model), make_backend(model, backend)
    assert theirs.name == backend
    rng = np.random.default_rng(0)
    clip = (config.clip_frames,) if config.clip_frames > 1 else ()
    frames = rng.integers(0, 256, (5, *clip, 3, *config.frame_size), dtype=np.uint8)
    features = ours.encode_frames(frames)
    assert_near(theirs.encode_frames(frames), features)
    bins, length = config.spectrogram_size
    spec = rng.standard_normal((5, 2, bins, length)).astype(np.float32)
    context = None
    for frames_around in (length, 90):  # of a short clip, and of a longer one
        around = rng.standard_normal((5, 2, bins, frames_around)).astype(np.float32)
        context = ours.encode_context(around)
        if context is None:
            assert theirs.encode_context(around) is None
        else:
            assert_near(theirs.encode_context(around), context)
    assert_near(theirs.predict(spec, features, context), ours.predict(spec, features, context))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(small("tiny-mid-side"), tmp_path_factory.mktemp("weights"))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("CCSTEREO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "networks"


@pytest.fixture
def conversions(monkeypatch) -> list[str]:
    """What is converted from here on."""
    from ccstereo.inference import export

    found: list[str] = []
    monkeypatch.setattr(
        export,
        "export_network",
        lambda model, *rest, **named: found.append(model.name) or export_network(model, *rest, **named),
    )
    return found


def sound(binauralizer: Binauralizer) -> np.ndarray:
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (12, 24, 48, 3), dtype=np.uint8)
    return binauralizer.binauralize(0.1 * rng.standard_normal(20_000), 16_000, frames)


def test_a_converted_network_is_kept_and_made_again_when_something_changes(
    weights: Path, kept: Path, conversions: list[str], tmp_path: Path, monkeypatch
) -> None:
    pytest.importorskip("onnxruntime")
    first = sound(Binauralizer.from_pretrained(weights, backend="onnx"))
    np.testing.assert_allclose(first, sound(Binauralizer.from_pretrained(weights, backend="torch")), atol=1e-5)
    np.testing.assert_array_equal(first, sound(Binauralizer.from_pretrained(weights, backend="onnx")))
    assert len(conversions) == 1
    (folder,) = kept.iterdir()

    next(folder.glob("frames.onnx")).write_bytes(b"torn")
    np.testing.assert_array_equal(first, sound(Binauralizer.from_pretrained(weights, backend="onnx")))
    assert len(conversions) == 2  # a damaged one is made again

    other = shutil.copytree(weights, tmp_path / "other")
    model = small("tiny-mid-side")
    with torch.no_grad():
        model.mask.bias += 0.1
    save_model(model, other)
    assert np.abs(sound(Binauralizer.from_pretrained(other, backend="onnx")) - first).max() > 1e-3
    assert len(conversions) == 3  # of other weights
    monkeypatch.setattr(load, "versions", lambda _: {"onnxruntime": "another"})
    sound(Binauralizer.from_pretrained(other, backend="onnx"))
    assert len(conversions) == 4
    assert all(is_exported(folder) for folder in kept.iterdir())  # nothing half made lies about


def test_a_folder_that_cannot_be_written_is_no_error(weights: Path, tmp_path: Path, conversions, monkeypatch) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "file").touch()
    monkeypatch.setenv("CCSTEREO_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        sound(Binauralizer.from_pretrained(weights, backend="onnx"))
    assert len(conversions) == 1  # kept as long as this process


def test_where_the_cache_is(monkeypatch) -> None:
    monkeypatch.delenv("CCSTEREO_CACHE")
    monkeypatch.setattr(cache.platform, "system", lambda: "Linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache.cache_folder() == Path("/caches/ccstereo")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == Path.home() / ".cache" / "ccstereo"


class TestAuto:
    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch, kept: Path) -> None:
        assert not kept.exists()
        monkeypatch.setattr(load, "quickest_backend", lambda _: "onnx")

    def test_what_cannot_be_converted_is_run_by_torch_and_says_why(self, weights: Path, monkeypatch) -> None:
        from ccstereo.inference import export

        def fail(*_: object) -> None:
            raise RuntimeError("no such operator\nand more")

        monkeypatch.setattr(export, "_write_onnx", fail)
        lines: list[str] = []
        assert load_backend(weights, tell=lines.append).name == "torch"
        assert "cannot be converted for onnx (no such operator)" in lines[-1]
        with pytest.raises(BackendError, match="no such operator"):
            load_backend(weights, backend="onnx")

    def test_what_computes_something_else_is_not_taken(self, weights: Path, monkeypatch) -> None:
        pytest.importorskip("onnxruntime")
        from ccstereo.inference import export

        write = export._write_onnx

        def wrong(part, path) -> None:
            part.module.register_forward_hook(lambda _module, _given, out: 1.01 * out)
            write(part, path)

        monkeypatch.setattr(export, "_write_onnx", wrong)
        with pytest.raises(BackendError, match=r"something else in onnx, by 1\.0%"):
            load_backend(weights, backend="onnx")

    def test_other_devices_are_torchs(self, weights: Path, monkeypatch) -> None:
        asked = []
        monkeypatch.setattr(load, "choose_device", lambda _: "cuda")
        monkeypatch.setattr(load, "_load_torch", lambda _weights, device, *_: asked.append(device))
        load_backend(weights)
        assert asked == ["cuda"]
        with pytest.raises(BackendError, match="onnx runs on the CPU"):
            load_backend(weights, backend="onnx", device="cuda")


def test_a_missing_package_is_named_with_its_extra(weights: Path, monkeypatch, kept) -> None:
    monkeypatch.setattr(load, "find_spec", lambda _: None)
    with pytest.raises(BackendError, match=r"pip install 'ccstereo\[fast\]'"):
        load_backend(weights, backend="openvino")
    with pytest.raises(BackendError, match=r"pip install 'ccstereo\[onnx\]'"):
        load_backend(weights, backend="onnx")


def test_converting_needs_a_package_that_running_does_not(tmp_path: Path, monkeypatch) -> None:
    from ccstereo.inference import export

    monkeypatch.setattr(export, "find_spec", lambda _: None)
    with pytest.raises(BackendError, match=r"by the package onnx: pip install 'ccstereo\[onnx\]'"):
        export_network(small("tiny-mid-side"), tmp_path / "net", "onnx")


@pytest.fixture(scope="module")
def exported(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("exported") / "net"
    export_network(small("tiny-mid-side"), folder, "onnx")
    return folder


def test_an_exported_folder_is_weights(exported: Path, weights: Path) -> None:
    ours = Binauralizer.from_pretrained(exported)
    assert ours.runs_on == "cpu (onnx, float32)"
    np.testing.assert_allclose(sound(ours), sound(Binauralizer.from_pretrained(weights, backend="torch")), atol=1e-5)
    with pytest.raises(WeightsError, match="written by ccstereo export"):
        _ = ours.model
    with pytest.raises(BackendError, match="exported for onnx"):
        Binauralizer.from_pretrained(exported, backend="openvino")


@pytest.mark.parametrize("fault", ["missing", "torn", "format", "json"])
def test_a_damaged_folder_is_refused(exported: Path, tmp_path: Path, fault: str) -> None:
    folder = shutil.copytree(exported, tmp_path / "net")
    if fault == "missing":
        (folder / "windows.onnx").unlink()
    elif fault == "torn":
        (folder / "windows.onnx").write_bytes((folder / "windows.onnx").read_bytes()[:-1])
    elif fault == "format":
        values = json.loads((folder / NETWORK_NAME).read_text())
        (folder / NETWORK_NAME).write_text(json.dumps(values | {"format": 99}))
    else:
        (folder / NETWORK_NAME).write_text("{")
    with pytest.raises(WeightsError, match=r"net.*export the weights again"):
        read_exported(folder)


def test_what_was_compiled_is_kept_and_not_trusted_when_damaged(weights: Path, kept: Path, monkeypatch) -> None:
    if find_spec("openvino") is None:
        pytest.skip("needs openvino")
    from ccstereo.inference.backends.openvino import import_openvino

    openvino = import_openvino()
    first = sound(Binauralizer.from_pretrained(weights, backend="openvino"))
    (folder,) = kept.iterdir()
    blobs = sorted(folder.glob("*.blob"))
    assert [blob.name.split(".")[0] for blob in blobs] == ["frames", "windows"]

    compiled = []
    compile_model = openvino.Core.compile_model
    monkeypatch.setattr(
        openvino.Core, "compile_model", lambda *given: compiled.append(given[1].stem) or compile_model(*given)
    )
    np.testing.assert_array_equal(first, sound(Binauralizer.from_pretrained(weights, backend="openvino")))
    assert compiled == []
    content = bytearray(blobs[1].read_bytes())
    content[len(content) // 2] ^= 255
    blobs[1].write_bytes(content)
    blobs[0].write_bytes(b"")
    np.testing.assert_array_equal(first, sound(Binauralizer.from_pretrained(weights, backend="openvino")))
    assert sorted(compiled) == ["frames", "windows"]
    np.testing.assert_array_equal(first, sound(Binauralizer.from_pretrained(weights, backend="openvino")))
    assert len(compiled) == 2  # kept again


def test_a_network_that_another_process_kept_first_stays(kept: Path, weights: Path) -> None:
    """It may be reading it at this moment."""
    pytest.importorskip("onnxruntime")
    model = small("tiny-mid-side")

    def make(folder: Path) -> None:
        export_network(model, folder, "onnx")
        shutil.copytree(folder, kept / folder_name)  # the other one is done meanwhile
        (kept / folder_name / "of the other").touch()

    facts = {"some": "facts"}
    folder_name = cache.cached_network(facts, lambda folder: export_network(model, folder, "onnx")).name
    shutil.rmtree(kept / folder_name)
    assert (cache.cached_network(facts, make) / "of the other").is_file()
    assert [path.name for path in kept.iterdir()] == [folder_name]


def test_no_telemetry_is_loaded() -> None:
    if find_spec("openvino") is None:
        pytest.skip("needs openvino")
    from ccstereo.inference.backends.openvino import import_openvino

    import_openvino()
    assert sys.modules.get("openvino_telemetry") is None


def test_export_from_the_command_line(weights: Path, tmp_path: Path, capsys) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "net"
    assert main(["export", str(weights), "-o", str(out), "--format", "onnx"]) == 0
    assert f"--weights {out}" in capsys.readouterr().out
    network = read_exported(out)
    assert (network.backend, network.model, network.precision) == ("onnx", "tiny-mid-side", "float32")
    assert network.weights_sha256 == weights_sha256(weights)
    np.testing.assert_allclose(
        sound(Binauralizer.from_pretrained(out)),
        sound(Binauralizer.from_pretrained(weights, backend="torch")),
        atol=1e-5,
    )
    for wrong in (["-o", str(out)], ["-o", str(tmp_path / "x"), "--int8", "--format", "onnx"]):
        with pytest.raises(SystemExit, match="2"):
            main(["export", str(weights), *wrong])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net"]


def test_a_conversion_says_what_it_ran_on(exported: Path, clip: Path, tmp_path: Path, capsys) -> None:
    assert main(["binauralize", str(clip), "-o", str(tmp_path / "out.wav"), "--weights", str(exported)]) == 0
    assert "times real time) on cpu (onnx, float32), side-to-mid ratio" in capsys.readouterr().out


def test_8_bits_are_near(tmp_path: Path, weights: Path, capsys) -> None:
    if find_spec("nncf") is None or find_spec("openvino") is None:
        pytest.skip("needs nncf and openvino")
    out = tmp_path / "net"
    assert main(["export", str(weights), "-o", str(out), "--int8", "--scenes", "2"]) == 0
    assert read_exported(out).precision == "int8"
    scores = read_exported(out).scores
    assert set(scores) == {"float32", "int8"}
    assert scores["int8"]["stft_to_mono"] == pytest.approx(scores["float32"]["stft_to_mono"], rel=0.1)
    assert min(trial[of] for trial in scores.values() for of in ("frame", "window")) > 0
    assert "| int8 | " in capsys.readouterr().out
    plain = tmp_path / "plain"
    export_network(small("tiny-mid-side"), plain, "openvino")
    assert (out / "windows.bin").read_bytes() == (plain / "windows.bin").read_bytes()  # frames alone take 8 bits
    exact = sound(Binauralizer.from_pretrained(weights, backend="torch"))
    near = sound(Binauralizer.from_pretrained(out))
    assert 0 < np.abs(near - exact).max() < 0.1 * np.abs(exact).max()
