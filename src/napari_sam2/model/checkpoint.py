"""Load a network from a checkpoint: official `.pt` files and our own safetensors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_sam2.model import cell_head, cell_unet
from napari_sam2.model.config import PRESETS, MemoryReach, Precision, Sam2Config, WindowMode
from napari_sam2.model.registry import EMBEDDED, checkpoint_path
from napari_sam2.model.sam2 import Sam2

StateDict = dict[str, Tensor]


def load_model(
    name: str | Path = "cells",
    device: str | torch.device = "auto",
    *,
    precision: Precision = "exact",
    image_size: int | None = None,
    memory_reach: MemoryReach = "whole",
    windows: WindowMode | None = None,
    compiled: bool = False,
) -> Sam2:
    """Load a network for inference.

    Parameters
    ----------
    name : str or Path
        `cells`, the name of an official checkpoint that has been downloaded (`sam2.1_tiny`, ...),
        or the path of a `.pt` or `.safetensors` file, whose architecture is found
        from its weights.
    device : str or torch.device
        `auto` takes CUDA, then MPS, then the CPU.
    precision : str
        `exact`, or `fast` for bfloat16 products on a CPU that has them.
    image_size : int, optional
        Side of the input in pixels, if it is not the one that the network was trained for (1024 for
        the official ones): 512 is several times faster and sees half the detail. Position tables
        are interpolated.
    memory_reach : str
        `whole`, or `local` for memory attention and masks that are restricted to the neighbourhood
        of small objects.
    windows : str, optional
        `whole`: the network sees whole frames. `auto`: it sees a square around each object, at the
        resolution of the movie, which keeps the detail of small objects in large frames. `small`:
        it sees squares around objects that would be narrower than a token, 16 pixels of its
        input, in the whole frame, and the whole frame otherwise. Default: that of the preset,
        `whole` for the official networks.
    compiled : bool
        Whether the image encoder is compiled at its first use, which takes a minute or so and pays
        for long movies on a GPU. Where no compiler works it runs as it is.

    Returns
    -------
    Sam2
        In evaluation mode, without gradients.

    Raises
    ------
    FileNotFoundError
        If the file is missing or the official checkpoint has not been downloaded.
    ValueError
        If the file is no SAM 2 checkpoint, or device, precision, memory reach or image size
        are unknown.
    """
    target = resolve_device(device)
    if str(name) in PRESETS:
        config, state = PRESETS[str(name)], read_state(checkpoint_path(str(name)))
        if str(name) == EMBEDDED:
            state = {key: value.float() for key, value in state.items()}
    else:
        state = read_state(Path(name))
        config = recognise(state)
    config = replace(
        config,
        precision=precision,
        image_size=image_size or config.image_size,
        memory_reach=memory_reach,
        windows=windows or config.windows,
    )
    model = build_model(config, state).to(target)
    if compiled:
        model.compile_encoder()
    return model


def named_or_file(name: str) -> str | Path:
    """Preset or checkpoint file that a user means.

    Parameters
    ----------
    name : str
        A preset, with ``"tiny"`` for ``"sam2.1_tiny"`` and so on, or the path of a file.

    Returns
    -------
    str or Path
        What `load_model` takes.

    Raises
    ------
    ValueError
        If it is neither a preset nor a file.
    """
    for preset in (name, f"sam2.1_{name}"):
        if preset in PRESETS:
            return preset
    if Path(name).is_file():
        return Path(name)
    raise ValueError(f"there is no model {name!r}; expected {', '.join(PRESETS)}, or a file")


def build_model(config: Sam2Config, state: StateDict | None = None) -> Sam2:
    """A network of this configuration, in evaluation mode.

    Parameters
    ----------
    config : Sam2Config
        Its sizes.
    state : dict of str to Tensor, optional
        Weights under official names; without them the network is random. The network has a cell
        head and a cell U-Net if they have one.

    Returns
    -------
    Sam2

    Raises
    ------
    ValueError
        If names or shapes of the weights do not fit.
    """
    model = Sam2(config if state is None else with_head_of(config, state))
    if state is not None:
        try:
            model.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise ValueError(f"these weights do not fit {config.name}: {error}") from error
    return model.eval().requires_grad_(False)


def with_head_of(config: Sam2Config, state: StateDict) -> Sam2Config:
    """The configuration with a cell head and a cell U-Net exactly if the weights have them."""
    return replace(
        config,
        cell_head=any(name.startswith(cell_head.PREFIX) for name in state),
        cell_unet=any(name.startswith(cell_unet.PREFIX) for name in state),
    )


def read_state(path: Path) -> StateDict:
    """Read the weights of a checkpoint file; code inside pickles is never run.

    Parameters
    ----------
    path : Path
        `.safetensors`, or a file of `torch.save`: the state dict itself or under `model`.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated or holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    if _is_compressed(path):
        raise ValueError(
            f"{path.name} is compressed, as no checkpoint is: it could grow to any size"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # a damaged file makes the readers stumble in any way
        raise ValueError(
            f"{path.name} is no readable checkpoint (truncated, or not made of plain weights): "
            f"{type(error).__name__}"
        ) from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{path.name} holds no SAM 2 weights: expected a dict of tensors")
    return state


def _is_compressed(path: Path) -> bool:
    """Whether a ZIP file has parts that grow when they are read; PyTorch only stores them."""
    if not is_zipfile(path):
        return False
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return False  # PyTorch raises an error that names the reason
    return any(part.compress_type != ZIP_STORED for part in parts) or (
        sum(part.file_size for part in parts) > path.stat().st_size
    )


def recognise(state: StateDict) -> Sam2Config:
    """Find the configuration that fits the weights.

    Parameters
    ----------
    state : dict of str to Tensor
        Weights under official names.

    Returns
    -------
    Sam2Config
        The preset whose names and widths these are; only `cells` is named by its own file.

    Raises
    ------
    ValueError
        If no preset fits.
    """
    kernel = state.get("image_encoder.trunk.patch_embed.proj.weight")
    if kernel is None or "sam_mask_decoder.mask_tokens.weight" not in state:
        raise ValueError("these are no SAM 2 weights: image encoder or mask decoder is missing")
    width = kernel.shape[0]
    prefix = "image_encoder.trunk.blocks."
    depth = len({key.split(".")[3] for key in state if key.startswith(prefix)})
    is_2_1 = "no_obj_embed_spatial" in state
    for config in PRESETS.values():
        fits = (config.encoder.embed_dim, sum(config.encoder.stages)) == (width, depth)
        if fits and config.occlusion_embedding == is_2_1:
            return replace(config)
    sizes = ", ".join(PRESETS)
    raise ValueError(
        f"an encoder of width {width} with {depth} blocks is none of the known sizes: {sizes}"
    )


def resolve_device(device: str | torch.device) -> torch.device:
    """The device that a name means.

    Parameters
    ----------
    device : str or torch.device
        `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If the name is unknown or this machine has no such device.
    """
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device {device!r}: use auto, cpu, cuda or mps") from error
    is_missing = (target.type == "cuda" and not torch.cuda.is_available()) or (
        target.type == "mps" and not torch.backends.mps.is_available()
    )
    if is_missing:
        raise ValueError(f"no {target.type} device on this machine: use cpu or auto")
    return target
