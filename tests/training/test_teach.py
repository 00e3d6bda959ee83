from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sam2.model import build_model, load_model
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training import examples
from napari_sam2.training import teach as module
from napari_sam2.training.examples import Example
from napari_sam2.training.teach import Taught, TeachingProgress, judge, teach, write_model
from napari_sam2.training.teach_cells import teach_unet
from tests.training.worlds import OFFICIAL, TINY


@pytest.fixture
def model() -> Sam2:
    """A tiny network as it is before any training: each lesson takes a second."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_model(TINY)


@pytest.fixture
def model_with_unet() -> Sam2:
    """The same with a U-Net that sees cells."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_model(replace(TINY, cell_unet=True))


@pytest.fixture
def example() -> Example:
    """Six dim discs on noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:160, :240]
    labels = np.zeros((160, 240), np.uint16)
    for k in range(6):
        centre = 40 + 80 * (k // 3), 40 + 80 * (k % 3)
        labels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 20**2] = k + 1
    return Example(0.5 * (labels > 0) + 0.1 * rng.standard_normal(labels.shape), labels)


@pytest.fixture
def six_cells_fill_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "FULL", 6)


def weights_of(network: Sam2) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_the_given_model_is_left_as_it_is(model: Sam2, example: Example) -> None:
    before = weights_of(model)
    teach(model, [example], budget_s=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.usefixtures("six_cells_fill_a_frame")
def test_the_unet_learns_the_cells_in_a_lesson(model_with_unet: Sam2, example: Example) -> None:
    before = weights_of(model_with_unet)
    told: list[TeachingProgress] = []
    taught = teach(model_with_unet, [example], 2, told.append)
    assert sum(one.step == one.steps for one in told) > 1  # the U-Net's steps are told, too
    unet = {name for name in before if name.startswith("cell_unet.")}
    after = taught.model.state_dict()
    assert all(not torch.equal(after[name], before[name]) for name in unet)
    assert all(torch.equal(model_with_unet.state_dict()[name], before[name]) for name in before)
    lesson = module.make_lesson([example], model_with_unet.config.image_size)
    assert judge(taught.model, lesson.judged) == pytest.approx(taught.after)


def test_the_unet_stays_where_few_cells_are_labelled(
    model_with_unet: Sam2, example: Example
) -> None:
    before = weights_of(model_with_unet)
    after = teach(model_with_unet, [example], budget_s=1).model.state_dict()
    unet = [name for name in before if name.startswith("cell_unet.")]
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in unet)


@pytest.mark.usefixtures("six_cells_fill_a_frame")
def test_only_the_unet_learns_to_see_cells(model_with_unet: Sam2, example: Example) -> None:
    lesson = module.make_lesson([example], model_with_unet.config.image_size)
    assert lesson.full_frames is not None
    after = teach_unet(model_with_unet, lesson.full_frames, budget_s=0).state_dict()
    before = model_with_unet.state_dict()
    changed = {name for name in before if not torch.equal(after[name], before[name])}
    assert changed
    assert all(name.startswith("cell_unet.") for name in changed)


@pytest.mark.usefixtures("six_cells_fill_a_frame")
def test_a_stopped_lesson_leaves_the_unet(model_with_unet: Sam2, example: Example) -> None:
    before = weights_of(model_with_unet)
    taught = teach(model_with_unet, [example], budget_s=60, should_stop=lambda: True)
    after = taught.model.state_dict()
    unet = [name for name in before if name.startswith("cell_unet.")]
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in unet)


def test_progress_comes_after_each_step(model: Sam2, example: Example) -> None:
    told: list[TeachingProgress] = []
    taught = teach(model, [example], budget_s=1, on_progress=told.append)
    assert [progress.step for progress in told] == list(range(1, told[-1].steps + 1))
    assert told[-1].curve == taught.curve
    assert taught.curve[0] == (0, taught.before)


def test_the_taught_model_reaches_what_is_said_of_it(model: Sam2, example: Example) -> None:
    taught = teach(model, [example], budget_s=1)
    lesson = module.make_lesson([example], model.config.image_size)
    assert judge(taught.model, lesson.judged) == pytest.approx(taught.after)
    assert taught.share in module.SHARES


def test_the_best_mix_on_the_way_outlives_worse_ones(
    model: Sam2, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[dict[str, torch.Tensor]] = []

    def falling(network: Sam2, frames: object) -> float:
        judged.append(weights_of(network))
        return 0.5 if len(judged) == 1 else 1 - 0.1 * len(judged)  # the base model comes first

    monkeypatch.setattr(module, "judge", falling)
    monkeypatch.setattr(module, "MOST_STEPS", 4)
    taught = teach(model, [example], budget_s=600)
    first = judged[1]
    assert taught.after == pytest.approx(0.8) == max(value for _, value in taught.curve)
    assert all(torch.equal(value, first[k]) for k, value in taught.model.state_dict().items())
    assert len(taught.curve) > 2  # there was a worse one on the way, too


@pytest.mark.parametrize(("after", "is_better"), [(0.49, False), (0.502, False), (0.51, True)])
def test_only_a_clear_gain_is_better(model: Sam2, after: float, is_better: bool) -> None:
    assert Taught(model, 0.5, after, 0.5, (), 8, 2, 1.0).is_better == is_better


def test_a_written_model_is_a_checkpoint(tmp_path: Path) -> None:
    model = load_model("cells", "cpu")
    write_model(Taught(model, 0.5, 0.6, 0.5, (), 8, 2, 1.0), tmp_path / "mine.safetensors", "cells")
    again = load_model(tmp_path / "mine.safetensors", "cpu")
    assert again.config.name == "cells"
    name, value = next(iter(model.state_dict().items()))
    assert torch.allclose(again.state_dict()[name], value, atol=1e-3)


def test_others_may_read_a_taught_model_as_the_system_lets_them(
    model: Sam2, tmp_path: Path
) -> None:
    (tmp_path / "other").touch()
    write_model(Taught(model, 0.5, 0.6, 0.5, (), 8, 2, 1.0), tmp_path / "mine.safetensors", "cells")
    assert (tmp_path / "mine.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_stopped_lesson_ends_before_the_next_step(model: Sam2, example: Example) -> None:
    told: list[TeachingProgress] = []
    teach(model, [example], 600, told.append, should_stop=lambda: len(told) == 2)
    assert len(told) == 2


def test_a_lesson_keeps_to_a_budget_of_a_single_step_and_says_so(
    model: Sam2, example: Example
) -> None:
    told: list[TeachingProgress] = []
    taught = teach(model, [example], 0.001, told.append)
    assert [(progress.step, progress.steps) for progress in told] == [(1, 1)]
    assert "enough for 1 step only" in taught.notes[-1]


def test_an_official_network_learns_without_its_encoder(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_STEPS", 12)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        official = build_model(OFFICIAL)
    taught = teach(official, [example], budget_s=600)
    assert not taught.notes[1:]  # but for the few masks
    before, after = official.state_dict(), taught.model.state_dict()
    changed = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-7)}
    assert not any(name.startswith("image_encoder.") for name in changed)
    for part in (
        "memory_attention.",
        "memory_encoder.",
        "sam_mask_decoder.",
        "sam_prompt_encoder.",
    ):
        assert any(name.startswith(part) for name in changed), part


def test_encoder_can_be_left_alone(model: Sam2, example: Example) -> None:
    pupil = module._Pupil(
        model,
        module.make_lesson([example], model.config.image_size),
        learn_encoder=False,
        seed=0,
    )
    pupil.learn(0.0, 1.0, 1.0, 0.0, None, lambda: False)
    learnt = pupil._run.model.state_dict()
    changed = {name for name, value in model.state_dict().items() if (value != learnt[name]).any()}
    assert changed
    assert not any(name.startswith("image_encoder.") for name in changed)


def test_a_lesson_without_time_is_refused(model: Sam2, example: Example) -> None:
    with pytest.raises(ValueError, match="budget_s must be positive"):
        teach(model, [example], budget_s=0)


def test_too_few_masks_are_refused(model: Sam2, example: Example) -> None:
    with pytest.raises(ValueError, match="5 masks or more"):
        teach(model, [replace(example, labels=np.where(example.labels < 4, example.labels, 0))])
