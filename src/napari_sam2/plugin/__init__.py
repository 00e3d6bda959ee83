"""What the biologist sees: the dock widget, its layers, and the thread that computes for them."""
