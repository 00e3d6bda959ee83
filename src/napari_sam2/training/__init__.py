"""Training: synthetic microscopy, pseudo-videos of real images, and the training loop."""
