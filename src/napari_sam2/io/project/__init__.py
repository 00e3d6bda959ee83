"""Projects: the annotation of an image, saved in one folder, ``NAME.sam2``."""

PROJECT_SUFFIX = ".sam2"
