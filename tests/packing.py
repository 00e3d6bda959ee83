"""Labels of tiny movies that are packed as those of long movies are."""

from __future__ import annotations

import pytest

from napari_sam2.annotation import packed_labels


def pack_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the labels of every movie compressed, except for one frame."""
    monkeypatch.setattr(packed_labels, "PLAIN_BYTES", 0)
    monkeypatch.setattr(packed_labels, "LEAST_FRAMES", 1)
    monkeypatch.setattr(packed_labels, "BUDGET_BYTES", 0)
