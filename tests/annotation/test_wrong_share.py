"""How many wrong masks are left, from the chances of an error or from a random sample."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.quality import Timeline
from napari_sam2.annotation.wrong_share import (
    ErrorSums,
    MaskSample,
    Share,
    draw_masks,
    expected_share,
    sampled_share,
)

from .helpers import click
from .stand_in import calm_tracker


def line(chance: float, length: int = 10, reviewed: int = 0) -> Timeline:
    """An object with the same chance of an error on all frames, the first ones reviewed."""
    no = np.zeros(length, bool)
    numbers = np.full(length, chance, np.float32)
    return Timeline(
        *[~no, no, no, np.arange(length) < reviewed, no],
        1 - numbers,
        np.zeros(length, np.uint16),
        numbers,
        ("",) * length,
        np.full(length, np.nan, np.float32),
    )


def share_of(*lines: Timeline) -> Share | None:
    return expected_share(map(ErrorSums.of, lines))


def test_the_share_is_the_mean_chance_and_reviewed_masks_are_right() -> None:
    found = share_of(line(0.2), line(0.4, reviewed=5))
    assert found is not None
    assert found.share == pytest.approx((10 * 0.2 + 5 * 0.4) / 20)
    assert 0 <= found.low < found.share < found.high <= 1


def test_more_objects_make_it_surer() -> None:
    few, many = share_of(*[line(0.1)] * 4), share_of(*[line(0.1)] * 100)
    assert few is not None
    assert many is not None
    assert many.high - many.low < (few.high - few.low) / 3


def test_the_interval_holds_where_whole_objects_go_wrong() -> None:
    rng = np.random.default_rng(0)
    chances = rng.uniform(0, 0.3, 60)
    found = share_of(*map(line, chances))
    assert found is not None
    true = (rng.random((2000, 60)) < chances).mean(axis=1)
    assert ((true >= found.low) & (true <= found.high)).mean() == pytest.approx(0.95, abs=0.02)


def test_it_is_unknown_without_chances_and_certain_without_doubt() -> None:
    assert share_of(line(np.nan)) is None
    assert share_of(line(0.5, reviewed=10)) == Share(0, 0, 0)


def test_it_is_told_in_percent() -> None:
    assert str(Share(0.021, 0.012, 0.0388)) == "2 % (95 %: 1 to 4 %)"


def test_every_unseen_mask_is_drawn_as_often_as_any_other() -> None:
    lines = {1: line(0.1, 4, reviewed=2), 2: line(0.9, 4)}
    drawn = Counter(place for seed in range(600) for place in draw_masks(lines, 2, seed).places)
    assert drawn.keys() == {(2, 1), (3, 1), (0, 2), (1, 2), (2, 2), (3, 2)}
    assert all(count == pytest.approx(200, rel=0.2) for count in drawn.values())


def test_a_sample_has_each_mask_once_and_says_how_many_there_are() -> None:
    sample = draw_masks({1: line(0.1, 4, reviewed=1)}, 50, 0)
    assert sorted(sample.places) == [(1, 1), (2, 1), (3, 1)]
    assert (sample.unseen, sample.masks) == (3, 4)


def test_the_sampled_share_has_the_interval_of_wilson() -> None:
    found = sampled_share(3, 50, MaskSample((), unseen=400, masks=800))
    wilson = binomtest(3, 50).proportion_ci(method="wilson")
    assert found is not None
    assert found.share == pytest.approx(0.03)
    assert (found.low, found.high) == pytest.approx((wilson.low / 2, wilson.high / 2))


def test_a_sample_without_verdicts_says_nothing() -> None:
    sample = MaskSample((), 10, 10)
    assert sampled_share(0, 0, sample) is None
    with pytest.raises(ValueError, match="cannot be wrong"):
        sampled_share(3, 2, sample)


def test_an_annotation_leaves_out_rejected_objects() -> None:
    tracker = calm_tracker()
    annotation = Annotation(tracker)
    for object_id in (1, 2):
        click(annotation, tracker, object_id)
    list(annotation.propagate())
    annotation.judge(2, "rejected", by="Ada", at=0.0)
    sample = annotation.draw_sample(seed=0)
    assert {object_id for _, object_id in sample.places} == {1}
    assert (len(sample.places), sample.masks) == (4, 5)
    assert annotation.wrong_share() == Share(0, 0, 0)
    with pytest.raises(ValueError, match="at least one mask"):
        annotation.draw_sample(0)
