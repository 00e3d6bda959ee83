"""How good a segmentation is: measures and protocols."""
