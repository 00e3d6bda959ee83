"""Messages between the window and the inference thread."""
