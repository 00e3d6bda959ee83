"""What runs in the inference thread only."""
