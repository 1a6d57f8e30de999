# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights from files, published or our own, and their one form on disk, safetensors.

Nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from vpr_ros.errors import ModelError
from vpr_ros.models import registry
from vpr_ros.models.download import file_digest
from vpr_ros.models.model_card import KEY, ModelCard, card_of, read_card
from vpr_ros.registries import weights_folder
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from vpr_ros.models.model_spec import ModelSpec

_WRAPPERS = ('model_state_dict', 'state_dict')
_PREFIX = 'module.'  # left by torch.nn.DataParallel
_SCALE = '.row_scale'
_INT8 = 127
_LEAST_ROW = 16  # values that share a scale; shorter rows would not get smaller
_LISTED = 8  # keys named in an error message, of each kind


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Read tensors from a ``.safetensors`` or a PyTorch file (``.pth``, ``.pt``, ``.ckpt``).

    Wrappers and prefixes of training code are removed, see `plain_state`. Python objects other
    than tensors and numpy numbers are refused, so a hostile file cannot run code.

    Raises:
        ModelError: The file is missing, damaged, not of these formats, or holds something other
            than finite tensors.
    """
    path = Path(path)
    if not path.is_file():
        msg = f'there is no weights file {path}'
        raise ModelError(msg)
    try:
        state = _read(path)
    except Exception as error:  # parsers raise anything on hostile bytes
        # Without the advice of torch to load the file unsafely, which follows.
        reason = str(error).strip().partition('\n')[0].partition('. ')[0] or type(error).__name__
        msg = (
            f'{path} cannot be read as weights: {reason}. Only .safetensors files and PyTorch '
            'files of plain tensors are accepted; a damaged download must be fetched again'
        )
        raise ModelError(msg) from error
    try:
        return plain_state(state)
    except ModelError as error:
        msg = f'{path}: {error}'
        raise ModelError(msg) from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a new path, whose file takes the place of `path` on the disk once it is complete.

    Others see `path` as it was or complete, also after a crash; an error leaves it as it was.

    Raises:
        OSError: It cannot be written; named is `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        yield unfinished
        with unfinished.open('rb') as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        # That of a full disk names no file, others the new one, which is gone.
        if error.errno and error.filename in (None, str(unfinished)):
            error.filename = str(path)
        raise
    except safetensors.SafetensorError as error:
        msg = f'{path} cannot be written: {error}'
        raise OSError(msg) from error
    finally:
        unfinished.unlink(missing_ok=True)


def load_published(net: nn.Module, state_dict: Mapping[str, Any]) -> None:
    """Load published weights into a network of `models.create`, strictly.

    Args:
        net: The network.
        state_dict: Published keys, with or without ``module.`` before each and a
            ``model_state_dict`` around all; converted to float32.

    Raises:
        ModelError: Keys are missing, not of this network, of another shape or of whole numbers;
            the message lists them and the network is unchanged.
    """
    state = plain_state(state_dict)
    own = net.state_dict()
    problems = (
        _listing('missing', [key for key in own if key not in state]),
        _listing('not of this network', [key for key in state if key not in own]),
        _listing(
            'of another shape',
            [
                f'{key} {tuple(state[key].shape)} instead of {tuple(value.shape)}'
                for key, value in own.items()
                if key in state and state[key].shape != value.shape
            ],
        ),
        _listing(
            'of whole numbers',
            [
                key
                for key, value in own.items()
                if value.is_floating_point() and not state.get(key, value).is_floating_point()
            ],
        ),
    )
    if any(problems):
        msg = 'these weights are not for this network: ' + '; '.join(filter(None, problems))
        raise ModelError(msg)
    # A network still without storage takes the tensors as they are, any other a copy.
    net.load_state_dict(state, assign=any(value.is_meta for value in own.values()))


def plain_state(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a state dict by bare keys, floating ones as float32.

    Raises:
        ModelError: It is no state dict, or a tensor is complex, sparse or not finite.
    """
    state: Any = state_dict
    for wrapper in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not state:
        msg = 'no tensors found'
        raise ModelError(msg)
    plain: dict[str, Tensor] = {}
    scales = {f'{key}{_SCALE}' for key in state} & set(state)
    for key, value in state.items():
        if key in scales:
            continue
        if not isinstance(key, str) or not isinstance(value, Tensor):
            msg = f'entry {key!r} is a {type(value).__name__}, not a tensor'
            raise ModelError(msg)
        plain[key.removeprefix(_PREFIX)] = _unscaled(key, _checked(key, value), state)
    if len(plain) != len(state) - len(scales):
        msg = f'keys appear both with and without {_PREFIX!r}'
        raise ModelError(msg)
    return plain


