"""Saved annotations: everything of a project in one folder, ``NAME.sam2``."""
