"""COCO files, read by COCO's own tools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.io.coco import write_coco
from tests.families import family


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_cocos_own_reader_finds_the_same_masks(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    write_coco(tmp_path / "cells.json", family())
    found = coco.COCO(str(tmp_path / "cells.json"))
    labels = np.zeros_like(family().labels)
    for annotation in found.loadAnns(found.getAnnIds()):
        mask = found.annToMask(annotation).astype(bool)
        labels[annotation["image_id"] - 1][mask] = annotation["track_id"]
        assert annotation["area"] == mask.sum()
        x, y, width, height = annotation["bbox"]
        assert mask[y : y + height, x : x + width].sum() == mask.sum()
    np.testing.assert_array_equal(labels, family().labels)


def test_mothers_and_names_are_listed(tmp_path: Path) -> None:
    write_coco(tmp_path / "cells.json", family())
    content = json.loads((tmp_path / "cells.json").read_text(encoding="utf-8"))
    assert [track.get("parent_id") for track in content["tracks"]] == [None, 1, 1, None]
    assert content["tracks"][1]["name"] == "Zoë 细胞"
    assert len(content["images"]) == 5
