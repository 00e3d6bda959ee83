"""Fingerprints by which an image and a model are recognised."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import torch

from napari_sam2.arrays import ArrayLike
from napari_sam2.model import Sam2

_ROWS = 64  # of each frame that is looked at
_WEIGHTS = 256  # of each tensor that is looked at


def image_fingerprint(data: ArrayLike) -> str:
    """Digest of shape, type and some rows of the first, middle and last frame.

    Parameters
    ----------
    data : (T, Y, X), (T, Y, X, C) or (Y, X) array-like
        Three frames of it are read.

    Returns
    -------
    str
        32 hexadecimal digits; the same for the same pixels, however they are stored.
    """
    dtype = np.dtype(data.dtype)
    shape = tuple(int(length) for length in data.shape)
    digest = blake2b(f"{shape} {dtype.kind}{dtype.itemsize}".encode(), digest_size=16)
    frames = sorted({0, shape[0] // 2, shape[0] - 1}) if len(shape) > 2 else [None]
    for t in frames:
        frame = np.asarray(data[...] if t is None else data[t])
        rows = frame[:: max(1, len(frame) // _ROWS)]
        digest.update(np.ascontiguousarray(rows, dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def model_fingerprint(model: Sam2) -> str:
    """Digest of the names and shapes of all weights and of some of their values.

    Parameters
    ----------
    model : Sam2
        On any device.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = blake2b(digest_size=16)
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)}".encode())
        flat = weight.detach().flatten()
        some = flat[:: max(1, len(flat) // _WEIGHTS)].to("cpu", torch.float32)
        digest.update(some.numpy().tobytes())
    return digest.hexdigest()
