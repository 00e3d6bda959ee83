"""Contrast limits that came with a layer count like those of a user; napari's own do not."""

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_sam2.io.movies import open_movie
from napari_sam2.model.registry import EMBEDDED
from napari_sam2.plugin.layers.source_image import first_limits, image_source
from napari_sam2.plugin.napari_io.layer_data import movie_layer

from .real_engines import OneThreadEngine

SIDE, RADIUS = 192, 16
CENTRES = ((50, 60), (120, 130), (140, 50))
LIMITS = (80.0, 260.0)


def cells_and_debris(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Dim round cells with specks as bright as the sensor allows on 5 % of the pixels."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    cells = [(rows - y) ** 2 + (columns - x) ** 2 <= RADIUS**2 for y, x in CENTRES]
    image = 100 + 100.0 * np.any(cells, axis=0) + random.normal(0, 6, (SIDE, SIDE))
    specks = random.random((SIDE // 4, SIDE // 4)) < 0.05
    image[np.kron(specks, np.ones((4, 4), bool)) & ~np.any(cells, axis=0)] = 60000
    return image.clip(0).astype(np.uint16), cells[0]


def click(image: np.ndarray, cell: np.ndarray, **options) -> float:
    """IoU of one click in the middle of a cell, on the contrast that the layer has."""
    layer = Image(image, **options)
    engine = OneThreadEngine()
    model = engine.load_model(EMBEDDED, "cpu", None).model
    opened = engine.open_image(model, image_source(layer, first_limits(layer)))
    opened.annotation.add_points(0, 1, [CENTRES[0]], [1])
    found = opened.annotation.labels[0] == 1
    return float((found & cell).sum() / (found | cell).sum())


def test_a_click_finds_a_cell_beside_debris_with_the_limits_of_the_reader():
    image, cell = cells_and_debris()
    assert click(image, cell, contrast_limits=LIMITS) > 0.9


def limits_for_model(layer: Image) -> tuple[float, float] | None:
    return image_source(layer, first_limits(layer)).model_limits


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_limits_that_napari_computed_are_not_taken(dtype):
    data = (np.arange(4 * 9 * 11).reshape(4, 9, 11) % 251).astype(dtype)
    assert limits_for_model(Image(data)) is None
    assert limits_for_model(Image(da.from_array(data))) is None
    assert limits_for_model(Image([data, data[:, ::2, ::2]], multiscale=True)) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_limits_that_a_reader_gave_are_taken(dtype):
    data = (np.arange(4 * 9 * 11).reshape(4, 9, 11) % 251).astype(dtype)
    for one in (data, da.from_array(data)):
        assert limits_for_model(Image(one, contrast_limits=(20, 120))) == (20.0, 120.0)


def test_limits_of_a_file_reach_the_model_with_the_layer_of_our_reader(tmp_path):
    data = (np.arange(4 * 9 * 11).reshape(4, 9, 11) % 251).astype(np.uint16)
    file = tmp_path / "in.tif"
    tifffile.imwrite(file, data, imagej=True, metadata={"axes": "TYX", "min": 20.0, "max": 120.0})
    pixels, options, _ = movie_layer(open_movie(file))
    layer = Image(pixels, **options)
    assert tuple(layer.contrast_limits) == (20, 120)
    assert limits_for_model(layer) == (20.0, 120.0)


def test_limits_of_the_user_go_before_those_of_the_reader():
    layer = Image(np.zeros((4, 9, 11), np.uint8), contrast_limits=(20, 120))
    first = first_limits(layer)
    layer.contrast_limits = (30, 90)
    assert image_source(layer, first).model_limits == (30.0, 90.0)


def test_new_data_do_not_make_limits_of_napari_into_given_ones(desk):
    desk.image_state.image.data = desk.image_state.image.data * 2
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 2)
    assert desk.engine.sources[1].model_limits is None
