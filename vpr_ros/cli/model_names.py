# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks names of models before anything slow is imported."""

from __future__ import annotations

import sys
from importlib import metadata

import typer

from vpr_ros.registries import model_file, names_listed, no_model


def require_model(name: str, *, backbones: bool = False) -> None:
    """Refuse what is neither a model, nor a backbone where they count, nor its file."""
    if model_file(name) is None:
        _require_registered(name, *(('MODELS', 'BACKBONES') if backbones else ('MODELS',)))


def require_network(name: str) -> None:
    """Refuse what is neither a model nor a backbone."""
    _require_registered(name, 'MODELS', 'BACKBONES')


def _require_registered(name: str, *lists: str) -> None:
    """Refuse other names, without torch unless another package registers models."""
    own = [entry for listed in lists for entry in names_listed('vpr_ros.models', listed)]
    if name in own:
        return
    loaded = 'vpr_ros.models.registry' in sys.modules
    if own and not loaded and not metadata.entry_points(group='vpr_ros.models'):
        raise typer.BadParameter(no_model(name, own))
    from vpr_ros import models

    (models.registration if 'BACKBONES' in lists else models.spec)(name)
