"""Training: synthetic microscopy, real stills as movies, and the loop."""
