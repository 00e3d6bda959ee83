"""State and intentions of the window, in the thread of the window; no widgets."""
