# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a weights file says about itself: its model card.

In a safetensors file it is one JSON object in the metadata; beside a network of others it is a
YAML file. Nothing that it says is believed: sizes are bounded, and the weights must fit.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import safetensors

from vpr_ros.documents import MOST_BYTES, DocumentError, json_of, read_yaml
from vpr_ros.errors import ModelError
from vpr_ros.models.model_spec import ModelSpec, Preprocessing  # noqa: TC001  read by parse()
from vpr_ros.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

KEY = 'vpr_ros'
"""Entry of a file's metadata. There is no other, for their order in a file is random."""
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._+-]{0,63}')
_MOST = 1 << 20  # of a number in the options
_MOST_ENTRIES = 256


@dataclass(frozen=True)
class ModelCard:
    """The model of a file.

    Attributes:
        model: Registered name of its network; ``onnx`` or ``torchscript`` for one of others.
        name: Its own name, which maps keep; empty for that of the network.
        options: Fields of the network's configuration.
        preprocessing: How images become its input; None for that of the registered model.
        descriptor_dim: Length of its descriptors; 0 where it is not said, as of our own networks.
        codes: Where the codes of a network of others come from: ``itq`` where maps make them
            themselves, as where nothing is said; otherwise the output whose signs are the code:
            its name, or in TorchScript its number from 0.
        code_bits: Bits of these codes; 0 where it is not said.
        projection: Lengths of descriptors before and after the projection that is part of the
            model; None without one.
        projection_bits: Of the codes of the projected descriptors; 0 where codes are those of the
            network.
        licence: Of the weights.
        source: Where they are from.
        source_file: The file that they were converted from.
        source_sha256: Its digest.
        recipe: How they were trained.
        figures: Measured with them.
        software: That wrote the file.
    """

    model: str
    name: str = ''
    options: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    descriptor_dim: int = 0
    codes: str = ''
    code_bits: int = 0
    projection: tuple[int, int] | None = None
    projection_bits: int = 0
    licence: str = ''
    source: str = ''
    source_file: str = ''
    source_sha256: str = ''
    recipe: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    software: str = ''

    def __post_init__(self) -> None:
        for name in (self.model, *filter(None, (self.name,))):
            if not _NAME.fullmatch(name):
                msg = f'{name!r} is no name: letters, digits and . _ + - make one, 64 at most'
                raise ValueError(msg)
        lengths = (
            self.descriptor_dim,
            self.code_bits,
            self.projection_bits,
            *(self.projection or ()),
        )
        if not all(0 <= length <= _MOST for length in lengths):
            msg = f'lengths must be 0 to {_MOST}'
            raise ValueError(msg)
        _bounded(self.options)

    def said(self) -> dict[str, Any]:
        """Return what the card says as plain data, without what it leaves open."""
        return {
            name: value for name, value in plain(self).items() if value not in (None, '', {}, 0)
        }

    def text(self) -> str:
        """Return the card as one JSON object, always in the same words."""
        return json.dumps(self.said(), sort_keys=True, allow_nan=False, default=str)

    def origin(self) -> dict[str, str]:
        """Return where the weights came from, as far as it is said."""
        names = 'model', 'source', 'licence', 'source_file', 'source_sha256', 'software'
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def applied(self, entry: ModelSpec, file: Path) -> ModelSpec:
        """Return a registered model as this card of a file of weights describes it."""
        return replace(
            entry,
            name=self.name or entry.name,
            network=entry.name,
            options={**entry.options, **self.options},
            preprocessing=self.preprocessing or entry.preprocessing,
            projection=self.projection,
            projection_bits=self.projection_bits,
            file=file,
        )


def card_of(entry: ModelSpec, net: nn.Module, card: ModelCard) -> ModelCard:
    """Return a card that describes a network completely.

    Args:
        entry: The model of the network.
        net: The network.
        card: What else there is to say, and the registered name.
    """
    config = getattr(getattr(net, 'net', net), 'config', None)
    options = asdict(config) if is_dataclass(config) and not isinstance(config, type) else {}
    return replace(
        card,
        options=plain(options or dict(entry.options)),
        preprocessing=entry.preprocessing,
        projection=entry.projection,
        projection_bits=entry.projection_bits,
    )


def read_card(path: Path) -> ModelCard | None:
    """Return the card of a safetensors file; None where it has none.

    Raises:
        ModelError: It is no safetensors file, or its card cannot be understood.
    """
    try:
        with safetensors.safe_open(path, 'numpy') as file:
            metadata = dict(file.metadata() or {})
    except (OSError, safetensors.SafetensorError) as error:
        msg = f'{path} cannot be read as weights: {error}'
        raise ModelError(msg) from error
    if KEY in metadata:
        return card_from_json(metadata[KEY], str(path))
    known = {f.name for f in fields(ModelCard)} - {'options', 'recipe', 'preprocessing', 'figures'}
    told = {key: value for key, value in metadata.items() if key in known}  # of earlier versions
    return _card(lambda: told, path) if 'model' in told else None


def card_from_json(text: str, where: str) -> ModelCard:
    """Return a card from its text.

    Raises:
        ModelError: It cannot be understood.
    """
    if len(text) > MOST_BYTES:
        msg = f'{where}: the model card has {len(text)} characters; {MOST_BYTES} are the most'
        raise ModelError(msg)
    return _card(lambda: json_of(text), where)


def card_beside(path: Path) -> ModelCard:
    """Return the card in a YAML file, see `ModelCard`.

    Raises:
        ModelError: There is no such file, or it cannot be understood.
    """
    return _card(lambda: read_yaml(path), path)


def _card(read: Callable[[], Any], where: str | Path) -> ModelCard:
    try:
        return parse(ModelCard, read())
    except DocumentError as error:
        msg = f'{where}: the model card cannot be used: {error}'
        raise ModelError(msg) from error


def _bounded(value: Any) -> None:
    """Refuse options that would make a network of any size."""
    if isinstance(value, dict | list | tuple):
        if len(value) > _MOST_ENTRIES:
            msg = f'options with {len(value)} entries are none of a network'
            raise ValueError(msg)
        for item in value.values() if isinstance(value, dict) else value:
            _bounded(item)
    elif isinstance(value, int | float) and not -_MOST <= value <= _MOST:
        msg = f'{value} is too large for an option of a network'
        raise ValueError(msg)


def plain(value: Any) -> Any:
    """Return dataclasses as mappings and tuples as lists, as JSON gives them back."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def made_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a network's configuration has them: tuples where JSON has lists."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
