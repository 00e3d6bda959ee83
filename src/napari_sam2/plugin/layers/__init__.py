"""The napari layers that belong to one image."""
