"""Quick products give the numbers of PyTorch's own."""

from __future__ import annotations

import time

import pytest
import torch
from torch.nn import functional as F

from napari_sam2.model import products
from napari_sam2.model.products import Linear, attend_by_blocks, linear, pointwise

TOLERANCE = 1e-5


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("after", ["none", "relu", "gelu"])
@pytest.mark.parametrize(("inputs", "outputs"), [(8, 6), (80, 70)], ids=["small", "large"])
def test_linear_layer_and_activation(inputs: int, outputs: int, after: products.Activation) -> None:
    x, layer = random(2, 3, 5, inputs), Linear(inputs, outputs)
    expected = F.linear(x, layer.weight, layer.bias)
    expected = {"none": lambda y: y, "relu": F.relu, "gelu": F.gelu}[after](expected)
    with torch.inference_mode():
        found = layer(x, after)
    assert torch.allclose(found, expected, atol=TOLERANCE)
    assert torch.allclose(layer(x, after), expected, atol=TOLERANCE)


def test_gradients_flow_while_the_network_learns() -> None:
    layer = Linear(8, 6)
    layer(random(3, 8), "gelu").sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0


def test_nothing_in_nothing_out() -> None:
    with torch.inference_mode():
        assert linear(random(2, 0, 8), random(6, 8), random(6)).shape == (2, 0, 6)
        assert linear(random(2, 0, 80), random(70, 80), random(70)).shape == (2, 0, 70)


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 6), (80, 70)], ids=["small", "large"])
def test_pointwise_is_a_convolution(inputs: int, outputs: int) -> None:
    conv, x = torch.nn.Conv2d(inputs, outputs, kernel_size=1), random(2, inputs, 5, 7)
    with torch.inference_mode():
        assert torch.allclose(pointwise(conv, x), conv(x), atol=TOLERANCE)


@pytest.mark.parametrize("tokens", [(1, 40), (700, 2100), (513, 1025)])
def test_attention_to_narrow_values(tokens: tuple[int, int]) -> None:
    """Small ones are one batch, large ones come block by block; both are plain attention."""
    queries, keys = tokens
    q, k, v = 3 * random(1, queries, 32), random(2, keys, 32, seed=1), random(2, keys, 8, seed=2)
    expected = F.scaled_dot_product_attention(q.expand(2, -1, -1), k, v)
    with torch.inference_mode():
        assert torch.allclose(attend_by_blocks(q, k, v), expected, atol=TOLERANCE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_parts_of_a_larger_tensor_take_no_longer(dtype: torch.dtype) -> None:
    """Queries, keys and values of one head lie between those of others: kernels may stumble."""
    heads = random(3, 1100, 4, 96).to(dtype)
    q, k, v = heads[:, :, 1].unbind(0)
    alone = [x[None].clone() for x in (q, k, v)]
    with torch.inference_mode(), torch.autocast("cpu", enabled=dtype == torch.bfloat16):
        attend_by_blocks(*alone)
        start = time.process_time()
        expected = attend_by_blocks(*alone)
        took = time.process_time() - start
        start = time.process_time()
        found = attend_by_blocks(q[None], k[None], v[None])
        assert time.process_time() - start < 20 * took
    assert torch.equal(found, expected)


def test_scores_of_any_size_stay_finite() -> None:
    q, k, v = 300 * random(1, 600, 32), random(1, 1500, 32, seed=1), random(1, 1500, 8, seed=2)
    with torch.inference_mode():
        found = attend_by_blocks(q, k, v)
    assert torch.allclose(found, F.scaled_dot_product_attention(q, k, v), atol=1e-3)
