"""Drawn volumes for the tests of tracking in volumes."""

from __future__ import annotations

from napari_sam2.io.volume_samples import VolumeSample

SHAPE = (3, 5, 40, 56)


def centre_plane(sample: VolumeSample, t: int, object_id: int) -> int:
    return int((sample.labels[t] == object_id).sum((1, 2)).argmax())
