"""What napari's plugin manifest names: readers, writers and samples."""
