"""What crosses the border between the window and the inference thread."""
