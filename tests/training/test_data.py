"""Shards, stills as movies, and the dataset that mixes them."""

import runpy
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.training.data import (
    ClipDataset,
    LabelledClip,
    augment,
    held_out,
    sample_objects,
    warp_clip,
    write_synthetic_shards,
)
from napari_sam2.training.pseudo_video import find_stills, write_pseudo_video_shards
from napari_sam2.training.shards import read_shards
from napari_sam2.training.synthetic import generate_clip

SMALL = (64, 64)


def disc_still(side: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Three bright discs of 20 pixels across on a dark ground, and their labels."""
    y, x = np.ogrid[:side, :side]
    labels = np.zeros((side, side), np.uint16)
    for i, (cy, cx) in enumerate([(40, 40), (60, 75), (85, 50)], start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 100] = i
    return np.where(labels > 0, 200, 20).astype(np.uint8), labels


def write_pairs(folder: Path, arrays: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name, (image, labels) in arrays.items():
        photometric = "rgb" if image.shape[-1] == 3 else "minisblack"
        tifffile.imwrite(folder / "images" / name, image, photometric=photometric)
        tifffile.imwrite(folder / "labels" / name, labels, photometric="minisblack")
    return folder


@pytest.fixture
def pack(tmp_path):
    write_synthetic_shards(tmp_path / "pack", 4, {"nuclei": 1, "dic": 1}, SMALL, frames=5, seed=3)
    return tmp_path / "pack"


def test_pack_gives_back_what_was_generated(pack):
    (shard,) = read_shards(pack)
    for i, kind in enumerate(shard.sources):
        clip = generate_clip(kind, SMALL, 5, seed=3 * 1_000_003 + i)
        assert np.array_equal(shard.images[i], clip.images)
        assert np.array_equal(shard.labels[i], clip.labels)
        assert shard.parents[i] == clip.parents


def test_pack_is_read_through_a_memory_map(pack):
    (shard,) = read_shards(pack)
    assert isinstance(shard.images, np.memmap)


def test_two_processes_write_the_same_pack(pack, tmp_path):
    write_synthetic_shards(
        tmp_path / "two", 4, {"nuclei": 1, "dic": 1}, SMALL, 5, seed=3, processes=2
    )
    assert np.array_equal(read_shards(pack)[0].images, read_shards(tmp_path / "two")[0].images)


def test_pack_is_not_written_over(pack):
    with pytest.raises(FileExistsError, match="already has a shard folder"):
        write_synthetic_shards(pack, 1, {"nuclei": 1}, SMALL)


def test_unfinished_shard_is_not_read(pack):
    next(pack.glob("*.json")).unlink()
    with pytest.raises(FileNotFoundError, match="no finished shards"):
        read_shards(pack)


@pytest.mark.parametrize("weights", [{}, {"dic": -1.0}, {"dic": 0.0}])
def test_useless_weights_are_told(tmp_path, weights):
    with pytest.raises(ValueError, match="weights must be positive"):
        write_synthetic_shards(tmp_path / "new", 2, weights)
    assert not (tmp_path / "new").exists()


def test_held_out_names_do_not_depend_on_order_or_folder():
    names = [f"{i}.tif" for i in range(50)]
    shuffled = [f"/some/where/{name}" for name in reversed(names)]
    assert [Path(name).name for name in held_out(shuffled, 10)] == held_out(names, 10)


def test_held_out_names_stay_when_files_come():
    names = [f"{i}.tif" for i in range(50)]
    assert set(held_out([*names, "new.tif"], 10)) - {"new.tif"} <= set(held_out(names, 10))


def test_held_out_names_are_those_of_the_smallest_hashes():
    assert held_out(["a.tif", "b.tif", "c.tif"], 2) == ["c.tif", "b.tif"]


def test_warped_still_starts_with_the_still():
    image, labels = disc_still()
    clip = warp_clip(image, labels, 4, SMALL, np.random.default_rng(0))
    assert clip.images.shape == clip.labels.shape == (4, *SMALL)
    bright = clip.images[0] > np.median(clip.images[0]) + 40
    dark = clip.images[0] < np.median(clip.images[0]) - 40
    cells = clip.labels[0] > 0
    best = max((seen & cells).sum() / (seen | cells).sum() for seen in (bright, dark, ~dark))
    assert best > 0.75


def test_cells_of_a_warped_still_move_but_stay_the_same_cells():
    image, labels = disc_still()
    moved, overlaps = [], []
    for seed in range(8):
        clip = warp_clip(image, labels, 6, SMALL, np.random.default_rng(seed))
        first, last = clip.labels[0] == 1, clip.labels[1] == 1
        overlaps.append((first & last).sum() / (first | last).sum())
        moved.append(not np.array_equal(clip.labels[0], clip.labels[-1]))
    assert all(moved)
    assert np.median(overlaps) > 0.6


def test_warping_is_repeatable():
    image, labels = disc_still()
    first, second = (warp_clip(image, labels, 3, SMALL, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.labels, second.labels)


def test_still_without_labels_is_refused():
    image, labels = disc_still()
    with pytest.raises(ValueError, match="nothing is labelled"):
        warp_clip(image, 0 * labels, 3, SMALL, np.random.default_rng(0))


def test_still_pack_tells_its_sources(tmp_path):
    stills = find_stills(write_pairs(tmp_path / "set", {"a.tif": disc_still()}))
    write_pseudo_video_shards(tmp_path / "pack", 2, {"set": (1.0, stills)}, SMALL, 3)
    assert read_shards(tmp_path / "pack")[0].sources == ["set/a.tif"] * 2


def test_stack_of_stills_is_one_still_a_page(tmp_path):
    image, labels = disc_still()
    tifffile.imwrite(tmp_path / "raw.tif", np.stack([image, image // 2]), photometric="minisblack")
    tifffile.imwrite(tmp_path / "labels.tif", np.stack([labels, labels]))
    stills = find_stills(tmp_path)
    assert len(stills) == 2
    assert np.array_equal(stills[1].read()[0], image // 2)


def test_picture_without_labels_is_told(tmp_path):
    folder = write_pairs(tmp_path / "set", {"a.tif": disc_still()})
    (folder / "labels" / "a.tif").unlink()
    with pytest.raises(FileNotFoundError, match=r"without labels: \['a.tif'\]"):
        ClipDataset({folder: 1.0})


def test_dataset_joins_packs_movies_and_stills(pack, tmp_path):
    image, labels = disc_still()
    movie = np.stack([image, image]).astype(np.uint16) * 100, np.stack([labels, labels])
    colour = np.stack([image] * 3, axis=-1), labels
    folder = write_pairs(tmp_path / "set", {"colour.tif": colour, "movie.tif": movie})
    dataset = ClipDataset({pack: 1.0, folder: 1.0})
    assert [dataset[i][0].shape for i in (0, 4, 5)] == [
        (5, *SMALL),
        (1, 120, 120, 3),
        (2, 120, 120),
    ]
    assert all(dataset[i][0].dtype == np.uint8 for i in range(len(dataset)))


@pytest.mark.parametrize("frames", [1, 3, 8])
def test_draw_gives_the_size_asked_for(pack, tmp_path, frames):
    image, labels = disc_still()
    colour = np.stack([image] * 3, axis=-1)
    movie = np.stack([colour] * 4), np.stack([labels] * 4)
    folder = write_pairs(tmp_path / "set", {"still.tif": disc_still(), "movie.tif": movie})
    dataset = ClipDataset({pack: 1.0, folder: 2.0}, shape=(80, 80))
    rng = np.random.default_rng(0)
    for _ in range(12):
        images, labels, _ = dataset.draw(rng, frames)
        assert images.shape == labels.shape == (frames, 80, 80)
        assert (images.dtype, labels.dtype) == (np.uint8, np.uint16)


def test_same_seed_draws_the_same(pack):
    dataset = ClipDataset({pack: 1.0}, SMALL)
    first, second = (dataset.draw(np.random.default_rng(9), 3) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_sampler_follows_the_weights_not_the_numbers(pack, tmp_path):
    folder = write_pairs(tmp_path / "set", {"a.tif": disc_still()})
    drawn = list(islice(ClipDataset({pack: 1.0, folder: 3.0}).sampler(0), 400))
    assert 0.65 < np.mean(np.array(drawn) == 4) < 0.85
    assert drawn == list(islice(ClipDataset({pack: 1.0, folder: 3.0}).sampler(0), 400))


def test_augmentation_keeps_areas_of_objects():
    clip = generate_clip("nuclei", SMALL, 4, seed=2)
    drawn = LabelledClip(clip.images, clip.labels, np.ones(4, bool))
    images, labels, _ = augment(drawn, np.random.default_rng(1))
    assert np.array_equal(np.bincount(labels.ravel()), np.bincount(clip.labels.ravel()))
    assert images.dtype == np.uint8


def test_augmentation_moves_picture_and_labels_together():
    _, labels = disc_still(64)
    stack = np.stack([labels, np.roll(labels, 5, 1)])
    for seed in range(10):
        rng = np.random.default_rng(seed)
        clip = LabelledClip((stack > 0).astype(np.uint8) * 200, stack, np.ones(2, bool))
        images, turned, _ = augment(clip, rng)
        inside, outside = np.median(images[turned > 0]), np.median(images[turned == 0])
        wrong = abs(images.astype(float) - np.where(turned > 0, inside, outside))
        assert np.median(wrong) < 0.2 * abs(inside - outside)


def test_other_light_does_not_hide_faint_cells():
    _, labels = disc_still(64)
    stack = np.stack([labels, labels])
    for seed in range(10):
        faint = np.where(stack > 0, 30, 20).astype(np.uint8)
        clip = LabelledClip(faint, stack, np.ones(2, bool))
        images, seen, _ = augment(clip, np.random.default_rng(seed))
        contrast = abs(np.median(images[seen > 0]) - np.median(images[seen == 0]))
        assert contrast > 30


def test_sampled_objects_are_large_enough_on_the_first_frame():
    labels = np.zeros((2, 20, 20), np.uint16)
    labels[0, :5, :5], labels[0, 10:12, :2], labels[1, 10:, 10:] = 1, 2, 3
    labels[0, 14:, 14:] = 4
    assert sorted(sample_objects(labels, 9, np.random.default_rng(0), min_area=10)) == [1, 4]
    assert len(sample_objects(labels, 1, np.random.default_rng(0), min_area=10)) == 1


@pytest.mark.parametrize("folders", [{}, {"x": 0.0}])
def test_dataset_needs_weighted_folders(folders):
    with pytest.raises(ValueError, match="positive weight"):
        ClipDataset(folders)


@pytest.fixture
def large_movie(tmp_path):
    """One disc of 200 pixels across that stays in the middle of 500 x 700 pixels, 16 bits."""
    y, x = np.ogrid[:500, :700]
    labels = np.stack([((y - 250) ** 2 + (x - 350) ** 2 < 100**2).astype(np.uint16)] * 3)
    images = (1000 + 20000 * labels).astype(np.uint16)
    return write_pairs(tmp_path / "large", {"movie.tif": (images, labels)})


def test_objects_of_large_movies_get_usual_sizes(large_movie):
    dataset = ClipDataset({large_movie: 1.0}, shape=(128, 128))
    rng = np.random.default_rng(0)
    clips = [dataset.draw(rng, 2) for _ in range(12)]
    sizes = [np.sqrt((labels[0] > 0).sum() * 4 / np.pi) for _, labels, _ in clips]
    assert {images.shape for images, _, _ in clips} == {(2, 128, 128)}
    assert min(sizes) > 60  # as far as it is shrunk
    assert max(sizes) < 125
    assert np.ptp(sizes) > 20


def test_view_shows_picture_and_labels_at_the_same_place(large_movie):
    dataset = ClipDataset({large_movie: 1.0}, shape=(128, 128))
    for seed in range(6):
        images, labels, _ = dataset.draw(np.random.default_rng(seed), 1)
        inside, outside = np.median(images[labels > 0]), np.median(images[labels == 0])
        middle = abs(images - inside) < abs(images.astype(float) - outside)
        assert np.mean(middle != (labels > 0)) < 0.05


def test_movie_smaller_than_the_view_is_enlarged(tmp_path):
    image, labels = disc_still(40)
    labels[10:20, 10:20] = 1
    movie = {"movie.tif": (np.stack([image] * 2), np.stack([labels] * 2))}
    dataset = ClipDataset({write_pairs(tmp_path / "small", movie): 1.0}, shape=(64, 64))
    assert dataset.draw(np.random.default_rng(0), 2)[1].shape == (2, 64, 64)


def test_example_writes_packs_without_a_common_still(tmp_path):
    folder = write_pairs(tmp_path / "set", {f"{name}.tif": disc_still() for name in "abcd"})
    example = Path(__file__).parents[2] / "examples" / "train_cells.py"
    packs = runpy.run_path(str(example))["packs"]
    packs(tmp_path / "shards", [folder], clips=2, keep_out=1, checks=1)
    sources = {
        name: set(read_shards(tmp_path / "shards" / name)[0].sources)
        for name in ("synthetic", "real", "validation")
    }
    assert len(sources["synthetic"]) == 2
    assert not sources["real"] & sources["validation"]
    measured = f"set/{held_out([f'{name}.tif' for name in 'abcd'], 1)[0]}"
    assert measured not in sources["real"] | sources["validation"]


@pytest.fixture
def sparse_movie(tmp_path):
    """Ten frames, of which the fourth one is labelled."""
    image, labels = disc_still(64)
    truth = np.zeros((10, 64, 64), np.uint16)
    truth[3] = labels
    return write_pairs(tmp_path / "sparse", {"movie.tif": (np.stack([image] * 10), truth)})


def test_frames_without_labels_are_not_labelled(sparse_movie):
    clip = ClipDataset({sparse_movie: 1.0}, SMALL).draw(np.random.default_rng(0), 3)
    assert clip.labelled.tolist() == [True, False, False]


def test_clips_of_a_sparsely_labelled_movie_begin_where_it_is_labelled(sparse_movie):
    dataset = ClipDataset({sparse_movie: 1.0}, SMALL)
    rng = np.random.default_rng(0)
    assert all(dataset.draw(rng, 4).labels[0].any() for _ in range(10))


def test_frame_without_objects_in_the_view_is_labelled(tmp_path):
    """The only object is in the view on the first frame, and elsewhere on the second."""
    labels = np.zeros((2, 400, 400), np.uint16)
    labels[0, 20:40, 20:40] = labels[1, 360:380, 360:380] = 1
    images = (labels * 100).astype(np.uint8)
    folder = write_pairs(tmp_path / "far", {"movie.tif": (images, labels)})
    clip = ClipDataset({folder: 1.0}, SMALL).draw(np.random.default_rng(0), 2)
    assert [frame.any() for frame in clip.labels] == [True, False]
    assert clip.labelled.all()


def test_packs_and_stills_are_labelled_on_every_frame(pack, tmp_path):
    stills = write_pairs(tmp_path / "set", {"a.tif": disc_still()})
    dataset = ClipDataset({pack: 1.0, stills: 1.0}, SMALL)
    rng = np.random.default_rng(0)
    assert all(dataset.draw(rng, 3).labelled.all() for _ in range(6))


def test_objects_that_fill_the_view_are_not_sampled():
    labels = np.ones((1, 64, 64), np.uint16)
    labels[0, 60:] = 2
    assert sample_objects(labels, 2, np.random.default_rng(0)) == [2]
    assert sorted(sample_objects(labels, 2, np.random.default_rng(0), max_share=1.0)) == [1, 2]


def test_synthetic_clips_are_drawn_anew_each_time():
    dataset = ClipDataset({"synthetic:nuclei": 1.0}, SMALL)
    rng = np.random.default_rng(0)
    one, two = (dataset.draw(rng, 3) for _ in range(2))
    assert one.images.shape == (3, *SMALL)
    assert one.labelled.all()
    assert not (one.images == two.images).all()
    again = dataset.draw(np.random.default_rng(0), 3)
    assert (again.images == one.images).all()
    assert len(dataset[0][0]) == 8
    with pytest.raises(ValueError, match="synthetic:fog: expected synthetic: and one of"):
        ClipDataset({"synthetic:fog": 1.0})


@pytest.mark.parametrize("frames", [1, 3])
def test_colour_is_kept_for_networks_that_see_it(tmp_path, frames):
    image, labels = disc_still()
    red = np.stack([image, image // 4, image // 4], -1)
    movie = np.repeat(red[None], 3, 0), np.repeat(labels[None], 3, 0)
    folder = write_pairs(tmp_path / "red", {"still.tif": (red, labels), "movie.tif": movie})
    grey = write_pairs(tmp_path / "grey", {"still.tif": (image, labels)})
    rng = np.random.default_rng(0)
    for source, is_red in ((folder, True), (grey, False)):
        dataset = ClipDataset({source: 1.0}, SMALL, in_colour=True)
        for _ in range(4):
            clip = dataset.draw(rng, frames)
            assert clip.images.shape == (frames, *SMALL, 3)
            channels = clip.images[clip.labels > 0].astype(float)
            assert (np.abs(channels[:, 0] - channels[:, 1]).mean() > 20) == is_red
    assert ClipDataset({folder: 1.0}, SMALL).draw(rng, frames).images.shape == (frames, *SMALL)
