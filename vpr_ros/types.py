# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The words the whole package shares; imports nothing else of the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_MODEL = 'd2vpr-nano'
"""The model in the box that recognises most on held-back traverses."""
LOOP_PROBABILITY = 0.985
"""Least probability of a loop. The threshold for the pose of a single image is lower: a wrong loop
bends the whole trajectory, and each image is compared with all that was seen before."""
LARGEST_SETTING = 100_000.0
"""Greatest distance, duration or number that a parameter or an option may set."""
THUMBNAIL_SIZE = 320
"""Longest side, pixels, of the thumbnails of places, unless told otherwise."""
LEAST_COMPARED = 4
"""Candidates that local features compare at least: with fewer a place has no rival, and nothing
tells that another looks the same."""


@dataclass(frozen=True)
class Description:
    """The description that a network makes of one image.

    Attributes:
        descriptor: (D,) float32, unit norm.
        code: (bits / 8,) uint8, most significant bit first, or None where the model has no
            hash head (the place map then supplies the coder).
    """

    descriptor: NDArray[np.float32]
    code: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class ModelInfo:
    """Identity of a model; two descriptions compare only if their models' identities agree.

    Attributes:
        name: Registry name, for example ``d2vpr-nano``.
        weights_id: sha256 of the weights (hex), ``untrained-seed-N``, or ``none`` for a formula
            without weights.
        descriptor_dim: Length D of the float descriptor.
        code_bits: Bits of the hash code, 0 where the model has no hash head.
        preprocessing: Canonical text of resize, interpolation and normalisation.
        trained: False for seeded random weights, whose results must be labelled as such.
    """

    name: str
    weights_id: str
    descriptor_dim: int
    code_bits: int
    preprocessing: str
    trained: bool
