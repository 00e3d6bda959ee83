"""Correct a frame after tracking, track again, and take it all back."""

from napari_sam2 import Annotation, load_model
from napari_sam2.io.samples import synthetic_movie

movie = synthetic_movie("fluorescence")
annotation = Annotation(load_model("cells"), movie.images)

annotation.add_box(0, 1, (39, 138, 75, 186))  # (y0, x0, y1, x1)
for _ in annotation.propagate():
    pass
before = (annotation.labels == 1).sum(axis=(1, 2))

truth = movie.labels[12] == 1
annotation.add_mask(12, 1, truth)  # painted by hand on frame 12
for _ in annotation.propagate():
    pass
assert ((annotation.labels[12] == 1) == truth).all()  # a corrected frame stays as it is
print("pixels per frame before:", before)
print("pixels per frame after: ", (annotation.labels == 1).sum(axis=(1, 2)))

while annotation.can_undo:
    print("undo:", annotation.undo())
assert not annotation.labels.any()
