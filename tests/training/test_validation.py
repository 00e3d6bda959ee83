"""Validation through the real tracker."""

import math

import numpy as np
import pytest
import tifffile

from napari_sam2.model import Sam2, build_model
from napari_sam2.training.validation import ValidationPlan, evaluate, held_out_clips
from tests.training.worlds import TINY, Discs


@pytest.fixture
def folder(tmp_path):
    """A movie whose first frame is empty, and a still."""
    images, labels, _ = Discs().draw(None, 3)
    labels[0] = 0
    for part, stack in (("images", images), ("labels", labels)):
        (tmp_path / part).mkdir()
        tifffile.imwrite(tmp_path / part / "movie.tif", stack, photometric="minisblack")
        tifffile.imwrite(tmp_path / part / "still.tif", stack[1])
    return str(tmp_path)


def test_clips_begin_with_an_object_and_have_few(folder):
    movie, still = held_out_clips(ValidationPlan((folder,), objects=1))
    assert movie.images.shape == (2, 64, 64)
    assert len(movie.truth.frames_of) == len(still.truth.frames_of) == 1
    assert still.images.shape == (1, 64, 64)


def test_clips_without_objects_are_told(folder, tmp_path):
    blank = np.zeros((64, 64), np.uint16)
    for path in (tmp_path / "labels").glob("*.tif"):
        stack = blank if path.stem == "still" else np.stack([blank] * 3)
        tifffile.imwrite(path, stack, photometric="minisblack")
    with pytest.raises(ValueError, match="no object is labelled"):
        held_out_clips(ValidationPlan((folder,)))


def test_evaluation_tells_iou_by_prompt(folder):
    clips = held_out_clips(ValidationPlan((folder,), objects=1))
    means = evaluate(build_model(TINY, Sam2(TINY).state_dict()), clips)
    kinds = {"image 1-click", "image 3-click", "image 5-click", "image box"}
    assert set(means) == {*kinds, "track mask", "track box", "track 1-click", "mean"}
    assert all(0 <= value <= 1 for value in means.values())
    assert math.isclose(means["mean"], np.mean([means[k] for k in means if k != "mean"]))


def test_validation_is_repeatable(folder):
    clips = held_out_clips(ValidationPlan((folder,), clips=1, objects=1))
    model = build_model(TINY, Sam2(TINY).state_dict())
    assert evaluate(model, clips) == evaluate(model, clips)
