"""A project is repeated on other movies of its kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.annotation import Status
from napari_sam2.batch import MovieResult, Plan, preview_batch, read_plan, run_batch
from napari_sam2.batch.outputs import LABELS
from napari_sam2.cli import main
from napari_sam2.io.project.saving import Annotation
from napari_sam2.io.samples import Sample
from napari_sam2.io.tiff import read_labels, write_images
from tests.tracking.tiny import build_tiny_model


@pytest.fixture
def plan(wells: Path) -> Plan:
    """The plan of the wells, whose prompts are the corrected project of well a."""
    run_batch(read_plan(wells / "plan.toml").model_copy(update={"output": Path("first")}))
    project = wells / "first/a/a.sam2"
    with Annotation.load(project, build_tiny_model()) as annotation:
        annotation.add_box(0, 9, (2, 2, 14, 14))
        annotation.rename_object(9, "corner")
    return Plan(movies=("wells/*.tif",), prompts="first/a/a.sam2", output=Path("out"), home=wells)


def labels_of(plan: Plan, name: str) -> NDArray[np.integer]:
    return read_labels(plan.output_folder / name / LABELS)[0]


def result(plan: Plan, name: str) -> MovieResult:
    return next(each for each in run_batch(plan).results if each.name == name)


def test_replay_on_the_own_movie_gives_the_labels_of_the_command_replay(plan: Plan) -> None:
    assert run_batch(plan).is_complete
    project, by_hand = plan.prompts_of("a"), plan.home / "by_hand.tif"
    with pytest.raises(SystemExit) as left:
        main(["replay", str(project), "-o", str(by_hand), "--track-changed"])
    assert left.value.code == 0
    np.testing.assert_array_equal(labels_of(plan, "a"), read_labels(by_hand)[0])


def test_sibling_is_tracked_from_the_prompts_of_the_project(plan: Plan) -> None:
    project, movie, by_hand = plan.prompts_of("a"), plan.home / "wells/b.tif", plan.home / "b.tif"
    assert project is not None
    with Annotation.load(project, build_tiny_model()) as annotation:
        annotation.save()
    assert run_batch(plan).is_complete
    with pytest.raises(SystemExit) as left:
        main(["track", str(movie), "-p", str(project / "prompts.json"), "-o", str(by_hand)])
    assert left.value.code == 0
    np.testing.assert_array_equal(labels_of(plan, "b"), read_labels(by_hand)[0])


def test_sibling_gets_names_and_families_but_no_reviews_and_no_rejected_cells(plan: Plan) -> None:
    project = plan.prompts_of("a")
    assert project is not None
    with Annotation.load(project, build_tiny_model()) as annotation:
        annotation.judge(1, Status.REVIEWED, "someone", 0.0)
        annotation.judge(2, Status.REJECTED, "someone", 0.0)
    assert run_batch(plan).is_complete
    with Annotation.load(plan.output_folder / "b/b.sam2", build_tiny_model()) as annotation:
        assert {key: known.name for key, known in annotation.objects.items()} == {
            1: "",
            9: "corner",
        }
        assert annotation.objects[1].status == "draft"
        assert not annotation.timeline(1).is_locked.any()


@pytest.mark.parametrize("frames", [1, 5])
def test_sibling_of_another_length_is_tracked(plan: Plan, sample: Sample, frames: int) -> None:
    images = np.resize(sample.images + 3, (frames, *sample.images.shape[1:]))
    write_images(plan.home / "wells/b.tif", images)
    assert result(plan, "b").state == "done"
    with Annotation.load(plan.output_folder / "b/b.sam2", build_tiny_model()) as annotation:
        assert (annotation.shape[0], set(annotation.objects)) == (frames, {1, 2, 9})
        assert not annotation.objects_to_track(direction="both")


def test_sibling_of_another_size_is_reported(plan: Plan, sample: Sample) -> None:
    write_images(plan.home / "wells/b.tif", sample.images[:, :-8])
    failed = result(plan, "b")
    assert failed.state == "failed"
    assert "made on images of 40 x 48 pixels, but b.tif has 32 x 48 pixels" in failed.error


def test_dry_run_measures_a_replay_and_says_if_the_project_is_missing(plan: Plan) -> None:
    preview = preview_batch(plan)
    assert [movie.name for movie in preview.to_track] == ["a", "b"]
    assert preview.seconds > 0
    missing = preview_batch(plan.model_copy(update={"prompts": "no.sam2"}))
    assert "no.sam2 is no project" in missing.movies[0].error


def test_changed_project_is_replayed_again_and_one_that_is_only_saved_is_not(plan: Plan) -> None:
    run_batch(plan)
    project = plan.prompts_of("a")
    assert project is not None
    with Annotation.load(project, build_tiny_model()) as annotation:
        annotation.save()
        assert run_batch(plan).count("unchanged") == 2
        annotation.remove_object(9)
    assert run_batch(plan).count("done") == 2
    with Annotation.load(plan.output_folder / "b/b.sam2", build_tiny_model()) as annotation:
        assert set(annotation.objects) == {1, 2}


def test_changed_mask_image_of_a_prompt_file_is_tracked_again(wells: Path) -> None:
    mask = np.zeros((40, 48), np.uint8)
    mask[5:15, 5:15] = 1
    for name in ("a", "b"):
        Image.fromarray(mask).save(wells / f"prompts/{name}.png")
        prompts = {"prompts": [{"frame": 0, "object": 1, "mask": f"{name}.png"}]}
        (wells / f"prompts/{name}.json").write_text(json.dumps(prompts))
    plan = Plan(
        movies=("wells/*.tif",), prompts="prompts/{name}.json", output=Path("out"), home=wells
    )
    run_batch(plan)
    Image.fromarray(mask[::-1]).save(wells / "prompts/b.png")
    states = {each.name: each.state for each in run_batch(plan).results}
    assert states == {"a": "unchanged", "b": "done"}
