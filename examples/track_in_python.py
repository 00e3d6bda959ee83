"""Click two cells of a movie, track them, and write the labels: no napari, no window."""

from pathlib import Path

from napari_sam2 import Annotation, load_model, write_labels
from napari_sam2.io.overlay import write_contact_sheet
from napari_sam2.io.samples import synthetic_movie

movie = synthetic_movie("fluorescence")
annotation = Annotation(load_model("cells"), movie.images)  # or Annotation(..., "movie.tif")

annotation.add_points(0, 1, [(57, 157)], [1])  # frame 0, object 1, on the cell at (y, x)
annotation.add_points(0, 2, [(173, 57)], [1])

for result in annotation.propagate():
    print(f"frame {result.t}: expected overlap {result.predicted_iou.round(2)}")

folder = Path("example_output")
folder.mkdir(exist_ok=True)
write_labels(folder / "labels.sam2.tif", annotation.labels, movie.scale)
write_contact_sheet(folder / "contact_sheet.png", movie.images, annotation.labels)
