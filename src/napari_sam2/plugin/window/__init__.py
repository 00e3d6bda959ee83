"""State of the window and actions of the user, in the GUI thread; no widgets."""
