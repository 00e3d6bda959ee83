"""What every test needs: few threads, and settings of its own."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from tools.with_display import start_screen

# Random tests draw the same examples every time; `pytest --hypothesis-profile random` draws
# others, and `make fuzz` many others. Random machines take a share of `max_examples`.
settings.register_profile("same", derandomize=True)
settings.register_profile("random", derandomize=False)
settings.register_profile("long", derandomize=False, max_examples=5000)
settings.load_profile("same")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# napari decides where its settings are when it is imported, and its windows write there. Each
# process of the tests gets a folder of its own, so that no test changes the
# settings of whoever runs it, and no process reads a file while another one writes it.
SETTINGS_FOLDER = TemporaryDirectory(prefix="napari-sam2-settings-")
os.environ["XDG_CONFIG_HOME"] = SETTINGS_FOLDER.name
os.environ["NAPARI_CONFIG"] = str(Path(SETTINGS_FOLDER.name) / "settings.yaml")

# Modules of tests/plugin that test our own parts. They reach napari only by the image, the clicks,
# the keys, the slider, the docks and the labels layer, which others test with every napari.
OUR_OWN = {
    "test_axes_box",
    "test_backward_check",
    "test_cheat_sheet",
    "test_divisions",
    "test_image_size",
    "test_input_preview",
    "test_lanes_view",
    "test_many_movies",
    "test_model_change",
    "test_models",
    "test_more",
    "test_nearby",
    "test_new_cells",
    "test_responsive",
    "test_sample_review",
    "test_swaps",
    "test_teaching",
    "test_tour",
    "test_track_edits",
    "test_verification",
}


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    """Tiny networks are faster on one thread, and give the same numbers on every machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_data_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep work that is not saved away from that of the person, and from that of other tests."""
    folder = tmp_path_factory.getbasetemp() / "data" / token_hex(8)
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(folder))


@pytest.fixture(scope="session")
def screen() -> None:
    """A screen for windows: the one there is, or one in memory for this process alone."""
    start_screen()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while all is imported, nor later in what was imported: it stays.

    Collection stays enabled, since dask.array notes at its import whether it is.
    """
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests first, so that no process works on one when the others are done.

    Mark tests that depend on the version of napari: they open a viewer, or import napari. Those of
    `OUR_OWN` are left out.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if item.path.parent.name == "plugin" and item.path.stem in OUR_OWN:
            continue
        names = vars(item.module).values() if isinstance(item, pytest.Function) else ()
        homes = {str(getattr(value, "__module__", "")).partition(".")[0] for value in names}
        viewers = {"make_napari_viewer", "make_viewer"} & {*getattr(item, "fixturenames", ())}
        if "napari" in homes or viewers:
            item.add_marker("napari")
