"""Sample movies for napari's menu File > Open Sample."""

from __future__ import annotations

from napari_sam2.plugin.napari_io.layer_data import LayerData, layer_scale, volume_layer_scale


def synthetic_sample() -> list[LayerData]:
    """A synthetic movie of cells, and its ground truth as labels."""
    from napari_sam2.io.samples import synthetic_movie

    sample = synthetic_movie()
    place = layer_scale(sample.scale, 3)
    truth = {"name": "ground truth", "visible": False, **place}
    return [
        (sample.images, {"name": sample.name, **place}, "image"),
        (sample.labels, truth, "labels"),
    ]


def c2c12_sample() -> list[LayerData]:
    """Ten frames of C2C12 cells, with the attribution in the metadata of the layer."""
    from napari_sam2.io.samples import c2c12_movie

    sample = c2c12_movie()
    metadata = {"attribution": sample.attribution}
    return [(sample.images, {"name": sample.name, "metadata": metadata}, "image")]


def volumes_sample() -> list[LayerData]:
    """Synthetic volumes over time, and their ground truth as labels."""
    from napari_sam2.io.volume_samples import synthetic_volumes

    sample = synthetic_volumes()
    place = {**volume_layer_scale(sample.scale), "metadata": {"axes": "TZYX"}}
    truth = {"name": "ground truth", "visible": False, **place}
    return [
        (sample.images, {"name": sample.name, **place}, "image"),
        (sample.labels, truth, "labels"),
    ]
