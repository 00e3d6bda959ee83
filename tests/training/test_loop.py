"""The training loop on a clip of two discs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sam2.model import PRESETS, load_model
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training import loop
from napari_sam2.training.config import LossWeights, Stage, TrainingConfig
from napari_sam2.training.logs import read_figures
from tests.training.worlds import TINY, Discs

STAGE = Stage(
    steps=200, images_share=0.5, images=1, objects=2, clips=1, clip_objects=2, frames=3,
    image_clicks=1, learning_rate=3e-3,
)  # fmt: skip
QUICK = replace(STAGE, images_share=1.0, image_clicks=0, learning_rate=5e-3)
CONFIG = TrainingConfig(preset="tiny-test", stages=(STAGE,), warmup=10, average=0.9)


def begin(config: TrainingConfig = CONFIG) -> loop.TrainingRun:
    return loop.start(config, network=TINY)


def advance(run, steps, config=CONFIG):
    figures = {}
    for _ in range(steps):
        batch, script = loop.make_batch(Discs(), config, run.step)
        figures = loop.train_step(run, config, batch, script)
    return figures


def train(run, config, folder, **options):
    batches = loop.batches(Discs(), config, run.step, ahead=1)
    loop.train(run, config, batches, folder, **{"report": lambda line: None, **options})
    batches.close()


def weights(run):
    return torch.cat([value.flatten() for value in run.model.state_dict().values()])


def everything(run: loop.TrainingRun) -> list[torch.Tensor]:
    """Weights, their average, the auxiliary head, and the moments of the optimizer."""
    moments = [
        torch.as_tensor(value)
        for state in run.optimizer.state_dict()["state"].values()
        for value in state.values()
    ]
    kept = [*run.average.values(), *run.auxiliary_head.state_dict().values()]
    return [weights(run), *kept, *moments]


def test_same_seed_gives_same_weights():
    one, other = begin(), begin()
    advance(one, 2)
    advance(other, 2)
    assert torch.equal(weights(one), weights(other))


def test_other_seed_gives_other_weights():
    assert not torch.equal(weights(begin()), weights(begin(replace(CONFIG, seed=1))))


def test_resumed_run_goes_on_bit_for_bit(tmp_path):
    config = replace(CONFIG, stages=(replace(STAGE, steps=6),))
    whole = begin(config)
    train(whole, config, tmp_path / "whole")
    half = begin(config)
    train(half, config, tmp_path / "half", should_stop=lambda: half.step == 3)
    assert half.step == 3
    resumed = loop.resume(config, tmp_path / "half", network=TINY)
    train(resumed, config, tmp_path / "half")
    assert resumed.step == whole.step == 6
    assert all(map(torch.equal, everything(whole), everything(resumed)))


def test_run_without_shares_and_best_still_resumes(tmp_path):
    """As it was saved before groups had shares of the learning rate."""
    run = begin()
    advance(run, 1)
    loop.save(run, CONFIG, tmp_path)
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    del state["best"]
    for group in state["optimizer"]["param_groups"]:
        del group["share"]
    torch.save(state, tmp_path / "run.pt")
    resumed = loop.resume(CONFIG, tmp_path, network=TINY)
    advance(run, 1)
    advance(resumed, 1)
    assert torch.equal(weights(run), weights(resumed))


def test_resumed_run_writes_no_line_twice(tmp_path):
    config = replace(CONFIG, stages=(replace(QUICK, steps=4),))
    run = begin(config)
    loop.save(run, config, tmp_path)
    train(run, config, tmp_path, log_every=1, save_every_s=1e9, should_stop=lambda: run.step == 2)
    loop.save(begin(config), config, tmp_path)  # as if the machine had died before the checkpoint
    resumed = loop.resume(config, tmp_path, network=TINY)
    train(resumed, config, tmp_path, log_every=1)
    assert [step for step, _ in read_figures(tmp_path / "log.csv")["loss"]] == [1, 2, 3, 4]


def test_one_clip_can_be_overfitted():
    config = replace(CONFIG, stages=(QUICK,))
    run = begin(config)
    losses = [advance(run, 1, config)["loss"] for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_checkpoint_is_what_load_model_takes(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny-test", TINY)
    run = begin()
    advance(run, 1)
    loop.save(run, CONFIG, tmp_path)
    model = load_model(tmp_path / "tiny-test.safetensors", "cpu")
    assert model.config.name == "tiny-test"
    assert torch.allclose(model.no_mem_embed, run.average["no_mem_embed"], atol=1e-3)


def test_others_may_read_trained_weights_as_the_system_lets_them(tmp_path):
    (tmp_path / "other").touch()
    loop.save(begin(), CONFIG, tmp_path)
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes["tiny-test.safetensors"] == modes["run.pt"] == modes["other"]


def test_run_begins_with_given_weights():
    model = Sam2(TINY)
    run = loop.start(CONFIG, network=TINY, weights=model.state_dict())
    assert torch.equal(run.model.no_obj_ptr, model.no_obj_ptr)
    assert torch.equal(run.average["no_obj_ptr"], model.no_obj_ptr)


def test_training_stops_at_its_last_step_and_logs(tmp_path):
    config = replace(CONFIG, stages=(replace(QUICK, steps=4),))
    run, lines = begin(config), []
    train(run, config, tmp_path, log_every=2, report=lines.append)
    assert run.step == 4
    assert len(lines) == 2
    assert (tmp_path / "log.csv").read_text().startswith("step,seconds,")


def test_time_box_stops_before_the_first_step(tmp_path):
    run = begin()
    train(run, CONFIG, tmp_path, minutes=-1)
    assert run.step == 0
    assert (tmp_path / "run.pt").exists()


def test_best_network_of_the_validations_is_kept(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny-test", TINY)
    config = replace(CONFIG, stages=(replace(QUICK, steps=3),))
    scores, seen = iter([0.1, 0.2, 0.9, 0.4]), []

    def validate(model: Sam2) -> dict[str, float]:
        seen.append(model.sam_mask_decoder.mask_tokens.weight.clone())
        return {"mean": next(scores)}

    run = begin(config)
    train(run, config, tmp_path, validate=validate, validate_every=1)
    best = load_model(tmp_path / "best.safetensors", "cpu")
    assert torch.allclose(best.sam_mask_decoder.mask_tokens.weight, seen[2], atol=1e-3)
    assert not torch.allclose(seen[3], seen[2], atol=1e-3)
    assert run.best == loop.resume(config, tmp_path, network=TINY).best == 0.9
    assert read_figures(tmp_path / "validation.csv")["mean"] == list(
        enumerate([0.1, 0.2, 0.9, 0.4])
    )
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_beginning_is_kept_where_training_makes_it_worse(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny-test", TINY)
    config = replace(CONFIG, stages=(replace(QUICK, steps=1),))
    scores = iter([0.9, 0.2])
    run = begin(config)
    weights = run.model.sam_mask_decoder.mask_tokens.weight.clone()
    train(run, config, tmp_path, validate=lambda model: {"mean": next(scores)})
    best = load_model(tmp_path / "best.safetensors", "cpu")
    assert torch.allclose(best.sam_mask_decoder.mask_tokens.weight, weights, atol=1e-3)


def test_frozen_encoder_stays_and_the_rest_learns():
    config = replace(CONFIG, stages=(replace(QUICK, freeze_encoder=True),))
    run = begin(config)
    before = {name: value.clone() for name, value in run.model.named_parameters()}
    advance(run, 2, config)
    moved = {n for n, value in run.model.named_parameters() if not torch.equal(value, before[n])}
    assert not any(name.startswith("image_encoder.") for name in moved)
    assert "sam_mask_decoder.mask_tokens.weight" in moved


def test_encoder_learns_again_in_a_later_stage():
    frozen = replace(QUICK, steps=1, freeze_encoder=True)
    config = replace(CONFIG, stages=(frozen, replace(QUICK, steps=1)))
    run = begin(config)
    before = run.model.image_encoder.neck.convs[0].conv.weight.clone()
    advance(run, 2, config)
    assert not torch.equal(run.model.image_encoder.neck.convs[0].conv.weight, before)


def test_first_layers_of_the_encoder_learn_slowest():
    config = replace(CONFIG, layer_decay=0.5, encoder_rate=0.2, warmup=0)
    run = begin(config)
    loop.set_learning_rate(run.optimizer, 1.0)
    rate_of = {id(p): g["lr"] for g in run.optimizer.param_groups for p in g["params"]}
    trunk, neck = run.model.image_encoder.trunk, run.model.image_encoder.neck
    layers = [trunk.patch_embed, *trunk.blocks, neck, run.model.sam_mask_decoder]
    rates = [rate_of[id(next(layer.parameters()))] for layer in layers]
    assert rates == pytest.approx([0.2 * 0.5**k for k in (5, 4, 3, 2, 1, 0)] + [1.0])


def test_bfloat16_changes_little_and_keeps_weights_in_float32():
    config = replace(CONFIG, precision="bfloat16")
    exact, rough = advance(begin(), 1), advance(run := begin(config), 1, config)
    assert rough["loss"] != exact["loss"]
    assert rough["loss"] == pytest.approx(exact["loss"], rel=0.05)
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("precision", "device", "expected"),
    [("auto", "cuda", True), ("auto", "cpu", False), ("float32", "cuda", False)],
)
def test_bfloat16_is_for_cuda(precision, device, expected):
    config = replace(CONFIG, precision=precision)
    assert loop.uses_bfloat16(config, torch.device(device)) is expected


def spoil(run: loop.TrainingRun) -> None:
    """Make the occlusion score not a number, and nothing else."""
    head = run.model.sam_mask_decoder.pred_obj_score_head
    head.layers[-1].bias.data.fill_(float("nan"))


def test_loss_that_is_not_finite_stops_the_run_and_is_named():
    run = begin()
    spoil(run)
    with pytest.raises(loop.NotFiniteError, match=r"step 0 .*: loss_occlusion = nan;"):
        advance(run, 1)


def test_gradient_that_is_not_finite_stops_the_run():
    run = begin()
    run.model.sam_mask_decoder.iou_token.weight.register_hook(lambda g: g / 0)
    with pytest.raises(loop.NotFiniteError, match="the gradient is not finite"):
        advance(run, 1)


def test_step_that_is_not_finite_changes_nothing():
    run = begin()
    advance(run, 1)
    run.model.sam_mask_decoder.iou_token.weight.register_hook(lambda g: g / 0)
    before = [value.clone() for value in everything(run)]
    with pytest.raises(loop.NotFiniteError):
        advance(run, 1)
    assert run.step == 1
    assert all(map(torch.equal, before, everything(run)))


def test_checkpoint_stays_where_a_later_step_is_not_finite(tmp_path):
    run = begin()
    loop.save(run, CONFIG, tmp_path)
    kept = (tmp_path / "run.pt").read_bytes()
    spoil(run)
    with pytest.raises(loop.NotFiniteError):
        train(run, CONFIG, tmp_path)
    assert (tmp_path / "run.pt").read_bytes() == kept


def test_losses_of_the_paper_are_20_1_1_1_and_nothing_else():
    paper = LossWeights.paper()
    assert (paper.focal, paper.dice, paper.iou, paper.occlusion) == (20, 1, 1, 1)
    assert paper.balanced == paper.dense == 0


def test_stage_may_have_losses_of_its_own():
    only = LossWeights(balanced=0, dice=0, iou=0, occlusion=2.0, dense=0)
    config = replace(CONFIG, stages=(replace(QUICK, losses=only),))
    figures = advance(begin(config), 1, config)
    assert figures["loss"] == pytest.approx(2 * figures["loss_occlusion"], rel=1e-5)


def test_learning_rate_rises_holds_and_falls():
    config = TrainingConfig(stages=(Stage(100, learning_rate=1.0),), warmup=10, cooldown=0.2)
    rates = [config.learning_rate(step) for step in (0, 50, 99)]
    assert rates == pytest.approx([0.1, 1.0, 0.05])


@pytest.mark.parametrize(("schedule", "half"), [("cosine", 0.5), ("inverse_sqrt", 0.443)])
def test_learning_rate_follows_its_schedule(schedule, half):
    stages = (Stage(100, learning_rate=1.0),)
    config = TrainingConfig(stages=stages, warmup=10, cooldown=0.0, schedule=schedule)
    assert config.learning_rate(50) == pytest.approx(half, abs=1e-3)


def test_stages_follow_each_other():
    config = TrainingConfig(stages=(Stage(10, frames=2), Stage(5, frames=4)))
    assert [config.stage_at(step).frames for step in (0, 9, 10, 99)] == [2, 2, 4, 4]


def test_accumulated_step_is_the_step_of_the_mean_gradient():
    config = replace(CONFIG, stages=(replace(QUICK, accumulate=2),))
    parts = [loop.make_batch(Discs(), config, 0, part) for part in range(2)]
    gradients = []
    for number, part in enumerate(parts):
        run = begin(config)
        loss, _ = loop.rollout_losses(run, config, *part, number)
        loss.backward()
        gradients.append(run.model.image_encoder.trunk.patch_embed.proj.weight.grad)
    run = begin(replace(config, clip_norm=1e9))
    loop.accumulated_step(run, replace(config, clip_norm=1e9), parts)
    found = run.model.image_encoder.trunk.patch_embed.proj.weight.grad
    torch.testing.assert_close(found, (gradients[0] + gradients[1]) / 2)
    assert run.step == 1


def test_run_takes_as_many_batches_as_a_step_accumulates(tmp_path):
    config = replace(CONFIG, stages=(replace(QUICK, steps=2, accumulate=3),))
    run, drawn = begin(config), []

    def counted():
        for batch in loop.batches(Discs(), config, ahead=1):
            drawn.append(batch)
            yield batch

    loop.train(run, config, counted(), tmp_path, report=lambda line: None)
    assert run.step == 2
    assert len(drawn) == 6


def test_dropped_paths_change_what_is_learnt_and_leave_no_trace():
    config = replace(CONFIG, drop_path=0.5)
    one, same, other = begin(config), begin(config), begin()
    state = torch.random.get_rng_state()
    advance(one, 2, config)
    advance(same, 2, config)
    advance(other, 2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))
    assert all(block.drop_path == 0 for block in one.model.image_encoder.trunk.blocks)


def test_frozen_encoder_keeps_no_graph():
    config = replace(CONFIG, stages=(replace(QUICK, freeze_encoder=True),))
    run = begin(config)
    before = run.model.image_encoder.trunk.patch_embed.proj.weight.clone()
    advance(run, 2, config)
    assert torch.equal(run.model.image_encoder.trunk.patch_embed.proj.weight, before)
    batch, script = loop.make_batch(Discs(), config, 0)
    outcome = loop.rollout(
        run.model, batch, script, config.losses, torch.Generator().manual_seed(0)
    )
    assert not outcome.features.stride16.requires_grad
