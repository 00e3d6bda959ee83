"""The training loop on a clip of two discs."""

import numpy as np
import pytest
import torch

from napari_sam2.model import build_model, read_state
from napari_sam2.training import loop
from napari_sam2.training.config import Stage, TrainingConfig
from tests.training.worlds import TINY, Discs

STAGE = Stage(
    steps=200, images_share=0.5, images=1, objects=2, clips=1, clip_objects=2, frames=3,
    image_clicks=1, learning_rate=3e-3,
)  # fmt: skip
CONFIG = TrainingConfig(preset="tiny-test", stages=(STAGE,), warmup=10, average=0.9)


def advance(run, steps):
    figures = {}
    for _ in range(steps):
        batch, script = loop.make_batch(Discs(), CONFIG, run.step)
        figures = loop.train_step(run, CONFIG, batch, script)
    return figures


def weights(run):
    return torch.cat([value.flatten() for value in run.model.state_dict().values()])


def test_same_seed_gives_same_weights():
    one, other = (loop.start(CONFIG, network=TINY) for _ in range(2))
    advance(one, 3)
    advance(other, 3)
    assert torch.equal(weights(one), weights(other))


def test_resumed_run_goes_on_bit_for_bit(tmp_path):
    whole = loop.start(CONFIG, network=TINY)
    advance(whole, 2)
    loop.save(whole, CONFIG, tmp_path)
    resumed = loop.resume(CONFIG, tmp_path, network=TINY)
    advance(whole, 2)
    advance(resumed, 2)
    assert torch.equal(weights(whole), weights(resumed))


@pytest.mark.slow
def test_one_clip_can_be_overfitted():
    run = loop.start(CONFIG, network=TINY)
    losses = [advance(run, 1)["loss"] for _ in range(150)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


def test_exported_weights_fit_the_network(tmp_path):
    run = loop.start(CONFIG, network=TINY)
    advance(run, 1)
    loop.export(run, tmp_path / "tiny.safetensors")
    state = {key: value.float() for key, value in read_state(tmp_path / "tiny.safetensors").items()}
    model = build_model(TINY, state)
    assert torch.allclose(model.no_mem_embed, run.average["no_mem_embed"], atol=1e-3)


def test_training_stops_at_its_last_step_and_logs(tmp_path):
    config = TrainingConfig(preset="tiny-test", stages=(Stage(4, images=1, clips=1, frames=2),))
    run = loop.start(config, network=TINY)
    lines = []
    batches = loop.batches(Discs(), config)
    loop.train(run, config, batches, tmp_path, log_every=2, report=lines.append)
    batches.close()
    assert run.step == 4
    assert len(lines) == 2
    assert (tmp_path / "log.csv").read_text().startswith("step,seconds,")


def test_time_box_stops_before_the_first_step(tmp_path):
    run = loop.start(CONFIG, network=TINY)
    batches = loop.batches(Discs(), CONFIG)
    loop.train(run, CONFIG, batches, tmp_path, minutes=0, report=lambda line: None)
    batches.close()
    assert run.step == 0
    assert (tmp_path / "run.pt").exists()


def test_learning_rate_rises_holds_and_falls():
    config = TrainingConfig(stages=(Stage(100, learning_rate=1.0),), warmup=10, cooldown=0.2)
    rates = [config.learning_rate(step) for step in (0, 50, 99)]
    assert rates == pytest.approx([0.1, 1.0, 0.05])


def test_stages_follow_each_other():
    config = TrainingConfig(stages=(Stage(10, frames=2), Stage(5, frames=4)))
    assert [config.stage_at(step).frames for step in (0, 9, 10, 99)] == [2, 2, 4, 4]
