"""The last view of a project is kept, and a damaged one is as none."""

import pytest

from napari_sam2.io.project.last_view import LastView, read_last_view, write_last_view


def test_the_last_view_is_read_as_it_was_written(tmp_path):
    write_last_view(tmp_path, LastView(7, has_lanes=True))
    assert read_last_view(tmp_path) == LastView(7, has_lanes=True)


@pytest.mark.parametrize("content", [None, "", "[]", '{"t": "later"}'])
def test_a_damaged_view_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "view.json").write_text(content)
    assert read_last_view(tmp_path) is None
