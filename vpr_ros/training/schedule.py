# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning rates over the steps, and the seeds of each step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vpr_ros.training.recipe import OptimiserRecipe


def rate_factor(recipe: OptimiserRecipe, steps: int, step: int) -> float:
    """Return what the learning rates are multiplied by at a step (from 0) of so many."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    if recipe.decay == 'halving':
        return float(0.5 ** (step // recipe.halve_every))
    if recipe.decay == 'constant':
        return 1.0
    done = (step - recipe.warmup) / max(1, steps - 1 - recipe.warmup)
    return recipe.final + (1 - recipe.final) * (1 + math.cos(math.pi * min(1.0, done))) / 2


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return a seed (63 bits) that depends on nothing but these, so that a run can go on."""
    (word,) = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    return int(word >> np.uint64(1))
