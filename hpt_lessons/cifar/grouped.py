"""A convolution in groups whose way back is fast on a CPU, for `population`.

The gradient for the input of a convolution is a convolution too: of the gradient that comes in, with the kernel turned
by half a turn (Dumoulin & Visin 2016, 'A guide to convolution arithmetic for deep learning', section 4). A processor
computes it for 16 output channels at a time, and a group here has 6: most of the width stays empty. So two neighbouring
pixels are computed as the 12 channels of one wide pixel, from a kernel that is one column wider: a fifth more
arithmetic in two thirds of the time.
"""

import torch
from torch import Tensor
from torch.nn import functional


class GroupedConvolution(torch.autograd.Function):
    """`conv2d` with stride 1 and without padding; inputs must have an even width.

    Called as `apply(values, weight, bias, groups)`, with the shapes of `torch.nn.functional.conv2d`.
    """

    @staticmethod
    def forward(ctx, values: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.groups = groups
        return functional.conv2d(values, weight, bias, groups=groups)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        values, weight = ctx.saved_tensors
        for_weight = torch.nn.grad.conv2d_weight(values, weight.shape, gradient, groups=ctx.groups)
        return for_input(gradient, weight, ctx.groups), for_weight, gradient.sum((0, 2, 3)), None


def for_input(gradient: Tensor, weight: Tensor, groups: int) -> Tensor:
    """The gradient for the input, from that for the output (b, groups x outputs, height, width)."""
    inputs, height, width = weight.shape[1:]
    turned = weight.unflatten(0, (groups, -1)).transpose(1, 2).flip(3, 4)  # (groups, inputs, outputs, height, width)
    pair = turned.new_zeros(groups, 2, *turned.shape[1:4], width + 1)
    pair[:, 0, ..., :-1], pair[:, 1, ..., 1:] = turned, turned
    kernel = pair.flatten(0, 2).contiguous(memory_format=torch.channels_last)
    wide = functional.conv2d(gradient, kernel, stride=(1, 2), padding=(height - 1, width - 1), groups=groups)
    # (b, groups, 2, inputs, rows, half the columns) to (b, rows, columns, groups, inputs), as it lies in memory.
    apart = wide.unflatten(1, (groups, 2, inputs)).permute(0, 4, 5, 2, 1, 3)
    return apart.flatten(2, 3).flatten(3).permute(0, 3, 1, 2)
