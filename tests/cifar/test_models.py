"""The networks that are tuned: the shapes and sizes that the lessons state."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from

from hpt_lessons.cifar.models import MODELS, CifarNet, HalfSize, Residual, WiderNet, build_model


def weights(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_network_of_the_tutorial_has_62006_weights():
    """Counted by hand: 3*6*25+6, 6*16*25+16, 400*120+120, 120*84+84, 84*10+10."""
    assert weights(CifarNet()) == 456 + 2_416 + 48_120 + 10_164 + 850 == 62_006


def test_a_weight_of_the_first_convolution_sees_all_28_by_28_places():
    """Without padding a 5x5 filter fits 28 times into 32 pixels; the second one, after pooling, 10 times into 14."""
    seen = []
    model = CifarNet()
    for layer in model.features:
        layer.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[1:])))
    model(torch.zeros(1, 3, 32, 32))
    assert seen[0] == (6, 28, 28) and seen[3] == (16, 10, 10) and seen[-1] == (16, 5, 5)


@given(l1=integers(1, 300), l2=integers(1, 300), classes=integers(2, 100))
@settings(max_examples=20, deadline=None)
def test_both_widths_and_the_classes_are_open(l1, l2, classes):
    for name, features in {"cifar": 400, "wider": 1024, "pixels": 3072, "residual": 1024, "plain": 1024}.items():
        model = build_model({"model": name, "l1": l1, "l2": l2, "lr": 0.1}, classes)
        head = features * l1 + l1 + l1 * l2 + l2 + l2 * classes + classes
        assert weights(model.head) == head
        assert model.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, classes)


def test_without_a_word_it_is_the_network_of_the_tutorial():
    assert isinstance(build_model({}, 10), CifarNet) and weights(build_model({}, 10)) == 62_006
    assert isinstance(build_model({"model": "wider"}, 10), WiderNet)


def test_an_unknown_network_is_named_beside_those_there_are():
    with pytest.raises(ValueError, match=r"'model'.*'resnet'.*cifar, wider, pixels, residual, plain"):
        build_model({"model": "resnet"}, 10)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_caller_seeds_the_weights(name):
    """The same seed gives the same network, another seed another one."""

    def first_weights(seed):
        torch.manual_seed(seed)
        return torch.cat([parameter.flatten() for parameter in build_model({"model": name}, 10).parameters()])

    assert torch.equal(first_weights(3), first_weights(3)) and not torch.equal(first_weights(3), first_weights(4))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_weight_learns(name):
    """One step with one picture reaches all layers, in the smallest network that the search spaces know, too."""
    torch.manual_seed(0)
    model = build_model({"model": name, "l1": 4, "l2": 4}, 10)
    torch.nn.functional.cross_entropy(model(torch.randn(16, 3, 32, 32)), torch.arange(16) % 10).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@given(
    depth=integers(1, 4),
    channels=integers(1, 12),
    kernel=sampled_from([3, 5, 7]),
    activation=sampled_from(["relu", "tanh"]),
)
@settings(max_examples=20, deadline=None)
def test_the_architecture_of_the_plain_network_is_open(depth, channels, kernel, activation):
    """Weights counted from the formula of each layer; each convolution halves the side and doubles the channels."""
    config = {"model": "plain", "l1": 5, "l2": 4, "depth": depth, "channels": channels, "kernel": kernel}
    model = build_model(config | {"activation": activation}, 10)
    sizes = [3] + [channels * 2**stage for stage in range(depth)]
    convolutions = sum(sizes[i] * sizes[i + 1] * kernel**2 + sizes[i + 1] for i in range(depth))
    pixels = (32 // 2**depth) ** 2 * sizes[-1]
    assert weights(model) == convolutions + pixels * 5 + 5 + 5 * 4 + 4 + 4 * 10 + 10
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    kinds = {type(layer) for layer in model.modules()}
    assert (torch.nn.Tanh in kinds) == (activation == "tanh") != (torch.nn.ReLU in kinds)


def test_a_residual_block_adds_to_its_input():
    """With its last normalisation at zero it passes on what is positive of its input."""
    block = Residual(3).eval()
    torch.nn.init.zeros_(block.block[-1].weight)
    pictures = torch.randn(2, 3, 8, 8)
    assert torch.equal(block(pictures), pictures.clamp(min=0))


def test_pooling_without_gradients_gives_the_same_numbers():
    """To the last bit, and a NaN stays one: a network that diverged must not look sound in validation."""
    torch.manual_seed(1)
    pictures = torch.randn(5, 7, 14, 10).contiguous(memory_format=torch.channels_last)
    pictures[0, 0, 3, 3] = torch.nan
    with torch.no_grad():
        fast = HalfSize()(pictures)
    assert torch.equal(fast.nan_to_num(99), torch.nn.functional.max_pool2d(pictures, 2).nan_to_num(99))
    assert fast.isnan().sum() == 1
