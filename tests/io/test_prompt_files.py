from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from napari_sam2.io.prompt_files import read_linked_prompts, read_prompts, write_prompts
from napari_sam2.io.tiff import write_labels
from napari_sam2.tracking.prompts import Prompt

SHAPE = (4, 10, 12)


def square(top: int = 2) -> np.ndarray:
    """Mask (10, 12) of a square of 3 pixels."""
    mask = np.zeros(SHAPE[1:], bool)
    mask[top : top + 3, 4:7] = True
    return mask


def written(folder: Path, *entries: Any) -> Path:
    path = folder / "prompts.json"
    path.write_text(json.dumps({"prompts": list(entries)}))
    return path


def assert_same(one: Prompt, other: Prompt) -> None:
    assert (one.t, one.object_id, one.box) == (other.t, other.object_id, other.box)
    assert (one.mask is None) == (other.mask is None)
    assert one.mask is None or one.mask.is_same(other.mask)
    for name in ("points", "labels", "rounds"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype


def test_points_boxes_and_masks_come_back(tmp_path: Path) -> None:
    prompts = [
        Prompt(0, 1).with_points([(2, 3.5)], [1]).with_points([(4, 4), (5, 5)], [0, 1]),
        Prompt(3, 1).with_box((1, 2, 6, 7.5)).with_points([(3, 3)], [1]),
        Prompt(2, 70000).with_mask(square()).with_points([(2, 2)], [0]),
    ]
    write_prompts(tmp_path / "prompts.json", prompts)
    for one, other in zip(read_prompts(tmp_path / "prompts.json", SHAPE), prompts, strict=True):
        assert_same(one, other)


def test_points_without_labels_include(tmp_path: Path) -> None:
    path = written(tmp_path, {"frame": 0, "object": 2, "points": [[1, 2], [3, 4]]})
    (prompt,) = read_prompts(path, SHAPE)
    assert prompt.labels.tolist() == [1, 1]
    assert prompt.points.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("name", ["mask.png", "mask.tif"])
def test_mask_is_found_beside_the_prompt_file(tmp_path: Path, name: str) -> None:
    iio.imwrite(tmp_path / name, square().astype(np.uint8) * 255)
    path = written(tmp_path, {"frame": 1, "object": 2, "mask": name})
    (prompt,) = read_prompts(path, SHAPE)
    np.testing.assert_array_equal(prompt.mask, square())


def test_mask_with_a_palette_is_where_its_numbers_are_not_0(tmp_path: Path) -> None:
    """The palette begins with white, so that its colours say the opposite."""
    picture = Image.fromarray(square().astype(np.uint8)).convert("P")
    picture.putdata(square().astype(np.uint8).ravel())
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.save(tmp_path / "mask.png")
    path = written(tmp_path, {"frame": 1, "object": 2, "mask": "mask.png"})
    (prompt,) = read_prompts(path, SHAPE)
    np.testing.assert_array_equal(prompt.mask, square())


def test_labels_are_mask_prompts_on_each_frame_that_has_any(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint16)
    labels[1][square()] = 5
    labels[3][square(0)] = 5
    labels[3][square(6)] = 9
    write_labels(tmp_path / "labels.tif", labels)
    prompts = read_prompts(tmp_path / "labels.tif", SHAPE)
    assert [(prompt.t, prompt.object_id) for prompt in prompts] == [(1, 5), (3, 5), (3, 9)]
    np.testing.assert_array_equal(prompts[2].mask, square(6))


def test_one_image_of_labels_is_for_frame_0(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.tif", square().astype(np.uint16))
    (prompt,) = read_prompts(tmp_path / "labels.tif", SHAPE)
    assert (prompt.t, prompt.object_id) == (0, 1)


@pytest.mark.parametrize("shape", [(4, 10, 11), (3, 10, 12)])
def test_labels_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write_labels(tmp_path / "labels.tif", np.ones(shape, np.uint16))
    with pytest.raises(ValueError, match=r"labels\.tif has the shape .*; expected \(4, 10, 12\)"):
        read_prompts(tmp_path / "labels.tif", SHAPE)


def test_labels_without_objects_are_refused(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.tif", np.zeros(SHAPE, np.uint16))
    with pytest.raises(ValueError, match="nothing to track"):
        read_prompts(tmp_path / "labels.tif", SHAPE)


POINT = {"frame": 0, "object": 1, "points": [[1, 1]]}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("text", "expected an entry with frame and object"),
        ({"frame": 0, "object": 1}, "give points, a box or a mask"),
        ({**POINT, "frame": 4}, "frame must be an integer from 0 to 3; got 4"),
        ({**POINT, "frame": True}, "frame must be an integer"),
        ({**POINT, "object": 0}, "object must be an integer from 1"),
        ({**POINT, "object": None}, "object must be an integer"),
        ({**POINT, "colour": 1}, r"\['colour'\] are not known"),
        ({**POINT, "points": [[1, 1], [9.6, 1]]}, r"point \[9.6, 1.0\] is outside"),
        ({**POINT, "points": [[1, float("nan")]]}, r"points must be \[\[y, x\]"),
        ({**POINT, "points": [[1, 1, 1]]}, r"points must be \[\[y, x\]"),
        ({**POINT, "points": [1, 1]}, r"points must be \[\[y, x\]"),
        ({**POINT, "points": "here"}, r"points must be \[\[y, x\]"),
        ({**POINT, "labels": [1, 0]}, "labels must be one integer from 0 to 1"),
        ({**POINT, "labels": [2]}, "labels must be one integer from 0 to 1"),
        ({**POINT, "points": [[1, 1]] * 2, "rounds": [1, 0]}, "rounds must not decrease"),
        ({"frame": 0, "object": 1, "box": [3, 1, 3, 5]}, "with y0 < y1 and x0 < x1"),
        ({"frame": 0, "object": 1, "box": [1, 1, 5]}, r"box must be \[y0, x0, y1, x1\]"),
        ({"frame": 0, "object": 1, "box": [20, 1, 25, 5]}, "is outside of the"),
        ({"frame": 0, "object": 1, "mask": 3}, "mask must be the path of an image"),
        ({"frame": 0, "object": 1, "mask": "mask.docx"}, "a mask is one of"),
        ({"frame": 0, "object": 1, "mask": {"size": [2, 2], "counts": [0, 4]}}, "has the size"),
        ({"frame": 0, "object": 1, "mask": {"size": [10, 12], "counts": [120]}}, "is empty"),
    ],
)
def test_wrong_entry_is_named(tmp_path: Path, entry: Any, message: str) -> None:
    path = written(tmp_path, {"frame": 1, "object": 1, "points": [[1, 1]]}, entry)
    with pytest.raises(ValueError, match=rf"prompts\[1\] of prompts\.json: .*{message}"):
        read_prompts(path, SHAPE)


def test_second_entry_for_the_same_object_and_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has another entry for frame 0; put both into one"):
        read_prompts(written(tmp_path, POINT, POINT), SHAPE)


def test_missing_mask_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, {"frame": 0, "object": 1, "mask": "mask.png"})
    with pytest.raises(FileNotFoundError, match=r"mask\.png"):
        read_prompts(path, SHAPE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", r"a\.json is not JSON"),
        ("a.json", "[]", r'a\.json must hold \{"prompts"'),
        ("a.json", '{"prompts": []}', "with at least one entry"),
        ("a.txt", "1 2", r"read from \.json or \.tif files; got a\.txt"),
        ("a.tif", "no TIFF", r"a\.tif cannot be read as TIFF"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_prompts(tmp_path / name, SHAPE)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no prompt file"):
        read_prompts(tmp_path / "prompts.json", SHAPE)


def test_failed_write_leaves_the_old_prompts(tmp_path: Path) -> None:
    path = written(tmp_path, POINT)
    before = path.read_text()
    with pytest.raises(AttributeError):
        write_prompts(path, [None])  # type: ignore[list-item]
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["prompts.json"]


def test_labels_of_frames_that_were_numbered_one_by_one_are_linked(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint16)
    for t in range(SHAPE[0]):
        labels[t, square(2)], labels[t, square(6)] = (1, 2) if t % 2 else (2, 1)
    write_labels(tmp_path / "cellpose.tif", labels)
    prompts, links = read_linked_prompts(tmp_path / "cellpose.tif", SHAPE)
    assert links.text == "8 masks on 4 frames become 2 cells"
    upper = {p.object_id for p in prompts if p.mask is not None and p.mask.full()[3, 5]}
    assert len(upper) == 1


def test_only_labels_are_linked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"labels to link are read from .tif files"):
        read_linked_prompts(tmp_path / "prompts.json", SHAPE)


def test_guess_comes_back(tmp_path: Path) -> None:
    prompt = Prompt(0, 1).with_points([(2, 3)], [1]).with_next_guess()
    write_prompts(tmp_path / "prompts.json", [prompt])
    (read,) = read_prompts(tmp_path / "prompts.json", SHAPE)
    assert read.guess == 2
    assert_same(read, prompt)


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"points": [[1, 2]], "guess": 4}, "guess must be an integer from 1 to 3"),
        ({"points": [[1, 2], [3, 4]], "guess": 2}, "guess needs a first round of one click"),
        ({"box": [1, 1, 4, 4], "points": [[1, 2]], "guess": 2}, "guess needs a first round"),
    ],
)
def test_guess_that_does_not_exist_is_refused(
    tmp_path: Path, entry: dict[str, Any], match: str
) -> None:
    path = written(tmp_path, {"frame": 0, "object": 1, **entry})
    with pytest.raises(ValueError, match=match):
        read_prompts(path, SHAPE)
