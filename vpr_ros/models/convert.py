# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Published weights files to the one form kept: safetensors, checked, with where it came from."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import safetensors
import safetensors.torch

from vpr_ros.errors import ModelError
from vpr_ros.models import registry
from vpr_ros.models.download import file_digest
from vpr_ros.models.weights_file import load_published, load_weights, whole_file
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from pathlib import Path


def converted_path(name: str) -> Path:
    """Return where `convert` puts a model's weights, which is where they are looked for."""
    return registry.weights_folder() / f'{name}.safetensors'


def convert(path: Path, name: str, target: Path | None = None) -> Path:
    """Write a weights file of any accepted form as safetensors, whole or not at all.

    Args:
        path: A published or own file, see `weights_file.load_weights`; nothing in it is executed.
        name: The model or backbone it is for, one of `registry.registered()`.
        target: The file to write; None for `converted_path`.

    Returns:
        The file written.

    Raises:
        ModelError: The file cannot be read, or is of another network; what is missing, too much
            or of another shape is listed.
        OSError: The target cannot be written.
    """
    target = target or converted_path(name)
    network, published = registry.build(name), registry.registration(name).weights
    rename = (published and published.rename) or str
    try:
        state = {rename(key): value for key, value in load_weights(path).items()}
        load_published(network, state)
    except ModelError as error:
        text = str(error)
        msg = text if str(path) in text else f'{path}: {text}'
        raise ModelError(msg) from error
    # Parameters that share memory, as a file may have them, are written one by one.
    tensors = {key: value.detach().clone() for key, value in network.state_dict().items()}
    try:
        with whole_file(target) as unfinished:
            safetensors.torch.save_file(tensors, unfinished, metadata=_origin(path, name))
    except safetensors.SafetensorError as error:
        msg = f'{target} cannot be written: {error}'
        raise OSError(msg) from error
    return target


def origin(path: Path) -> dict[str, str]:
    """Return what `convert` noted about where a file's weights came from; empty if nothing.

    Raises:
        ModelError: It is no safetensors file.
    """
    try:
        with safetensors.safe_open(path, 'numpy') as file:
            return dict(file.metadata() or {})
    except (OSError, safetensors.SafetensorError) as error:
        msg = f'{path} cannot be read as weights: {error}'
        raise ModelError(msg) from error


def _origin(path: Path, name: str) -> dict[str, str]:
    digest = file_digest(path)
    notes = {
        'format': 'pt',
        'model': name,
        'source_file': path.name,
        'source_sha256': digest,
        'converted': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'software': SOFTWARE,
    }
    known = registry.registration(name).weights
    if known is not None and known.sha256 in ('', digest):
        notes |= {'source': known.source, 'licence': known.licence}
    return notes
