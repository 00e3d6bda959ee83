"""Projects: the annotation of an image, saved in one folder, ``NAME.sam2``."""
