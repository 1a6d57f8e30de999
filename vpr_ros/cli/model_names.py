# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks names of models before anything slow is imported."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

import typer

from vpr_ros.registries import names_listed, own_file

_ENDINGS = ('.safetensors', '.yaml', '.onnx', '.pt', '.ts')
"""Of files that are a model by themselves."""


def require_model(name: str, *, backbones: bool = False) -> None:
    """Refuse what is neither a model, nor a backbone where they count, nor its file."""
    if Path(name).suffix in _ENDINGS:
        if not os.path.isfile(Path(name).expanduser()):  # noqa: PTH113  of any length
            msg = f'there is no model file {name}'
            raise typer.BadParameter(msg)
    elif own_file(name) is None:
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
        msg = f'there is no model {name!r}; there are {", ".join(own)}'
        raise typer.BadParameter(msg)
    from vpr_ros import models

    (models.registration if 'BACKBONES' in lists else models.spec)(name)
