"""Device use: number formats of the network, and batches that fit into the memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from napari_sam2.model import Sam2
from napari_sam2.model.products import has_quick_bfloat16

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


@contextmanager
def inference(model: Sam2) -> Iterator[None]:
    """Disable gradients, and enable bfloat16 where it makes the device faster."""
    device = model.device.type
    is_fast = device == "cpu" and model.config.precision == "fast" and has_quick_bfloat16()
    with (
        torch.inference_mode(),
        torch.autocast(device, torch.bfloat16, enabled=device == "cuda" or is_fast),
    ):
        yield


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error means that the device or the computer ran out of memory."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class Batches:
    """Splits work into batches, and makes them smaller when the device runs out of memory.

    Parameters
    ----------
    size : int
        Most items in one batch.
    device : torch.device
        Device of the computation.
    offload : callable
        Frees device memory when batches cannot get smaller; returns whether it freed any.
    """

    def __init__(self, size: int, device: torch.device, offload: Callable[[], bool]) -> None:
        self._size = size
        self._device = device
        self._offload = offload

    def run(
        self, items: Sequence[Item], work: Callable[[list[Item]], list[Result]]
    ) -> list[Result]:
        """Results of all items in their order; a MemoryError if even one item does not fit."""
        results: list[Result] = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + self._size]
            try:
                results += work(list(part))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                problem = str(error)
            else:
                continue
            self._make_room(problem)  # outside the handler, so that the error holds no tensors
        return results

    def _make_room(self, problem: str) -> None:
        if self._size > 1:
            self._size //= 2
            log.warning("short of memory: %d objects at a time from now on", self._size)
        elif self._offload():
            log.warning("short of memory: features are kept off the device from now on")
        else:
            raise MemoryError(
                f"{self._device} has too little memory for even one mask: use a "
                f"smaller model or input, or another device ({problem.splitlines()[0]})"
            )
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
