"""Messages of the annotation on screen."""

import pytest

from napari_sam2.plugin.window.screen_words import with_cells


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("object 3 is locked on frame 4", "cell 3 is locked on frame 4"),
        ("neither object 2 nor 3 has a mask", "neither cell 2 nor 3 has a mask"),
        ("'NoneType' object has no attribute 'shape'",) * 2,
    ],
)
def test_a_numbered_object_is_a_cell_on_screen(message, shown):
    assert with_cells(message) == shown
