# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The authors' own code of networks, to measure beside it.

Nothing of it is part of this project: clone the repositories and name the folder that holds them.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from vpr_ros import models
from vpr_ros.models import ModelOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import nn


class AuthorsCode(NamedTuple):
    """Where a network is made from its authors' repository.

    Attributes:
        repository: On GitHub, ``owner/name``; its clone is the folder ``name``.
        make: Makes the network without weights, with the repository on the path.
        output: Turns what it returns into our output.
    """

    repository: str
    make: Callable[[], nn.Module]
    output: Callable[[Any], ModelOutput] = ModelOutput


def _d2vpr() -> nn.Module:
    return import_module('D2VPR').D2VPR(cross_image_encoder=False)  # type: ignore[no-any-return]


def _selavprpp() -> nn.Module:
    wanted = import_module('hubconf').SimpleArgs(backbone='dinov2-base')
    return import_module('model.network').GeoLocalizationNet(wanted)  # type: ignore[no-any-return]


def _megaloc() -> nn.Module:
    return import_module('megaloc_model').MegaLoc()  # type: ignore[no-any-return]


def _eigenplaces() -> nn.Module:
    # It starts from weights that it downloads, all of which are replaced here.
    with _replaced(torch.hub, 'load', lambda *_names, **_options: torch.nn.Module()):
        made = import_module('eigenplaces_model.eigenplaces_network')
        return made.GeoLocalizationNet_('ResNet50', 2048)  # type: ignore[no-any-return]


AUTHORS = {
    'd2vpr': AuthorsCode('tony19980810/D2VPR', _d2vpr),
    'selavprpp-base': AuthorsCode(
        'Lu-Feng/SelaVPRplusplus', _selavprpp, lambda found: ModelOutput(found[2], found[1])
    ),
    'megaloc': AuthorsCode('gmberton/MegaLoc', _megaloc),
    'eigenplaces-resnet50': AuthorsCode('gmberton/EigenPlaces', _eigenplaces),
}


def authors_network(name: str, own: nn.Module, folder: Path) -> nn.Module:
    """Return the authors' network with the weights of ours, in evaluation mode.

    Args:
        name: One of `AUTHORS`.
        own: The same network of `models.create`.
        folder: Holds the clones.

    Raises:
        OSError: The repository is not there.
        ImportError: It needs a package that is not there.
        RuntimeError: Its weights are others than ours.
    """
    code = AUTHORS[name]
    clone = folder / code.repository.partition('/')[2]
    if not clone.is_dir():
        msg = f'there is no {clone}: git clone https://github.com/{code.repository}'
        raise FileNotFoundError(msg)
    with _replaced(sys, 'path', [str(clone), *sys.path]):
        net = code.make().eval()
    published = models.spec(name).weights
    rename = published.rename if published is not None else None
    state = own.state_dict()
    names = {key: rename(key) if rename else key for key in net.state_dict()}
    # What maps to nothing is in the file and without effect, such as the head of ImageNet.
    given = {key: state[ours] for key, ours in names.items() if ours}
    lacking = net.load_state_dict(given, strict=False).missing_keys
    if any(names[key] for key in lacking):
        msg = f'weights of the published code that ours lack: {lacking}'
        raise RuntimeError(msg)
    return net


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