def compact(net: nn.Module, int8: Sequence[str] = ()) -> dict[str, Tensor]:
    """Return the weights of a network for a small file, as `plain_state` reads them.

    Args:
        net: The network.
        int8: Its parts whose matrices and kernels are rounded to int8, each row to a scale of its
            own; all else is rounded to float16.
    """
    parts = tuple(f'{part}.' for part in int8)
    state: dict[str, Tensor] = {}
    for key, value in net.state_dict().items():
        if not key.startswith(parts) or value.ndim < 2 or value[0].numel() < _LEAST_ROW:
            state[key] = value.half() if value.is_floating_point() else value
            continue
        rows = value.flatten(1)
        scale = (rows.abs().amax(1) / _INT8).half().clamp(min=torch.finfo(torch.float16).tiny)
        rounded = (rows / scale.float()[:, None]).round().clamp(-_INT8, _INT8)
        state[key] = rounded.to(torch.int8).view_as(value)
        state[key + _SCALE] = scale
    return {key: value.contiguous() for key, value in state.items()}


def fingerprint(net: nn.Module) -> str:
    """Return the sha256 (hex) of a network's weights, whatever file they came from."""
    digest = hashlib.sha256()
    for key, value in sorted(net.state_dict().items()):
        array = value.detach().cpu().contiguous().numpy()
        digest.update(f'{key} {array.dtype.str} {array.shape}\n'.encode())
        digest.update(array.data if array.size else b'')
    return digest.hexdigest()


def converted_path(name: str) -> Path:
    """Return where `convert` puts a model's weights, which is where they are looked for."""
    return weights_folder() / f'{name}.safetensors'


