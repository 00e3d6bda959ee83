"""``python -m napari_sam2.cli``."""

from napari_sam2.cli.app import main

main()
