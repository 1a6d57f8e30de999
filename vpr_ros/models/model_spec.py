# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Registration of a model: its network, its options and the origin of its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights as its authors publish it.

    Attributes:
        file: The authors' file name.
        source: The authors' page.
        licence: SPDX identifier, or what is known.
        size: About how many bytes.
        sha256: Hex digest; always known where there are ``urls``.
        urls: Where it can be downloaded, the same bytes everywhere; empty where only a browser
            can download it.
        page: The page to open in a browser where there are no ``urls``.
        rename: Maps a key of the file to the network's key; None where they are equal.
    """

    file: str
    source: str
    licence: str
    size: int
    sha256: str = ''
    urls: tuple[str, ...] = ()
    page: str = ''
    rename: Callable[[str], str] | None = None


@dataclass(frozen=True)
class ModelSpec:
    """One model.

    Attributes:
        name: The name users give.
        make: Makes the network from fields of its configuration.
        input_size: Side in pixels of the square input that it is meant for.
        options: Fields in which the model differs from its configuration's defaults.
        weights: The published weights; None where there are none.
        batch_dependent: True where a descriptor depends on the other images of its batch.
        untrained: True where seeded random weights stand in until weights are found.
        weightless: True for a formula: there is nothing to load and nothing to train.
        backbone: True for a network that describes no images: training starts from its weights.
    """

    name: str
    make: Callable[..., nn.Module]
    input_size: int
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: PublishedWeights | None = None
    batch_dependent: bool = False
    untrained: bool = False
    weightless: bool = False
    backbone: bool = False
