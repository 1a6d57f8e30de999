# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of a network are trained, how fast, and in which mode the others are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from vpr_ros.training.parse import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def starts_with(name: str, prefix: str) -> bool:
    """Tell whether a dotted name is a prefix or lies within it."""
    return name == prefix or name.startswith(f'{prefix}.')


def freeze(net: nn.Module, trainable: Sequence[str]) -> None:
    """Let only the parameters within these dotted prefixes be trained; all, if there are none.

    Raises:
        RecipeError: A prefix names nothing.
    """
    _check(net, trainable)
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(
            not trainable or any(starts_with(name, prefix) for prefix in trainable)
        )


def training_modes(net: nn.Module, *, freeze_batchnorm: bool = False) -> None:
    """Put what is trained in training mode and all else in evaluation mode.

    A frozen part in training mode would go on to move its batch normalisation's statistics and
    to drop values at random. A module counts as trained where any of its parameters is; one
    without parameters goes with what it is part of.
    """
    _set_mode(net, parent=False)
    if freeze_batchnorm:
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  the base
                module.training = False


def _set_mode(module: nn.Module, *, parent: bool) -> None:
    parameters = list(module.parameters())
    module.training = any(p.requires_grad for p in parameters) if parameters else parent
    for child in module.children():
        _set_mode(child, parent=module.training)


def parameter_groups(
    net: nn.Module, rates: Mapping[str, float], rate: float, decay: float
) -> list[dict[str, Any]]:
    """Return optimiser groups of the trainable parameters by learning rate and weight decay.

    Args:
        net: The network.
        rates: Learning rates by dotted prefix; the longest that fits counts.
        rate: Of all others.
        decay: Weight decay of matrices and kernels; vectors and scalars have none.

    Raises:
        RecipeError: A prefix names nothing.
    """
    _check(net, rates)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            fitting = [prefix for prefix in rates if starts_with(name, prefix)]
            own = rates[max(fitting, key=len)] if fitting else rate
            groups.setdefault((own, decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return [
        {'params': parameters, 'lr': own, 'weight_decay': shrink}
        for (own, shrink), parameters in groups.items()
    ]


def _check(net: nn.Module, prefixes: Iterable[str]) -> None:
    names = [name for name, _ in net.named_parameters()]
    for prefix in prefixes:
        if not any(starts_with(name, prefix) for name in names):
            parts = ', '.join(sorted({name.partition('.')[0] for name in names}))
            msg = f'no parameter of the network is called {prefix}...; its parts are {parts}'
            raise RecipeError(msg)
