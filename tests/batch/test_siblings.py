"""A project is repeated on other movies of its kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.annotation import AnnotatedObject, Status
from napari_sam2.annotation.model_change import Work
from napari_sam2.annotation.vouched import vouched_labels
from napari_sam2.batch import Plan, preview_batch, read_plan, run_batch
from napari_sam2.batch.outputs import LABELS
from napari_sam2.batch.siblings import for_sibling
from napari_sam2.cli import main
from napari_sam2.io.project.saving import Annotation
from napari_sam2.io.samples import Sample
from napari_sam2.io.tiff import read_labels, write_images
from napari_sam2.tracking import ObjectState, Prompt
from napari_sam2.tracking.masks import draw_record
from napari_sam2.tracking.results import PromptedFrame
from napari_sam2.tracking.windows import Window
from tests.batch.conftest import make_wells, use_tiny_model
from tests.tracking.tiny import build_tiny_model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> Path:
    """Two wells, and the project of well a in first/a, corrected in one cell and saved."""
    home = make_wells(tmp_path_factory.mktemp("wells"), sample)
    first = {"movies": ("wells/a.tif",), "output": Path("first")}
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_tiny_model(monkeypatch)
        run_batch(read_plan(home / "plan.toml").model_copy(update=first))
    with Annotation.load(home / "first/a/a.sam2", build_tiny_model()) as annotation:
        annotation.add_box(0, 9, (2, 2, 14, 14))
        annotation.rename_object(9, "corner")
        annotation.save()
    return home


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy of the project, and of the wells in its neighbourhood."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "first/a/a.sam2"


@pytest.fixture
def plan(project: Path, tmp_path: Path) -> Plan:
    """The project is repeated on well b."""
    return Plan(movies=("wells/b.tif",), prompts=str(project), output=Path("out"), home=tmp_path)


def test_masks_of_repeated_prompts_are_not_learnt_before_somebody_looked(
    plan: Plan, tmp_path: Path
) -> None:
    assert run_batch(plan).is_complete
    with Annotation.load(tmp_path / "out/b/b.sam2", build_tiny_model()) as annotation:
        assert annotation.prompts()
        assert vouched_labels(annotation) == {}
        first = annotation.prompts()[0]
        annotation.accept(first.object_id, [first.t])
        assert list(vouched_labels(annotation)) == [first.t]


def labels_of(plan: Plan, name: str) -> NDArray[np.integer]:
    return read_labels(plan.output_folder / name / LABELS)[0]


def shell(*arguments: object) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert left.value.code == 0


def test_replay_on_the_own_movie_gives_the_labels_of_the_command_replay(
    plan: Plan, project: Path
) -> None:
    own = plan.model_copy(update={"movies": ("wells/a.tif",)})
    assert run_batch(own).is_complete
    shell("replay", project, "-o", plan.home / "by_hand.tif", "--track-changed")
    np.testing.assert_array_equal(labels_of(own, "a"), read_labels(plan.home / "by_hand.tif")[0])


def test_sibling_is_tracked_from_the_prompts_of_the_project(plan: Plan, project: Path) -> None:
    assert run_batch(plan).is_complete
    prompts, by_hand = project / "prompts.json", plan.home / "by_hand.tif"
    shell("track", plan.home / "wells/b.tif", "-p", prompts, "-o", by_hand)
    np.testing.assert_array_equal(labels_of(plan, "b"), read_labels(by_hand)[0])


def test_sibling_gets_names_but_no_reviews_and_no_rejected_cells(plan: Plan, project: Path) -> None:
    with Annotation.load(project, build_tiny_model()) as annotation:
        annotation.judge(1, Status.REVIEWED, "someone", 0.0)
        annotation.judge(2, Status.REJECTED, "someone", 0.0)
    assert run_batch(plan).is_complete
    with Annotation.load(plan.output_folder / "b/b.sam2", build_tiny_model()) as annotation:
        names = {key: known.name for key, known in annotation.objects.items()}
        assert names == {1: "", 9: "corner"}
        assert annotation.objects[1].status is Status.DRAFT
        assert not annotation.timeline(1).is_locked.any()


def test_shorter_sibling_is_tracked(plan: Plan, sample: Sample) -> None:
    write_images(plan.home / "wells/b.tif", sample.images[:1] + 3)
    assert run_batch(plan).is_complete
    with Annotation.load(plan.output_folder / "b/b.sam2", build_tiny_model()) as annotation:
        assert set(annotation.objects) == {1, 2, 9}
        assert not annotation.objects_to_track(direction="both")


def test_sibling_of_another_size_is_reported(plan: Plan, sample: Sample) -> None:
    write_images(plan.home / "wells/b.tif", sample.images[:, :-8])
    (failed,) = run_batch(plan).failed
    assert "made on images of 40 x 48 pixels, but b.tif has 32 x 48 pixels" in failed.error


def test_daughter_without_its_mother_and_an_end_behind_the_movie_are_adapted() -> None:
    record = draw_record(np.ones((8, 8), bool), Window(0, 0, 8, 8), 8)
    late, early = Prompt(5, 1, box=(0, 0, 4, 4)), Prompt(1, 2, box=(0, 0, 4, 4))
    work = Work(
        (AnnotatedObject(1, end=6), AnnotatedObject(2, parent=1, birth=1, end=6)),
        {
            1: ObjectState(records={5: record}, prompted={5: PromptedFrame(late, None)}),
            2: ObjectState(
                records={1: record, 2: record},
                prompted={1: PromptedFrame(early, record)},
                locked={2: None},
            ),
        },
        {2: frozenset({2})},
        largest_id=2,
    )
    adapted = for_sibling(work, length=4)
    assert adapted.objects == (AnnotatedObject(2, birth=1),)
    state = adapted.states[2]
    assert (set(state.records), set(state.locked), state.prompted[1].before) == ({1}, set(), None)
    assert not adapted.reviewed


def test_dry_run_says_if_the_project_is_missing(plan: Plan) -> None:
    assert preview_batch(plan).seconds > 0
    missing = preview_batch(plan.model_copy(update={"prompts": "no.sam2"}))
    assert "no.sam2 is no project" in missing.movies[0].error


def test_changed_project_is_replayed_again_and_one_that_is_only_saved_is_not(
    plan: Plan, project: Path
) -> None:
    run_batch(plan)
    with Annotation.load(project, build_tiny_model()) as annotation:
        annotation.save()
        assert run_batch(plan).count("unchanged") == 1
        annotation.remove_object(9)
    assert run_batch(plan).count("done") == 1
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
