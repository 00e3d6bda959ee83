from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.annotation import Annotation
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.volume_planes import Planes
from napari_sam2.training import example_files
from napari_sam2.training.example_files import example_of_annotation, read_examples, spread
from tests.tracking.tiny import build_tiny_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two stills with labels; one of them has no cell."""
    for name, value in (("a.tif", 3), ("b.tif", 0)):
        for kind, content in (("images", 100), ("labels", value)):
            (tmp_path / kind).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / kind / name, np.full((32, 32), content, np.uint8))
    return tmp_path


def test_labelled_stills_of_a_folder_are_examples(folder: Path) -> None:
    (example,) = read_examples(folder)
    assert example.image.shape == example.labels.shape == (1, 32, 32)
    assert example.name == folder.name


def test_a_folder_of_empty_masks_is_refused_by_name(folder: Path) -> None:
    (folder / "images" / "a.tif").unlink()
    (folder / "labels" / "a.tif").unlink()
    with pytest.raises(ValueError, match="no cell is labelled on the chosen frames"):
        read_examples(folder)


def test_a_source_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mine\.sam2 is not there any more"):
        read_examples(tmp_path / "mine.sam2")


def test_a_project_in_3d_is_refused_by_name() -> None:
    volumes = Frames(Planes(np.zeros((2, 3, 40, 56), np.uint8)))
    annotation = Annotation(Tracker(build_tiny_model(), volumes, area_guard=False))
    annotation.add_points(1, 1, [(20, 20)], [1])
    with pytest.raises(ValueError, match=r"gel\.sam2 is in 3D"):
        example_of_annotation(annotation, volumes, "gel.sam2")


def test_frames_are_spread_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example_files, "MOST_FRAMES", 3)
    assert spread(list(range(9))) == [0, 3, 6]
