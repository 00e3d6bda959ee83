"""The parts that see cells without a prompt: training, weights in files, and what they find."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_sam2.finding import find_objects
from napari_sam2.finding.fields import see_field
from napari_sam2.finding.progress import Steps
from napari_sam2.model import PRESETS, build_model, load_model
from napari_sam2.model.cell_head import CellHead
from napari_sam2.model.cell_unet import CellUNet
from napari_sam2.tracking.votes import count_votes
from napari_sam2.tracking.windows import Window
from napari_sam2.training import loop
from napari_sam2.training.auxiliary_head import auxiliary_target
from napari_sam2.training.cell_head import cell_head_losses
from napari_sam2.training.config import LossWeights, Stage, TrainingConfig
from tests.training.worlds import TINY, Dots

STAGE = Stage(steps=60, images_share=1.0, images=1, objects=2, learning_rate=1e-2, cell_head=True)
CONFIG = TrainingConfig(preset="tiny-test", stages=(STAGE,), warmup=5, average=0.5)
UNET = replace(CONFIG, stages=(replace(STAGE, cell_head=False, cell_unet=True),))
BOTH = replace(CONFIG, stages=(replace(STAGE, cell_unet=True),))


def trained_run(config: TrainingConfig, steps: int = STAGE.steps) -> loop.TrainingRun:
    run = loop.start(config, network=TINY)
    for _ in range(steps):
        loop.train_step(run, config, *loop.make_batch(Dots(), config, run.step))
    return run


@pytest.fixture(scope="module")
def trained() -> loop.TrainingRun:
    """A run whose head has learned to see nine squares."""
    return trained_run(CONFIG)


@pytest.fixture(scope="module")
def trained_unet() -> loop.TrainingRun:
    """A run whose U-Net has learned to see nine squares, in a network without a head."""
    return trained_run(UNET)


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        (CONFIG, ("cell_head.",)),
        (UNET, ("cell_unet.",)),
        (BOTH, ("cell_head.", "cell_unet.")),
    ],
    ids=["head", "U-Net", "both"],
)
def test_only_the_parts_that_see_cells_learn(config: TrainingConfig, parts: tuple) -> None:
    before = loop.start(config, network=TINY).model.state_dict()
    after = trained_run(config, 2).model.state_dict()
    changed = {k for k, v in after.items() if not torch.equal(v, before[k])}
    assert changed == {k for k in before if k.startswith(parts)}


@pytest.mark.parametrize("fixture", ["trained", "trained_unet"])
def test_each_part_sees_the_middle_of_each_cell(request: pytest.FixtureRequest, fixture) -> None:
    trained = request.getfixturevalue(fixture)
    clip = Dots().draw(None, 1)
    image = (clip.images[0] / 255).astype(np.float32)[..., None]
    field = see_field(loop.averaged(trained), image, 4, Window(0, 0, 64, 64), Steps())
    votes = count_votes(field.foreground, field.offsets)
    assert len(votes.middles) == 9
    found = {clip.labels[0][tuple(int(v) for v in field.place(*m))] for m in votes.middles}
    assert found == set(range(1, 10))


@pytest.mark.parametrize("fixture", ["trained", "trained_unet"])
def test_centres_give_a_click_in_each_cell(request: pytest.FixtureRequest, fixture) -> None:
    trained = request.getfixturevalue(fixture)
    clip = Dots().draw(None, 1)
    found = find_objects(
        loop.averaged(trained), clip.images[0], method="centres", cell_size=12, min_score=0
    )
    assert found
    for proposal in found:
        y, x = (round(value) for value in proposal.centre)
        assert proposal.mask[y, x]
        assert 0 <= proposal.score <= 1


def test_training_begins_with_the_head_of_the_weights(trained: loop.TrainingRun) -> None:
    weights = trained.model.state_dict()
    normal = replace(CONFIG, stages=(replace(STAGE, cell_head=False),))
    again = loop.start(normal, network=TINY, weights=weights)
    assert torch.equal(again.model.cell_head.output.bias, weights["cell_head.output.bias"])


@pytest.mark.parametrize("teaches_head", [True, False])
def test_run_resumes_with_its_head(trained: loop.TrainingRun, tmp_path, teaches_head: bool) -> None:
    config = replace(CONFIG, stages=(replace(STAGE, cell_head=teaches_head),))
    loop.save(trained, config, tmp_path)
    resumed = loop.resume(config, tmp_path, network=TINY)
    assert torch.equal(resumed.model.cell_head.output.bias, trained.model.cell_head.output.bias)


@pytest.mark.parametrize(
    ("options", "follows"),
    [
        ({}, True),
        ({"freeze_encoder": True}, False),
        ({"losses": LossWeights(dense=0.0)}, False),
    ],
    ids=["encoder learns", "encoder frozen", "no dense loss"],
)
def test_head_learns_with_the_encoder(trained: loop.TrainingRun, options, follows: bool) -> None:
    config = replace(CONFIG, stages=(replace(STAGE, cell_head=False, **options),))
    run = loop.start(config, network=TINY, weights=trained.model.state_dict())
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    figures = loop.train_step(run, config, *loop.make_batch(Dots(), config, 0))
    changed = {k for k, v in run.model.state_dict().items() if not torch.equal(v, before[k])}
    head = {k for k in before if k.startswith("cell_head.")}
    assert (changed >= head) if follows else not (changed & head)
    assert ({"loss_marks", "loss_offsets"} <= figures.keys()) is follows
    averaged = {k for k in head if not torch.equal(run.average[k], before[k])}
    assert averaged == (head if follows else set())


def test_the_head_that_follows_goes_on_after_a_resume(trained: loop.TrainingRun, tmp_path) -> None:
    config = replace(CONFIG, stages=(replace(STAGE, cell_head=False),))
    run = loop.start(config, network=TINY, weights=trained.model.state_dict())
    loop.train_step(run, config, *loop.make_batch(Dots(), config, 0))
    loop.save(run, config, tmp_path)
    resumed = loop.resume(config, tmp_path, network=TINY)
    for one in (run, resumed):
        loop.train_step(one, config, *loop.make_batch(Dots(), config, 1))
    for key, value in run.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[key], value), key


def test_a_network_without_a_head_has_no_loss_of_one() -> None:
    config = replace(CONFIG, stages=(replace(STAGE, cell_head=False),))
    run = loop.start(config, network=TINY)
    figures = loop.train_step(run, config, *loop.make_batch(Dots(), config, 0))
    assert "loss_dense" in figures
    assert not {"loss_marks", "loss_offsets"} & figures.keys()


def test_run_resumes_with_its_unet(trained_unet: loop.TrainingRun, tmp_path) -> None:
    loop.save(trained_unet, UNET, tmp_path)
    resumed = loop.resume(UNET, tmp_path, network=TINY)
    state = resumed.model.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in trained_unet.model.state_dict().items())


def test_cells_are_seen_by_the_unet_where_there_are_both() -> None:
    model = trained_run(BOTH, 1).model.eval()
    pixels = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        features = model.encode_frame(pixels)
        seen = model.see_cells(pixels, features)
        assert torch.equal(seen, model.cell_unet(pixels, features))
        assert seen.shape == model.cell_head(features).shape == (2, 4, 16, 16)
        model.cell_unet = None
        assert torch.equal(model.see_cells(pixels, features), model.cell_head(features))
        model.cell_head = None
        with pytest.raises(ValueError, match="no part that sees cells"):
            model.see_cells(pixels, features)


def test_unet_sees_what_the_features_do_not_tell(trained_unet: loop.TrainingRun) -> None:
    model = trained_unet.model.eval()
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        features = model.encode_frame(pixels)
        assert not torch.allclose(
            model.see_cells(pixels, features), model.see_cells(pixels.flip(-1), features)
        )


def test_unet_learns_with_the_encoder(trained_unet: loop.TrainingRun) -> None:
    config = replace(CONFIG, stages=(replace(STAGE, cell_head=False),))
    run = loop.start(config, network=TINY, weights=trained_unet.model.state_dict())
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    figures = loop.train_step(run, config, *loop.make_batch(Dots(), config, 0))
    assert {"loss_unet_marks", "loss_unet_offsets"} <= figures.keys()
    unet = {k for k in before if k.startswith("cell_unet.")}
    assert all(not torch.equal(run.model.state_dict()[k], before[k]) for k in unet)


@pytest.mark.parametrize("has_head", [False, True])
@pytest.mark.parametrize("has_unet", [False, True])
def test_weights_load_with_and_without_the_parts(tmp_path, has_head: bool, has_unet: bool) -> None:
    state = build_model(PRESETS["cells"]).state_dict()
    if has_head:
        state |= {f"cell_head.{k}": v for k, v in CellHead(128).state_dict().items()}
    if has_unet:
        state |= {f"cell_unet.{k}": v for k, v in CellUNet(128).state_dict().items()}
    path = tmp_path / "mine.safetensors"
    save_file({key: value.half() for key, value in state.items()}, path)
    model = load_model(path, "cpu")
    assert model.config == replace(PRESETS["cells"], cell_head=has_head, cell_unet=has_unet)
    assert (model.cell_head is not None) is has_head
    assert (model.cell_unet is not None) is has_unet
    assert model.sees_cells is (has_head or has_unet)


def test_network_without_a_head_has_no_centres() -> None:
    with pytest.raises(ValueError, match="use the method grid"):
        find_objects(build_model(TINY), np.zeros((64, 64)), method="centres")


@pytest.mark.parametrize(("cells", "teaches"), [(1, False), (6, True)])
def test_few_labelled_cells_teach_no_background(cells: int, teaches: bool) -> None:
    labels = Dots().draw(None, 1).labels[0]
    labels[labels > cells] = 0
    target = torch.from_numpy(auxiliary_target(labels))[None]
    maps = torch.zeros(1, 4, 16, 16)
    elsewhere = maps.clone()
    elsewhere[..., 15, 15] = 5.0  # a cell in the far corner
    before, after = (float(cell_head_losses(m, target)[0]) for m in (maps, elsewhere))
    assert (after > before) is teaches


def test_far_from_labelled_cells_a_reference_is_learnt() -> None:
    labels = Dots().draw(None, 1).labels[0]
    labels[labels > 6] = 0
    target = torch.from_numpy(auxiliary_target(labels))[None]
    seen = torch.full((1, 2, 16, 16), 0.01)
    seen[..., 15, 15] = 0.99  # a cell in the far corner, which is not labelled
    empty = torch.full((1, 4, 16, 16), -4.0)
    corner = empty.clone()
    corner[:, :2, 15, 15] = 4.0
    losses = [float(cell_head_losses(maps, target, seen)[0]) for maps in (corner, empty)]
    assert losses[0] < losses[1]
    otherwise = seen.clone()
    otherwise[:, :, torch.nn.functional.avg_pool2d(target, 4)[0, 0] > 0] = 0.5
    assert float(cell_head_losses(empty, target, otherwise)[0]) == losses[1]
