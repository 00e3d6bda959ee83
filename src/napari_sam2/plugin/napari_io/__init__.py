"""Readers, writers and samples that the napari plugin manifest refers to."""
