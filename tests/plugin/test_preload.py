import gc
import subprocess
import sys
import threading

import pytest

SCRIPT = """
import sys
from napari_sam2.plugin.startup.preload import preload_torch
assert "torch" not in sys.modules
assert preload_torch()
assert "torch" not in sys.modules
assert any("libtorch_python" in line for line in open("/proc/self/maps"))
import torch
assert torch.ones(3).sum() == 3
assert preload_torch()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_libraries_of_torch_are_loaded_before_torch():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=120)


def test_a_missing_torch_is_left_to_its_import(monkeypatch):
    from napari_sam2.plugin.startup import preload

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(preload, "find_spec", lambda name: None)
    assert not preload.preload_torch()


def test_no_garbage_is_looked_for_while_modules_load():
    from napari_sam2.plugin.startup.preload import uncollected

    before = thresholds_at_rest()
    with pytest.raises(ImportError), uncollected():
        assert gc.get_threshold()[0] == 0
        raise ImportError
    assert gc.isenabled()
    assert gc.get_threshold() == before
    assert before[0] > 0


def test_garbage_is_looked_for_again_when_the_last_thread_is_ready():
    from napari_sam2.plugin.startup.preload import uncollected

    before = thresholds_at_rest()
    one, other = uncollected(), uncollected()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert gc.get_threshold()[0] == 0
    other.__exit__(None, None, None)
    assert gc.get_threshold() == before


SLICE = """
import gc
from napari_sam2.plugin.startup.preload import uncollected
with uncollected():
    import dask.array
dask.array.zeros(4, chunks=1)[1:3]
assert gc.isenabled()
"""


def test_dask_that_loads_meanwhile_leaves_collection_enabled():
    subprocess.run([sys.executable, "-c", SLICE], check=True, timeout=120)


def thresholds_at_rest() -> tuple[int, int, int]:
    """Thresholds of garbage collection when no thread of an earlier test loads modules any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("napari-sam2"):
            thread.join(timeout=10)
    return gc.get_threshold()


def test_what_somebody_put_aside_for_good_stays_aside():
    from napari_sam2.plugin.startup.preload import uncollected

    count = gc.get_freeze_count()  # those of the whole run, see conftest.py
    assert count
    with uncollected():
        pass
    assert gc.get_freeze_count() == count
