"""Stochastic gradient descent with momentum, without the seconds that PyTorch's class spends on its first step.

`torch.optim.SGD` imports PyTorch's compiler when it is first used, about five seconds of a core in every new process,
and a search starts many processes. The arithmetic here is PyTorch's own function for it, `torch.optim.sgd.sgd`, so the
numbers are equal to the last bit.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.sgd import sgd


class SGD:
    """Momentum as in PyTorch: v becomes momentum v + g, and w becomes w - lr v; weight decay is added to g.

    `groups` are dicts with "params" and "lr", as for PyTorch's optimizers; `fused` computes all parameters of a group
    in one call, on CPU and CUDA.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], momentum: float, weight_decay: float, fused: bool):
        self.param_groups = [dict(group) for group in groups]
        self.options = {
            "momentum": momentum,
            "weight_decay": weight_decay,
            "fused": fused,
            "foreach": False,
            "dampening": 0.0,
            "nesterov": False,
            "maximize": False,
            "has_sparse_grad": False,
        }
        self.velocities = [[torch.zeros_like(weight) for weight in group["params"]] for group in self.param_groups]

    def zero_grad(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        for group, velocity in zip(self.param_groups, self.velocities, strict=True):
            gradients = [weight.grad for weight in group["params"]]
            sgd(group["params"], gradients, velocity, lr=group["lr"], **self.options)

    def state_dict(self) -> dict[str, Any]:
        return {"velocities": self.velocities}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        for own, saved in zip(self.velocities, state["velocities"], strict=True):
            for velocity, value in zip(own, saved, strict=True):
                velocity.copy_(value)
