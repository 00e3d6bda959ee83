"""Evaluation of segmentations: measures and protocols."""
