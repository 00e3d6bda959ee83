"""The napari layers of one image."""
