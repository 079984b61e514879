"""Where weights lie, and what their configuration says: without torch, which takes longer to load than they do."""

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from safetensors import SafetensorError, safe_open

from ccstereo.errors import WeightsError

EMBEDDED = Path(__file__).parent / "weights"
CONFIG_NAME = "config.json"
MODEL_NAME = "model.safetensors"
NETWORK_NAME = "network.json"  # of a folder that `ccstereo export` wrote
HUB_PREFIX = "hf-hub:"
HUB = "https://huggingface.co"


def list_weights() -> list[str]:
    """Names of the weights that come with the package."""
    if not EMBEDDED.is_dir():
        return []
    return sorted(folder.name for folder in EMBEDDED.iterdir() if (folder / MODEL_NAME).is_file())


def weights_sha256(weights: str | Path) -> str:
    """SHA-256 of the file that `load_model` would read, to tell in a record which weights were used.

    Of a folder that `ccstereo export` wrote it is that of its `network.json`, which holds one of every other file.

    Raises:
        WeightsError: the weights are not found.
    """
    exported = Path(weights) / NETWORK_NAME
    file = exported if exported.is_file() else locate(weights)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def locate(weights: str | Path) -> Path:
    """Find the safetensors file of weights, see `ccstereo.load_model` for what is taken; fetch it if need be.

    Raises:
        WeightsError: they are not found.
    """
    text = str(weights)
    if text.startswith(HUB_PREFIX):
        return _download(text.removeprefix(HUB_PREFIX))
    if text in list_weights():
        return EMBEDDED / text / MODEL_NAME
    path = Path(weights)
    if path.is_dir():
        if (path / MODEL_NAME).is_file():
            return path / MODEL_NAME
        if (path / NETWORK_NAME).is_file():
            raise WeightsError(
                f"{path} was written by ccstereo export and can only be run: give it to binauralize, or the weights "
                "that it was made of here"
            )
        raise WeightsError(f"{path} holds no {MODEL_NAME}; give a folder that save_model or import-checkpoint wrote")
    if path.is_file():
        if path.suffix == ".safetensors":
            return path
        raise WeightsError(f"{path} is no .safetensors file; a checkpoint of other code goes through import-checkpoint")
    raise WeightsError(
        f"no weights {text!r}: neither a folder, nor a .safetensors file, nor '{HUB_PREFIX}owner/name', nor one of "
        f"those that come with the package ({', '.join(list_weights()) or 'none'})"
    )


def _download(repository: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise WeightsError(
            f"{HUB_PREFIX}{repository} needs the huggingface_hub package: pip install 'ccstereo[hub]'"
        ) from error
    name, _, revision = repository.partition("@")
    # Without a network the hub's client tries for half a minute; what it has fetched before it has at once.
    options: dict[str, Any] = {} if _resolves(os.environ.get("HF_ENDPOINT", HUB)) else {"local_files_only": True}
    try:
        hf_hub_download(name, CONFIG_NAME, revision=revision or None, **options)
        return Path(hf_hub_download(name, MODEL_NAME, revision=revision or None, **options))
    except Exception as error:  # the hub's errors share no base: HTTP, validation, offline, disk
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"cannot fetch {HUB_PREFIX}{repository}: {reason}") from error


def _resolves(address: str) -> bool:
    """Whether a server's name is known here, or a proxy knows it."""
    if getproxies():
        return True
    try:
        socket.getaddrinfo(urlsplit(address).hostname, 443)
    except OSError:
        return False
    return True


def read_config(model_file: Path, prefer_inside: bool = False) -> dict[str, Any]:
    """Read the configuration beside a safetensors file or inside it.

    A single file's inner one counts first (`prefer_inside`), else a folder's config.json.

    Raises:
        WeightsError: there is none, or it is not of the form {"model": name, "config": {...}}.
    """
    beside = model_file.with_name(CONFIG_NAME)
    inside = None
    if prefer_inside or not beside.is_file():
        try:
            with safe_open(model_file, framework="np") as file:
                inside = (file.metadata() or {}).get("config")
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"cannot read {model_file}: {error}; the file is damaged, fetch it again") from error
    source = model_file if inside is not None else beside
    try:
        config = json.loads(inside if inside is not None else beside.read_text())
    except OSError as error:
        raise WeightsError(f"{model_file} has no configuration inside and no {CONFIG_NAME} beside it") from error
    except ValueError as error:
        raise WeightsError(f"the configuration in {source} is not JSON: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("model"), str):
        raise WeightsError(f'the configuration in {source} is not of the form {{"model": name, "config": {{...}}}}')
    return config
