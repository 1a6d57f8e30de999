# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recipes in epochs, as papers count, turned into the steps that the loop counts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.training.recipe import Recipe


def in_steps(recipe: Recipe, sources: Sequence[tuple[Sequence[Sequence[int]], float]]) -> Recipe:
    """Return a recipe whose numbers count steps.

    Args:
        recipe: One whose numbers may count epochs.
        sources: Areas of places of each source of images, and its share of the batches.
    """
    if recipe.run.unit == 'steps':
        return recipe
    steps = steps_of_an_epoch(sources, recipe.data.places * recipe.run.devices)
    run, optimiser = recipe.run, recipe.optimiser
    return replace(
        recipe,
        run=replace(
            run,
            unit='steps',
            steps=run.steps * steps,
            checkpoint_every=run.checkpoint_every * steps,
            validate_every=run.validate_every * steps,
        ),
        optimiser=replace(
            optimiser,
            warmup=optimiser.warmup * steps,
            halve_every=optimiser.halve_every * steps,
        ),
        curriculum=replace(recipe.curriculum, steps=recipe.curriculum.steps * steps),
    )


def steps_of_an_epoch(
    sources: Sequence[tuple[Sequence[Sequence[int]], float]], places: int
) -> int:
    """Return the batches of so many places in which every source was seen once, or more often.

    A source with a smaller share of the batches than of the places makes the epoch longer.
    """
    whole = sum(share for _, share in sources)
    longest = max(
        sum(map(len, areas)) * whole / (places * share) for areas, share in sources if share > 0
    )
    return max(1, math.ceil(longest - 1e-9))
