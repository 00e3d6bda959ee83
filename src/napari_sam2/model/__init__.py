"""The SAM 2 network: presets, weights and the modules of the network."""

import os

os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")  # before torch comes in

from napari_sam2.model.checkpoint import build_model, load_model, read_state, recognise
from napari_sam2.model.config import PRESETS, EncoderConfig, Sam2Config, image_sizes
from napari_sam2.model.sam2 import Sam2
from napari_sam2.model.tensors import Decoded, FrameFeatures, MemoryTokens, PromptTensors

__all__ = [
    "PRESETS",
    "Decoded",
    "EncoderConfig",
    "FrameFeatures",
    "MemoryTokens",
    "PromptTensors",
    "Sam2",
    "Sam2Config",
    "build_model",
    "image_sizes",
    "load_model",
    "read_state",
    "recognise",
]
