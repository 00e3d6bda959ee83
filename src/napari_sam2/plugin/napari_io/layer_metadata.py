"""Keys in the metadata of a labels layer: mothers, names, and ids of rejected objects."""

PARENTS, NAMES, REJECTED = "parents", "names", "rejected"
