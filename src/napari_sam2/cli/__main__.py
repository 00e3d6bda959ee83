"""``python -m napari_sam2.cli``."""

from napari_sam2.cli.app import main

if __name__ == "__main__":  # worker processes import this module too
    main()
