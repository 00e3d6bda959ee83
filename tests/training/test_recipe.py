"""Recipes in TOML: what is read from them, and what is refused."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.training.config import LossWeights, Stage
from napari_sam2.training.data import ClipDataset, ImagesAndClips
from napari_sam2.training.recipe import Recipe, check_same_run, read_recipe

EXAMPLES = Path(__file__).parents[2] / "examples"
GOOD = """
init = "cells"
losses = "paper"
{extra}

[data]
"mine" = 1
"/packs/other" = 0.5

[validation]
folders = ["kept"]

[[stages]]
steps = 10
learning_rate = 1
{stage}
"""


def read(tmp_path: Path, extra: str = "", stage: str = "", text: str = GOOD) -> Recipe:
    path = tmp_path / "recipe.toml"
    path.write_text(text.format(extra=extra, stage=stage), encoding="utf-8")
    return read_recipe(path)


def test_recipe_is_read(tmp_path):
    recipe = read(tmp_path, stage='losses = "paper"\nfreeze_encoder = true')
    assert recipe.init == "cells"
    assert recipe.training.data == (str(tmp_path / "mine"), "/packs/other")
    assert recipe.training.data_weights == (1.0, 0.5)
    assert recipe.training.losses == LossWeights.paper()
    stage = Stage(10, learning_rate=1.0, freeze_encoder=True, losses=LossWeights.paper())
    assert recipe.training.stages == (stage,)
    assert recipe.validation.folders == (str(tmp_path / "kept"),)


def test_weights_to_start_from_are_seen_from_the_recipe(tmp_path):
    text = GOOD.replace('"cells"', '"best.safetensors"')
    assert read(tmp_path, text=text).init == str(tmp_path / "best.safetensors")


@pytest.mark.parametrize(
    ("extra", "stage", "message"),
    [
        ("warm = 3", "", "warm: there is no such key"),
        ("", "clip_click = 3", r"stages\.0\.clip_click: there is no such key"),
        ('warmup = "3"', "", "warmup: Input should be a valid integer"),
        ("", 'frames = "8"', r"stages\.0\.frames: Input should be a valid integer"),
        ("", "frames = 0", r"stages\.0: frames must be at least 1; got 0"),
        ("", "prompted_frames = 3", "prompted_frames must be 1 or 2; got 3"),
        ("layer_decay = 0.0", "", "layer_decay must be in"),
        ('schedule = "linear"', "", "schedule: Input should be 'flat', 'cosine'"),
        ('preset = "huge"', "", "preset: expected one of cells"),
        ("data_weights = [1.0]", "", r"weights stand in \[data\]"),
        ("seed = 3 3", "", "recipe.toml is no TOML"),
    ],
)
def test_mistakes_are_told(tmp_path, extra, stage, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, extra, stage)


@pytest.mark.parametrize("text", ["[data]\na = 1.0\n", "[[stages]]\nsteps = 3\n", "stages = 3\n"])
def test_recipe_needs_data_and_stages(tmp_path, text):
    with pytest.raises(ValueError, match=r"data: at least|stages"):
        read(tmp_path, text=text)


def test_wrong_weight_of_a_folder_is_told(tmp_path):
    with pytest.raises(ValueError, match="mine: Input should be a valid number"):
        read(tmp_path, text=GOOD.replace('"mine" = 1', '"mine" = "much"'))


def test_weights_of_another_network_are_told(tmp_path):
    recipe = read(tmp_path, extra='preset = "sam2.1_tiny"')
    with pytest.raises(ValueError, match=r"'cells' is a network cells, but sam2\.1_tiny"):
        recipe.open_init()


def test_run_keeps_its_seed_but_may_get_more_steps(tmp_path):
    begun = read(tmp_path)
    check_same_run(begun, read(tmp_path, text=GOOD.replace("steps = 10", "steps = 99")))
    with pytest.raises(ValueError, match="began with seed = 0, not 4"):
        check_same_run(begun, read(tmp_path, "seed = 4"))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_that_we_ship_are_right(path):
    assert read_recipe(path).training.steps > 0
    assert tomllib.loads(path.read_text(encoding="utf-8"))["data"]


def test_images_and_clips_may_come_from_different_data(tmp_path):
    sources = '[image_data]\n"stills" = 2\n"synthetic:dic" = 1\n[data]\n"synthetic:yeast"'
    recipe = read(tmp_path, text=GOOD.replace('[data]\n"mine"', sources))
    assert recipe.training.data == ("synthetic:yeast", "/packs/other")
    assert recipe.training.image_data == (str(tmp_path / "stills"), "synthetic:dic")
    assert recipe.training.image_data_weights == (2.0, 1.0)


def test_single_images_are_drawn_from_the_image_data(tmp_path):
    text = GOOD.replace('"mine" = 1\n"/packs/other" = 0.5', '"synthetic:yeast" = 1')
    recipe = read(
        tmp_path, text=text.replace("[data]", '[image_data]\n"synthetic:dic" = 1\n[data]')
    )
    source = recipe.open_data()
    assert isinstance(source, ImagesAndClips)
    assert len(source) == 2
    for frames, part in ((1, source.images), (2, source.clips)):
        rng = (np.random.default_rng(3) for _ in range(2))
        assert (source.draw(next(rng), frames).images == part.draw(next(rng), frames).images).all()
    assert isinstance(read(tmp_path, text=text).open_data(), ClipDataset)


def test_official_networks_learn_in_colour(tmp_path):
    text = 'preset = "sam2.1_tiny"\n[data]\n"synthetic:yeast" = 1\n[[stages]]\nsteps = 1\n'
    assert read(tmp_path, text=text).open_data().in_colour
    assert not read(tmp_path, text=text.replace("sam2.1_tiny", "cells")).open_data().in_colour
