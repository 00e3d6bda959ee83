"""Code that runs only in the inference thread."""
