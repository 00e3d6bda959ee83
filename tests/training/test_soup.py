import pytest
import torch

from napari_sam2.training.soup import average_weights, greedy_soup


def state(value: float) -> dict[str, torch.Tensor]:
    return {"layer.weight": torch.full((2, 3), value), "layer.bias": torch.tensor([value])}


def test_mean_of_two_networks_lies_between_them() -> None:
    mean = average_weights([state(1.0), state(3.0)])
    assert torch.equal(mean["layer.weight"], torch.full((2, 3), 2.0))


def test_shares_are_divided_by_their_sum() -> None:
    mean = average_weights([state(0.0), state(4.0)], shares=[6, 2])
    assert mean["layer.bias"].item() == pytest.approx(1.0)


def test_half_precision_stays_half_precision_but_is_averaged_in_single() -> None:
    states = [{"w": torch.tensor([value], dtype=torch.float16)} for value in (60000.0, 60000.0)]
    mean = average_weights(states)["w"]
    assert mean.dtype == torch.float16
    assert mean.item() == 60000.0  # the sum is beyond the range of half precision


def test_other_architectures_are_refused() -> None:
    with pytest.raises(ValueError, match="different architectures"):
        average_weights([state(1.0), {"layer.weight": torch.zeros(2, 3)}])


@pytest.mark.parametrize("shares", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_shares_that_do_not_fit_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="share of at least 0"):
        average_weights([state(1.0), state(2.0)], shares)


def test_a_soup_without_networks_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one network"):
        average_weights([])


def test_greedy_soup_leaves_out_what_makes_the_mean_worse() -> None:
    networks = {"low": state(0.0), "high": state(2.0), "far": state(100.0)}

    def closeness_to_one(weights: dict[str, torch.Tensor]) -> float:
        return -abs(weights["layer.bias"].item() - 1.0)

    soup = greedy_soup(networks, closeness_to_one)
    assert sorted(soup.ingredients) == ["high", "low"]
    assert soup.score == 0.0
    assert soup.weights["layer.weight"].eq(1.0).all()
