"""What a batch holds and how it is prompted (§D.2.2)."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from napari_sam2.model.sam2 import Sam2
from napari_sam2.training.auxiliary_head import AuxiliaryHead
from napari_sam2.training.batches import batches, draw_script, make_batch
from napari_sam2.training.clicks import corrective_click
from napari_sam2.training.config import LossWeights, Stage, TrainingConfig
from napari_sam2.training.data import LabelledClip, augment
from napari_sam2.training.rollout import Script, _Player, rollout
from tests.training.worlds import TINY, Discs, Dots

STAGE = Stage(10, images_share=0.0, clips=1, frames=8, clip_clicks=7)


def scripts(stage: Stage, count: int = 2000):
    rng = np.random.default_rng(0)
    return [draw_script(stage, np.ones((1, stage.frames), bool), rng) for _ in range(count)]


def test_first_prompt_is_a_mask_half_of_the_time():
    drawn = Counter(script.first for script in scripts(STAGE))
    assert drawn["mask"] / 2000 == pytest.approx(0.5, abs=0.04)
    assert drawn["click"] / 2000 == pytest.approx(0.25, abs=0.04)
    assert drawn["box"] / 2000 == pytest.approx(0.25, abs=0.04)


def test_single_images_are_not_prompted_with_their_answer():
    rng = np.random.default_rng(0)
    assert "mask" not in {draw_script(STAGE, np.ones((1, 1), bool), rng).first for _ in range(100)}


def test_up_to_two_frames_are_prompted():
    later = [script.corrected for script in scripts(STAGE)]
    assert set(later) == {None, *range(1, 8)}
    assert {script.corrected for script in scripts(replace(STAGE, prompted_frames=1))} == {None}


def test_there_are_at_most_seven_corrections():
    assert {script.clicks for script in scripts(STAGE)} == set(range(8))


@pytest.mark.parametrize("objects", [2, 3])
def test_clip_has_no_more_objects_than_wanted(objects):
    config = TrainingConfig(stages=(replace(STAGE, clip_objects=objects, frames=2),))
    batch, _ = make_batch(Dots(), config, 0)
    assert batch.targets.shape == (objects, 2, 64, 64)


def test_time_runs_backwards_half_of_the_time():
    stack = np.zeros((2, 8, 8), np.uint8)
    stack[1] = 100
    labels = (stack > 0).astype(np.uint16)
    rng = np.random.default_rng(0)
    clip = LabelledClip(stack, labels, np.ones(2, bool))
    turned = [bool(augment(clip, rng).labels[0, 0, 0]) for _ in range(400)]
    assert np.mean(turned) == pytest.approx(0.5, abs=0.08)


def test_one_click_of_ten_ignores_the_prediction():
    """The object is found but for one corner; a click elsewhere comes from the truth."""
    soft = torch.zeros(3000, 16, 16)
    soft[:, 4:12, 4:12] = 1
    logits = 20 * soft - 10
    logits[:, 4:6, 4:6] = -10
    points, labels = corrective_click(soft, logits, torch.Generator().manual_seed(0))
    elsewhere = (points[:, 0] > 6 * 4).any(1).float().mean().item()
    assert (labels == 1).all()
    assert elsewhere == pytest.approx(0.1, abs=0.03)


def test_source_without_objects_is_told():
    class Nothing:
        def draw(self, rng, frames):
            empty = np.zeros((frames, 8, 8), np.uint8)
            return LabelledClip(empty, empty.astype(np.uint16), np.ones(frames, bool))

    with pytest.raises(ValueError, match="no object"):
        make_batch(Nothing(), TrainingConfig(stages=(STAGE,)), 0)


def test_tracking_of_an_object_that_left_has_no_mask_loss():
    config = TrainingConfig(stages=(replace(STAGE, frames=2, clip_clicks=0, clip_objects=1),))
    batch, _ = make_batch(Discs(), config, 0)
    batch.targets[:, 1] = 0
    script = replace(scripts(STAGE, 1)[0], first="mask", clicks=0, corrected=None)
    with torch.no_grad():
        outcome = rollout(Sam2(TINY), batch, script, LossWeights(), torch.Generator())
    (terms,) = outcome.losses
    assert terms.balanced.item() == terms.dice.item() == terms.iou.item() == 0
    assert terms.occlusion.item() > 0


class Sparse:
    """The moving discs, labelled on some frames only."""

    def __init__(self, *known: int) -> None:
        self.known = known

    def draw(self, rng, frames):
        images, labels, _ = Discs().draw(rng, frames)
        labelled = np.isin(np.arange(frames), self.known)
        labels[~labelled] = 0
        return LabelledClip(images, labels, labelled)


def sparse_batch(stage: Stage, *known: int):
    config = TrainingConfig(stages=(replace(stage, clip_objects=1, haze=0.0),))
    return make_batch(Sparse(*known), config, 0)


def play(batch, script):
    torch.manual_seed(0)
    with torch.no_grad():
        return rollout(Sam2(TINY), batch, script, LossWeights(), torch.Generator())


def test_unlabelled_frame_has_no_loss():
    batch, _ = sparse_batch(replace(STAGE, frames=3), 0, 2)
    outcome = play(batch, Script("mask", 0))
    assert batch.labelled.tolist() == [[True, False, True]]
    assert len(outcome.losses) == 1


def test_objects_of_unlabelled_clips_do_not_count_on_a_frame():
    both = replace(STAGE, clips=2, frames=2)
    batch, _ = sparse_batch(both, 0, 1)
    batch.labelled[1, 1] = False
    (terms,) = play(batch, Script("mask", 0)).losses
    assert terms.occlusion.shape == (1,)


def test_network_says_whether_an_object_is_on_an_unlabelled_frame():
    """A seen object is remembered as such where no label says that it is there."""
    batch, _ = sparse_batch(replace(STAGE, frames=2), 0)
    player = _Player(Sam2(TINY), batch, LossWeights(), torch.Generator(), own_scores=0.0)
    player.seen = torch.ones(1, 1, dtype=torch.bool)
    assert not player.visible(1).any()
    assert player.believed(1).all()


def test_only_labelled_frames_are_corrected():
    rng = np.random.default_rng(0)
    labelled = np.array([[True, False, True, True], [True, True, True, False]])
    drawn = {draw_script(STAGE, labelled, rng).corrected for _ in range(50)}
    assert drawn == {None, 2}


def test_clip_whose_first_frame_alone_is_labelled_is_not_prompted_with_its_mask():
    rng = np.random.default_rng(0)
    labelled = np.array([[True, False, False]])
    assert "mask" not in {draw_script(STAGE, labelled, rng).first for _ in range(50)}


def test_object_that_is_taken_out_is_absent_on_a_labelled_frame():
    leaving = replace(STAGE, frames=2, clip_objects=1, taken_out=1.0, haze=0.0, drifting=0.0)
    batch, _ = make_batch(Discs(), TrainingConfig(stages=(leaving,)), 0)
    assert not batch.targets[0, 1].any()
    assert batch.labelled.all()


def test_dense_head_learns_nothing_from_unlabelled_frames():
    batch, _ = sparse_batch(replace(STAGE, frames=2), 0)
    model = Sam2(TINY)
    head = AuxiliaryHead(TINY)
    features = model.encode_frame(batch.images.flatten(0, 1))
    sparse = head(features, batch.dense, batch.labelled.flatten())
    alone = head(model.encode_frame(batch.images[:, 0]), batch.dense[:1], torch.tensor([True]))
    assert sparse.item() == pytest.approx(alone.item(), rel=1e-5)


def test_merged_masks_hold_another_object_that_the_first_correction_excludes():
    batch, _ = make_batch(Discs(), TrainingConfig(stages=(replace(STAGE, frames=2, haze=0.0),)), 0)
    player = _Player(Sam2(TINY), batch, LossWeights(), torch.Generator(), merged=1.0)
    objects = player.soft[:, 1, None] > 0.5
    exact = torch.where(objects, 10.0, -10.0)
    masks = player.with_others(1, exact) > 0
    assert (masks & objects).sum() == objects.sum()  # nothing of the objects is lost
    merged = (masks & ~objects).flatten(1).any(1)
    assert merged.any()
    points, labels = player.click(1, torch.where(masks, 10.0, -10.0))
    for row in torch.nonzero(merged).flatten().tolist():
        x, y = (points[row, 0] / 4).int().tolist()
        assert labels[row, 0] == 0
        assert masks[row, 0, y, x]
        assert not objects[row, 0, y, x]


def test_masks_are_not_merged_by_default():
    batch, _ = make_batch(Discs(), TrainingConfig(stages=(replace(STAGE, frames=2),)), 0)
    player = _Player(Sam2(TINY), batch, LossWeights(), torch.Generator())
    masks = torch.zeros(len(batch.clip), 1, 64, 64)
    assert player.with_others(1, masks) is masks


AHEAD = replace(STAGE, frames=4, prompted_ahead=1.0)


def test_second_prompt_comes_ahead_or_in_another_way_as_often_as_wanted():
    assert not any(script.is_ahead or script.second for script in scripts(STAGE, 200))
    twice = [script for script in scripts(AHEAD, 400) if script.corrected is not None]
    assert all(script.is_ahead for script in twice)
    assert {script.second for script in twice} == {"mask", "click", "box"}
    other = [s for s in scripts(replace(STAGE, other_prompts=0.5)) if s.corrected is not None]
    assert np.mean([s.second is not None for s in other]) == pytest.approx(0.5, abs=0.05)
    assert {s.second for s in other} == {None, "mask", "box"}


def memories_of(script: Script) -> list[tuple[int, list[int], list[float]]]:
    """Frame, slots of memories and distances of pointers of each look at memories."""
    config = TrainingConfig(stages=(replace(STAGE, frames=4, haze=0.0),))
    batch, _ = make_batch(Discs(), config, 0)
    model = Sam2(TINY)
    seen = []
    gather = model.gather_memory

    def noted(maps, slots, pointers, distances, *more):
        seen.append((maps.shape[1], slots[0].tolist(), distances[0].tolist()))
        return gather(maps, slots, pointers, distances, *more)

    model.gather_memory = noted
    rollout(model, batch, script, LossWeights(), torch.Generator().manual_seed(0))
    return seen


def test_frames_before_a_frame_that_is_prompted_ahead_attend_to_it():
    seen = memories_of(Script("mask", 0, 2, second="mask", is_ahead=True))
    assert [slots.count(-1) for _, slots, _ in seen] == [2, 2]  # frames 1 and 3
    assert seen[0] == (2, [-1, -1], pytest.approx([1 / 3]))  # no pointer from the future
    assert seen[1][2] == pytest.approx([1.0, 1 / 3, 2 / 3])


def test_without_it_the_later_prompt_is_known_afterwards_alone():
    seen = memories_of(Script("mask", 0, 2))
    assert [slots.count(-1) for _, slots, _ in seen] == [1, 1, 2]


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_later_frame_may_get_a_mask_or_a_box(kind):
    config = TrainingConfig(stages=(replace(STAGE, frames=3, haze=0.0),))
    batch, _ = make_batch(Discs(), config, 0)
    outcome = rollout(
        Sam2(TINY), batch, Script("mask", 2, 1, second=kind), LossWeights(),
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert len(outcome.ious["track"]) == 2
    assert ("corrected box" in outcome.ious) == (kind == "box")
    assert "corrected" not in outcome.ious


def test_object_that_is_absent_gets_its_empty_mask_and_no_box():
    config = TrainingConfig(stages=(replace(STAGE, frames=3, haze=0.0),))
    batch, _ = make_batch(Discs(), config, 0)
    batch.targets[:, 1] = 0
    script = Script("mask", 0, 1, second="box", is_ahead=True)
    outcome = rollout(Sam2(TINY), batch, script, LossWeights(), torch.Generator().manual_seed(0))
    assert "box" not in outcome.ious


def test_mosaics_come_as_often_as_the_stage_says():
    stage = replace(STAGE, frames=2, clip_objects=9, haze=0.0)
    batch, _ = make_batch(Dots(), TrainingConfig(stages=(replace(stage, mosaic=1.0),)), 0)
    plain, _ = make_batch(Dots(), TrainingConfig(stages=(stage,)), 0)
    assert batch.targets[:, 0].sum((1, 2)).max() < plain.targets[:, 0].sum((1, 2)).min() / 2


def test_parts_of_a_step_are_different_batches():
    config = TrainingConfig(stages=(replace(STAGE, frames=2, accumulate=2),))
    one, two = (make_batch(Dots(), config, 3, part)[0] for part in range(2))
    assert not torch.equal(one.targets, two.targets)
    drawn = list(islice(batches(Dots(), config, 3, ahead=1), 3))
    expected = [(3, 0), (3, 1), (4, 0)]
    for (batch, _), place in zip(drawn, expected, strict=True):
        assert torch.equal(batch.targets, make_batch(Dots(), config, *place)[0].targets)


def test_processes_prepare_the_same_batches():
    config = TrainingConfig(stages=(replace(STAGE, frames=2),), workers=2)
    prepared = batches(Dots(), config, 5)
    for step, (batch, script) in zip(range(5, 9), prepared, strict=False):
        expected, same = make_batch(Dots(), config, step)
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.targets, expected.targets)
        assert script == same
    prepared.close()