def convert(path: Path, name: str, target: Path | None = None) -> Path:
    """Write a weights file of any accepted form as safetensors, whole or not at all.

    Args:
        path: A published or own file, see `load_weights`.
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
    entry = registry.registration(name)
    described, network = read_network(entry, path)
    card = described_by(path) or ModelCard(name)
    digest, known = file_digest(path), entry.weights
    about: dict[str, Any] = {'source_file': path.name, 'source_sha256': digest}
    if known is not None and known.sha256 in ('', digest):
        about |= {'source': known.source, 'licence': known.licence}
    save_weights(target, network.state_dict(), replace(card_of(described, network, card), **about))
    return target


def described_by(path: Path) -> ModelCard | None:
    """Return the card of a weights file; None where it has none."""
    return read_card(path) if path.suffix == '.safetensors' else None


def read_network(entry: ModelSpec, path: Path) -> tuple[ModelSpec, nn.Module]:
    """Return a model as a file of its weights describes it, and its network with them.

    A file without options is taken for a published one, under its published keys.

    Args:
        entry: The model, as it is registered or as the file describes it.
        path: A file, see `load_weights`.

    Raises:
        ModelError: The file cannot be read, or is of another network; what is missing, too much
            or of another shape is listed.
    """
    state, card = load_weights(path), described_by(path)
    if card is not None and card.options and entry.file != path:  # else it is described already
        if card.model != entry.name:
            msg = f'{path} holds weights of {card.model}, not of {entry.name}'
            raise ModelError(msg)
        entry = card.applied(entry, path)
    try:
        if card is None or not card.options:
            rename = (entry.weights and entry.weights.rename) or str
            state = {rename(key): value for key, value in state.items()}
            state.pop('', None)
            shapes = {key: tuple(value.shape) for key, value in state.items()}
            options = entry.infer(shapes) if entry.infer else {}
            entry = replace(entry, options={**entry.options, **options}, file=path)
        network = registry.network_of(entry)
        load_published(network, state)
    except ModelError as error:
        msg = f'{path}: {error}'
        raise ModelError(msg) from error
    return entry, network


def save_weights(path: Path, state: Mapping[str, Tensor], card: ModelCard) -> None:
    """Write weights and their card as safetensors, whole or not at all.

    The same weights and card give the same bytes.

    Raises:
        OSError: The file cannot be written.
    """
    # Parameters that share memory, as a file may have them, are written one by one.
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
    metadata = {KEY: replace(card, software=SOFTWARE).text()}
    with whole_file(path) as unfinished:
        safetensors.torch.save_file(tensors, unfinished, metadata=metadata)


def _read(path: Path) -> Any:
    if path.suffix == '.safetensors':
        return safetensors.torch.load_file(path)
    _check_archive(path)
    with torch.serialization.safe_globals(_IGNORED), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return torch.load(path, map_location='cpu', weights_only=True)


def _check_archive(path: Path) -> None:
    """Refuse a zip file whose entries unpack to more than the file itself holds.

    PyTorch stores its entries uncompressed; compressed ones could fill any memory.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > path.stat().st_size:
            msg = f'it unpacks to {unpacked} bytes, more than it holds'
            raise ModelError(msg)


class _Ignored:
    """Stands in for the numpy numbers in training checkpoints, which are not needed here.

    They are not even rebuilt: numpy makes arrays of Python objects out of any bytes, which are
    then taken for addresses.
    """

    def __init__(self, *parts: object) -> None:
        del parts

    def __setstate__(self, state: object) -> None:
        del state


_BUILDERS = (
    f'{core}.multiarray.{kind}'
    for core in ('core', '_core')
    for kind in ('scalar', '_reconstruct')
)
_IGNORED: list[Any] = [(_Ignored, f'numpy.{name}') for name in ('dtype', 'ndarray', *_BUILDERS)]


def _checked(key: str, value: Tensor) -> Tensor:
    if value.is_complex() or value.is_quantized or value.layout != torch.strided or value.is_meta:
        msg = f'{key} is not a plain real tensor'
        raise ModelError(msg)
    value = value.detach()
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        msg = f'{key} claims {value.numel()} values, more than are stored'
        raise ModelError(msg)
    if not value.is_floating_point():
        return value
    try:
        value = value.float().contiguous()
    except (NotImplementedError, RuntimeError) as error:  # as of numbers of four bits
        msg = f'{key} holds {value.dtype}, which this version of torch cannot convert'
        raise ModelError(msg) from error
    if not torch.isfinite(value).all():
        msg = f'{key} contains NaN or infinite values'
        raise ModelError(msg)
    return value


def _unscaled(key: str, value: Tensor, state: Mapping[str, Any]) -> Tensor:
    """Return the values of rows that `compact` rounded, or the tensor if it is no such."""
    if value.dtype != torch.int8:
        return value
    scale = state.get(key + _SCALE)
    if not isinstance(scale, Tensor) or not value.ndim or scale.shape != value.shape[:1]:
        msg = f'{key} holds whole numbers without the scale of each of its rows, {key}{_SCALE}'
        raise ModelError(msg)
    scale = _checked(key + _SCALE, scale).float()
    return value * scale.view(-1, *[1] * (value.ndim - 1))


def _listing(kind: str, keys: list[str]) -> str:
    if not keys:
        return ''
    more = f' and {len(keys) - _LISTED} more' if len(keys) > _LISTED else ''
    return f'{len(keys)} {kind} ({", ".join(keys[:_LISTED])}{more})'
