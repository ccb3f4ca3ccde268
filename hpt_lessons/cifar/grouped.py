"""Layers of many networks at once whose way back is fast on a CPU, for `population`.

The gradient for the input of a convolution is a convolution too: of the gradient that comes in, with the kernel turned
by half a turn (Dumoulin & Visin 2016, 'A guide to convolution arithmetic for deep learning', section 4). A processor
computes it for 16 output channels at a time, and a group here has 6: most of the width stays empty. So two neighbouring
pixels are computed as the 12 channels of one wide pixel, from a kernel that is one column wider: a fifth more
arithmetic in two thirds of the time. Channels of zeros fill the rest of the width: 16 were faster than 12.
"""

import torch
from torch import Tensor
from torch.nn import functional

WIDTH = 16  # output channels that are computed at a time


class GroupedConvolution(torch.autograd.Function):
    """`conv2d` with stride 1 and without padding; inputs must have an even width.

    Called as `apply(values, weight, bias, groups, turned)`, the first four as for `torch.nn.functional.conv2d`.
    `turned` is a list that is empty before a step: the kernel of the way back is kept in it for all parts of a batch.
    """

    @staticmethod
    def forward(ctx, values: Tensor, weight: Tensor, bias: Tensor, groups: int, turned: list[Tensor]) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.groups, ctx.turned = groups, turned
        return functional.conv2d(values, weight, bias, groups=groups)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        values, weight = ctx.saved_tensors
        if not ctx.turned:
            ctx.turned.append(turn(weight, ctx.groups))
        # One operation for weight and bias; the gradient for the input is ours.
        _, for_weight, for_bias = torch.ops.aten.convolution_backward(
            gradient,
            values,
            weight,
            [len(weight)],
            [1, 1],
            [0, 0],
            [1, 1],
            False,
            [0, 0],
            ctx.groups,
            [False, True, True],
        )
        return for_input(gradient, ctx.turned[0], ctx.groups, weight.shape[1]), for_weight, for_bias, None, None


def turn(weight: Tensor, groups: int) -> Tensor:
    """The kernel of the way back, one column wider, for two pixels at a time; padded with channels of zeros."""
    inputs, height, width = weight.shape[1:]
    turned = weight.unflatten(0, (groups, -1)).transpose(1, 2).flip(3, 4)  # (groups, inputs, outputs, height, width)
    channels = -(-2 * inputs // WIDTH) * WIDTH
    kernel = turned.new_zeros(groups, channels, height, width + 1, turned.shape[2])  # as it lies in memory
    kernel[:, :inputs, :, :-1] = kernel[:, inputs : 2 * inputs, :, 1:] = turned.permute(0, 1, 3, 4, 2)
    return kernel.flatten(0, 1).permute(0, 3, 1, 2)


def for_input(gradient: Tensor, kernel: Tensor, groups: int, inputs: int) -> Tensor:
    """The gradient for the input (b, groups x inputs, height, width), from that for the output and `turn`'s kernel."""
    height, width = kernel.shape[2:]
    wide = functional.conv2d(gradient, kernel, stride=(1, 2), padding=(height - 1, width - 2), groups=groups)
    pair = wide.unflatten(1, (groups, -1))[:, :, : 2 * inputs].unflatten(2, (2, inputs))
    # (b, groups, 2, inputs, rows, half the columns) to (b, rows, columns, groups, inputs), as it lies in memory.
    apart = pair.permute(0, 4, 5, 2, 1, 3)
    return apart.flatten(2, 3).flatten(3).permute(0, 3, 1, 2)


class Linear(torch.autograd.Function):
    """A fully connected layer of n networks: values (n, b, inputs), weight (n, outputs, inputs), bias (n, 1, outputs).

    The gradient of the weights comes as the weights lie in memory. What PyTorch derives from the product comes the
    other way round, which takes up to four times as long where there are few outputs, and slows down the next step.
    """

    @staticmethod
    def forward(ctx, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(values, weight)
        return torch.baddbmm(bias, values, weight.mT)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, weight = ctx.saved_tensors
        return torch.bmm(gradient, weight), torch.bmm(gradient.mT, values), gradient.sum(1, keepdim=True)
